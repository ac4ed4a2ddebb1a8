"""The CUDA convolution and its gradients, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels import precision
from dlengine.kernels.cuda import FLOATS, conv, emulator
from dlengine.kernels.cuda.convolution import plan, product, simt, tensor, winograd
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.geometry import ConvGeometry
from dlengine.kernels.reference import conv as reference

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

Ints = tuple[int, ...]

# x shape, (K, *kernel), groups, stride, dilation, pad_lo, pad_hi
SHAPES: dict[str, tuple[Ints, Ints, int, Ints, Ints, Ints, Ints]] = {
    "plain": ((2, 9, 6, 7), (10, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "few": ((2, 3, 9, 11), (5, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "stride and dilation": ((1, 8, 13, 10), (9, 3, 2), 1, (2, 3), (2, 1), (2, 0), (2, 0)),
    "stride of few": ((1, 4, 13, 10), (3, 3, 2), 1, (2, 3), (2, 1), (2, 0), (2, 0)),
    "stride over the filter": ((1, 8, 9, 9), (8, 2, 2), 1, (4, 3), (1, 1), (0, 0), (0, 0)),
    "dilation that strides share": ((1, 5, 14, 15), (6, 3, 4), 1, (2, 4), (4, 6), (1, 3), (4, 3)),
    "asymmetric padding": ((2, 8, 6, 7), (8, 4, 2), 1, (1, 2), (1, 1), (1, 0), (2, 3)),
    "several tiles": ((1, 70, 5, 14), (66, 2, 1), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "many tiles": ((2, 5, 13, 12), (140, 1, 3), 1, (1, 1), (1, 1), (0, 1), (0, 1)),
    "groups in tiles": ((1, 24, 7, 5), (27, 3, 3), 3, (1, 1), (1, 1), (1, 1), (1, 1)),
    "groups of few": ((2, 6, 7, 5), (4, 3, 3), 2, (2, 1), (1, 2), (1, 2), (1, 2)),
    "depthwise": ((2, 7, 6, 5), (7, 3, 3), 7, (1, 1), (1, 1), (1, 1), (1, 1)),
    "depthwise with stride": ((2, 5, 9, 8), (5, 5, 4), 5, (2, 3), (1, 2), (2, 1), (1, 4)),
    "depthwise with multiplier": ((1, 3, 6, 5), (24, 3, 3), 3, (1, 1), (1, 1), (1, 1), (1, 1)),
    "1x1": ((2, 9, 6, 6), (12, 1, 1), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "1x1 with stride": ((2, 9, 7, 6), (12, 1, 1), 1, (2, 2), (1, 1), (0, 0), (0, 0)),
    "one pixel": ((1, 1, 1, 1), (1, 1, 1), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "window all padding": ((1, 8, 2, 2), (8, 2, 2), 1, (1, 1), (1, 1), (3, 3), (0, 0)),
    "no batch": ((0, 8, 7, 7), (8, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no filters": ((2, 8, 7, 7), (0, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no channels": ((1, 0, 3, 3), (8, 2, 2), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
}
ONES, NONE = (1, 1, 1), (0, 0, 0)
SHAPES |= {
    "volume": ((2, 9, 4, 5, 6), (10, 2, 3, 3), 1, ONES, ONES, (1, 1, 0), (0, 1, 1)),
    "volume with strides": ((1, 5, 7, 6, 9), (6, 3, 2, 4), 1, (2, 3, 4), (1, 2, 6), (1, 0, 9), (2, 1, 9)),
    "volume in groups": ((2, 4, 3, 4, 5), (6, 2, 2, 1), 2, (1, 2, 2), (2, 1, 1), NONE, NONE),
    "volume of many tiles": ((1, 18, 5, 6, 9), (70, 1, 2, 3), 1, ONES, ONES, (0, 1, 1), (0, 0, 1)),
    "volume of one channel a group": ((1, 3, 4, 4, 5), (6, 3, 3, 3), 3, (2, 1, 1), ONES, ONES, ONES),
    "volume, 1x1": ((2, 9, 2, 3, 4), (12, 1, 1, 1), 1, ONES, ONES, NONE, NONE),
    "volume all padding": ((1, 8, 2, 2, 1), (8, 2, 2, 2), 1, ONES, ONES, (3, 0, 1), (0, 3, 0)),
    "no volumes": ((0, 2, 4, 4, 4), (3, 2, 2, 2), 1, ONES, ONES, NONE, NONE),
    "volume of no filters": ((2, 2, 4, 4, 4), (0, 2, 2, 2), 1, ONES, ONES, NONE, NONE),
    "volume of no channels": ((1, 0, 3, 3, 3), (4, 2, 2, 2), 1, ONES, ONES, NONE, NONE),
    "patches": ((2, 9, 7, 9), (70, 3, 3), 1, (1, 1), (1, 1), (1, 0), (0, 2)),
    "patches in groups": ((1, 14, 12, 15), (6, 3, 3), 2, (1, 1), (1, 1), (2, 2), (2, 2)),
    "patches beyond the padding": ((1, 8, 3, 2), (5, 3, 3), 1, (1, 1), (1, 1), (4, 3), (0, 3)),
}
DIRECTIONS = "forward", "input", "weight"
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-14}
ORDINARY = [(name, dtype) for name, kernels in simt.VARIANTS[2].items() for dtype in kernels.dtypes]
ORDINARY += [("product", dtype) for dtype in FLOATS] + [("winograd", "float32")]
TENSOR = [(name, dtype) for name, tiles in tensor.VARIANTS[2].items() for dtype in tiles.numbers]
by_direction = pytest.mark.parametrize("direction", DIRECTIONS)
by_name = pytest.mark.parametrize("name", SHAPES)


def geometry(name: str) -> ConvGeometry:
    (N, C, *size), (K, *kernel), groups, stride, dilation, low, high = SHAPES[name]
    out = [
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, d, lo, hi in zip(size, kernel, stride, dilation, low, high, strict=True)
    ]
    return ConvGeometry(N, C, K, groups, tuple(size), tuple(kernel), stride, dilation, low, high, tuple(out))


def arrays(g: ConvGeometry, dtype: str) -> tuple[Any, Any, Any]:
    """x, w, gy; not to be written. Quarters up to 4: all that numbers are rounded to holds them."""
    rng = np.random.default_rng(0)
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    made = [(np.round(4 * rng.standard_normal(shape)) / 4).astype(dtype) for shape in (g.x_shape, g.w_shape, g.y_shape)]
    for array in made:
        array.flags.writeable = False
    return made[0], made[1], made[2]


def call(module: Any, direction: str, x: Any, w: Any, gy: Any, g: ConvGeometry, *first: Any) -> Any:
    """One of the three kernels, of the set or (with the namespace first) of the reference."""
    kernel, suffix = f"conv{len(g.kernel)}d", {"forward": "", "input": "_input_grad", "weight": "_weight_grad"}[direction]
    given = {"forward": (x, w, None), "input": (gy, w), "weight": (x, gy)}[direction]
    return getattr(module, kernel + suffix)(*first, *given, g)


def applies(variant: str, direction: str, g: ConvGeometry) -> bool:
    """Whether a variant can answer for a geometry; most always can."""
    if variant not in conv.VARIANTS[len(g.kernel)]:
        return False
    if variant == "winograd":
        return winograd.Winograd.applies(direction, g)
    if variant == "depthwise":
        return g.C_per_group == 1
    if variant == "product":
        return product.Product.applies(direction, g)
    planes = g.C_per_group if direction == "forward" else g.K_per_group
    return not variant.startswith("few") or (direction != "weight" and simt.fits_table(g, planes))


def assert_near(found: Any, direction: str, dtype: str, g: ConvGeometry, tolerance: float | None = None) -> None:
    """Within the tolerance of the sum of magnitudes."""
    wide = [array.astype(np.float64) for array in arrays(g, dtype)]
    exact = call(reference, direction, *wide, g, xp)
    magnitude = call(reference, direction, *map(abs, wide), g, xp)
    assert found.shape == exact.shape
    assert found.dtype == dtype
    assert found.flags.c_contiguous
    assert (abs(found - exact) <= (tolerance or TOLERANCE[dtype]) * magnitude).all()


def answer_with(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    monkeypatch.setattr(plan, "plan", lambda direction, g, x: [variant])


@by_direction
@pytest.mark.parametrize(("variant", "dtype"), ORDINARY + TENSOR)
def test_every_kernel(variant: str, dtype: str, direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, variant)
    monkeypatch.setattr(simt, "SPLIT_SIZE", 48)
    for name in SHAPES:
        g = geometry(name)
        if applies(variant, direction, g):
            assert_near(call(conv, direction, *arrays(g, dtype), g), direction, dtype, g)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@by_direction
@pytest.mark.parametrize(("variant", "dtype"), ORDINARY + TENSOR)
def test_checked(variant: str, dtype: str, direction: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator.checked(order):
        test_every_kernel(variant, dtype, direction, monkeypatch)


@by_direction
@pytest.mark.parametrize(
    "variant", ["64x64", "few 16x128", "depthwise", "tensor 64", "winograd", "64x64 volume", "tensor 64 volume"]
)
def test_one_checked_launch_of_each_kernel(variant: str, direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, volume = variant.removesuffix(" volume"), variant.endswith("volume")
    g = geometry("volume in groups" if volume else "depthwise" if name == "depthwise" else "plain")
    variant = name
    if applies(variant, direction, g):
        answer_with(monkeypatch, variant)
        with emulator.checked():
            assert_near(call(conv, direction, *arrays(g, "float32"), g), direction, "float32", g)


@by_direction
@by_name
def test_what_the_plan_chooses(name: str, direction: str) -> None:
    for dtype in FLOATS:
        g = geometry(name)
        assert_near(call(conv, direction, *arrays(g, dtype), g), direction, dtype, g)


@by_direction
@pytest.mark.parametrize("name", ["several tiles", "few", "groups in tiles", "depthwise", "volume of many tiles"])
def test_few_blocks_stride_over_the_grid(name: str, direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    g = geometry(name)
    assert_near(call(conv, direction, *arrays(g, "float32"), g), direction, "float32", g)


@pytest.mark.parametrize("name", ["1x1", "volume, 1x1", "depthwise", "patches"])
@pytest.mark.parametrize("variant", ["64x64", "few 16x128", "depthwise", "tensor 64", "product", "winograd"])
def test_bias(variant: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, variant)
    g = geometry(name)
    if not applies(variant, "forward", g):
        return
    x, w, _ = arrays(g, "float32")
    bias = np.random.default_rng(1).standard_normal(g.K).astype("float32")
    expected = reference.conv2d(xp, x, w, None, g) + bias.reshape(-1, *[1] * len(g.kernel))
    np.testing.assert_allclose(conv.conv2d(x, w, bias, g), expected, rtol=1e-4, atol=1e-4)


def test_nan_stays_where_it_is_seen() -> None:
    g = geometry("plain")
    x, w, _ = (np.array(a) for a in arrays(g, "float32"))
    x[1, 2, 4, 4] = np.nan
    bad = np.isnan(conv.conv2d(x, w, None, g))
    assert bad[1, :, 3:6, 3:6].all()
    assert bad.sum() == 10 * 9


@by_direction
def test_strided_views(direction: str) -> None:
    g = geometry("plain")
    made = arrays(g, "float32")
    views = [np.asfortranarray(a) for a in made]
    np.testing.assert_array_equal(call(conv, direction, *views, g), call(conv, direction, *made, g))


def test_arrays_that_begin_anywhere() -> None:
    """Quads are read at once only where they are aligned."""
    g = geometry("1x1")
    x, w, _ = arrays(g, "float32")
    shifted = np.zeros(x.size + 1, "float32")[1:].reshape(x.shape)
    shifted[...] = x
    np.testing.assert_array_equal(conv.conv2d(shifted, w, None, g), conv.conv2d(x, w, None, g))


def test_gradient_of_a_sum() -> None:
    g = geometry("plain")
    x, w, _ = arrays(g, "float32")
    one = np.broadcast_to(np.float32(1), g.y_shape)
    np.testing.assert_array_equal(conv.conv2d_input_grad(one, w, g), conv.conv2d_input_grad(one.copy(), w, g))
    np.testing.assert_array_equal(conv.conv2d_weight_grad(x, one, g), conv.conv2d_weight_grad(x, one.copy(), g))


@by_direction
@pytest.mark.parametrize("where", ["x", "w", "gy"])
@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("64x64", "plain"),
        ("64x64", "stride and dilation"),
        ("few 16x128", "few"),
        ("few 16x128", "asymmetric padding"),
        ("depthwise", "depthwise with stride"),
        ("tensor 64", "plain"),
        ("tensor 64", "stride and dilation"),
        ("64x64", "volume with strides"),
        ("tensor 64", "volume with strides"),
        ("winograd", "plain"),
        ("winograd", "patches beyond the padding"),
    ],
)
def test_not_finite_where_the_reference_is_not(
    variant: str, name: str, where: str, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward, padding is a zero that an infinite weight makes NaN; the input gradient has no term where no window is."""
    g = geometry(name)
    if not applies(variant, direction, g):
        return
    answer_with(monkeypatch, variant)
    made = dict(zip(("x", "w", "gy"), (np.array(a) for a in arrays(g, "float32")), strict=True))
    array = made[where]
    array[(-1, 0, *(size // 2 for size in array.shape[2:]))] = np.inf
    array[(0, 0, 0, 0)] = np.nan
    with np.errstate(invalid="ignore"):
        found = call(conv, direction, *made.values(), g)
        expected = call(reference, direction, *made.values(), g, xp)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))


@by_direction
@pytest.mark.parametrize(
    ("word", "variant", "error"), [("high", "tensor 64", 2.0**-10), ("medium", "rounded tensor 64", 2.0**-7)]
)
def test_precision_allows_rounding(
    word: str, variant: str, error: float, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less exact where asked for, by no more than the factors' rounding."""
    g = geometry("many tiles")
    rng = np.random.default_rng(0)
    made = [rng.standard_normal(shape).astype("f4") for shape in (g.x_shape, g.w_shape, g.y_shape)]
    assert not tensor.answers(made[0])
    with precision.in_force(word):
        assert variant in tensor.answers(made[0])
    answer_with(monkeypatch, variant)
    found = call(conv, direction, *made, g)
    wide = [array.astype(np.float64) for array in made]
    off = abs(found - call(reference, direction, *wide, g, xp)) / call(reference, direction, *map(abs, wide), g, xp)
    assert error / 100 < off.max() < error


B, G, A = (
    np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], "f8"),
    np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
    np.array([[1, 1, 1, 0], [0, 1, -1, -1]], "f8"),
)


def filtered(x: Any, w: Any, pad: Ints, shape: Ints, absolute: bool) -> Any:
    """Winograd's formula, or what bounds its rounding errors: the same with the absolute values of everything."""
    b, g, a = (np.abs(m) if absolute else m for m in (B, G, A))
    high, wide = (-(-n // 2) for n in shape)
    room = [(pad[i], 2 * (high, wide)[i] + 2 - pad[i] - x.shape[2 + i]) for i in range(2)]
    padded = np.pad(x, ((0, 0), (0, 0), *((max(lo, 0), max(hi, 0)) for lo, hi in room)))
    padded = padded[:, :, max(-room[0][0], 0) :, max(-room[1][0], 0) :]
    u = np.einsum("ir,kcrs,js->kcij", g, w, g)
    out = np.zeros((len(x), len(w), 2 * high, 2 * wide))
    for i in range(high):
        for j in range(wide):
            d = np.einsum("ir,ncrs,js->ncij", b, padded[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4], b)
            m = np.einsum("kcij,ncij->nkij", u, d)
            out[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = np.einsum("pi,nkij,qj->nkpq", a, m, a)
    return out[:, :, : shape[0], : shape[1]]


@pytest.mark.parametrize("direction", ["forward", "input"])
@pytest.mark.parametrize("size", ["of one size", "of many sizes"])
def test_winograd_is_as_exact_as_stated(direction: str, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of convolution/winograd.py, which holds for every number, in terms of absolute values; and it is no loose one."""
    answer_with(monkeypatch, "winograd")
    g = ConvGeometry(2, 40, 40, 1, (9, 8), (3, 3), (1, 1), (1, 1), (1, 0), (1, 2), (9, 8))
    rng = np.random.default_rng(0)
    made = [rng.standard_normal(shape).astype("f4") for shape in (g.x_shape, g.w_shape, g.y_shape)]
    if size == "of many sizes":
        made = [array * np.exp(3 * rng.standard_normal(array.shape)).astype("f4") for array in made]
    found = call(conv, direction, *made, g)
    x, w, gy = (array.astype(np.float64) for array in made)
    exact = call(reference, direction, x, w, gy, g, xp)
    if direction == "input":
        x, w, pad = gy, w.swapaxes(0, 1)[:, :, ::-1, ::-1], (2 - g.pad_lo[0], 2 - g.pad_lo[1])
    else:
        pad = g.pad_lo
    assert np.allclose(filtered(x, w, pad, found.shape[2:], False), exact, atol=1e-9 * abs(exact).max())
    magnitude = filtered(abs(x), abs(w), pad, found.shape[2:], True)
    off = (abs(found - exact) / magnitude).max() / np.finfo("f4").eps
    assert 0.05 < off <= g.C + 16


@pytest.mark.parametrize(
    ("name", "variant"), [("winograd", "winograd"), ("16x128", "16x128"), ("heuristic", ""), ("library", "")]
)
def test_a_kernel_may_be_asked_for(name: str, variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that is too slow for the shape to be compared; where it cannot answer, the plan's first does."""
    g = geometry("plain")
    x, w, _ = arrays(g, "float32")
    planned = plan.plan("forward", g, x)
    monkeypatch.setenv("DLENGINE_CUDA_CHOICE", name)
    assert plan.plan("forward", g, x) == [*planned, *([variant] if variant and variant not in planned else [])]
    assert "winograd" not in plan.plan("weight", g, x)
    kernel = conv.VARIANTS[2][variant or planned[0]].kernels["forward"]
    before = kernel.launches["float32"]
    conv.conv2d(x, w, None, g)
    assert kernel.launches["float32"] == before + 1


def test_two_runs_agree_bit_for_bit() -> None:
    g = geometry("plain")
    x, _, gy = arrays(g, "float32")
    assert conv.conv2d_weight_grad(x, gy, g).tobytes() == conv.conv2d_weight_grad(x, gy, g).tobytes()


def test_splits_cover_all_pixels() -> None:
    for pixels in (0, 1, 15, 16, 17, 1024, 1025, 10_000, 123_457):
        for tiles in (1, 7, 300, 5000):
            splits, size = simt.split(pixels, tiles, 16)
            assert splits == 1 or (splits - 1) * size < pixels
            assert splits * size >= pixels


def test_plans() -> None:
    """Large tiles where there is much to do, small ones where tiles would be empty."""

    def first(direction: str, *shape: Any, dtype: str = "float32") -> str:
        return plan.plan(direction, ConvGeometry(*shape), np.empty(0, dtype))[0]

    one, none = (1, 1), (0, 0)
    vgg = 64, 256, 256, 1, (56, 56), (3, 3), one, one, one, one, (56, 56)
    assert [first(direction, *vgg) for direction in DIRECTIONS] == ["winograd", "winograd", "128x128"]
    assert first("forward", 64, 16, 16, 1, (32, 32), (3, 3), one, one, one, one, (32, 32)) != "winograd"  # few channels
    video = 8, 128, 128, 1, (16, 28, 28), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1), (16, 28, 28)
    assert {first(direction, *video) for direction in DIRECTIONS} == {"128x128"}
    assert {first(direction, *video, dtype="bfloat16") for direction in DIRECTIONS} == {"tensor 128"}
    assert {first(direction, *vgg, dtype="float16") for direction in DIRECTIONS} == {"tensor 128"}
    assert first("forward", 64, 3, 64, 1, (224, 224), (7, 7), (2, 2), one, (3, 3), (3, 3), (112, 112)) == "few 64x128"
    assert first("forward", 64, 64, 3, 1, (64, 64), (3, 3), one, one, one, one, (64, 64)) == "16x128"
    assert first("forward", 64, 128, 128, 128, (28, 28), (3, 3), one, one, one, one, (28, 28)) == "depthwise"
    assert first("forward", 64, 64, 256, 1, (56, 56), (1, 1), one, one, none, none, (56, 56), dtype="float16") == "product"


def test_launches_are_counted_per_kernel_and_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, "64x64")
    launches = simt.VARIANTS[2]["64x64"].kernels["forward"].launches
    before = launches["float64"]
    for name in ("plain", "no batch"):
        g = geometry(name)
        conv.conv2d(*arrays(g, "float64")[:2], None, g)
    assert launches["float64"] == before + 1
