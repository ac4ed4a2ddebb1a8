"""The jitted convolutions against the reference in float64."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reference_namespaces import NUMPY, run

from dlengine.kernels.geometry import ConvGeometry
from dlengine.kernels.jit import conv
from dlengine.kernels.jit.convolution import (
    panel,
    panel_plan,
    plain,
    winograd,
    winograd_plan,
    winograd_transform,
    winograd_weight_grad,
)
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.jit.machine.vector import VECTOR_BYTES

DTYPES = (np.float32, np.float64)


def geometry(n, c, size, k, kernel, stride=(1, 1), dilation=(1, 1), low=(0, 0), high=(0, 0), groups=1):
    out = tuple(
        (i + a + b - d * (m - 1) - 1) // s + 1
        for i, a, b, d, m, s in zip(size, low, high, dilation, kernel, stride, strict=True)
    )
    return ConvGeometry(n, c, k, groups, size, kernel, stride, dilation, low, high, out)


SMALL = [
    geometry(2, 3, (7, 6), 5, (3, 3)),
    geometry(3, 1, (9, 5), 4, (3, 2), low=(1, 0), high=(0, 1)),
    geometry(1, 4, (11, 13), 9, (3, 3), (2, 2), low=(1, 1), high=(1, 1)),
    geometry(2, 2, (10, 12), 17, (2, 4), (3, 1), (1, 2), (2, 3), (0, 1)),
    geometry(1, 6, (9, 9), 4, (3, 3), (1, 2), (2, 1), (2, 1), (2, 1), groups=2),
    geometry(2, 5, (8, 7), 5, (3, 3), low=(1, 1), high=(1, 1), groups=5),
    geometry(1, 3, (5, 5), 9, (3, 3), (2, 2), groups=3),
    geometry(3, 7, (6, 6), 6, (1, 1)),
    geometry(2, 3, (8, 8), 2, (1, 1), (2, 2)),
    geometry(1, 2, (4, 4), 3, (4, 4), (4, 4)),
    geometry(1, 1, (1, 1), 1, (1, 1)),
    geometry(2, 1, (2, 3), 1, (3, 3), (2, 1), low=(3, 4), high=(4, 3)),
    geometry(1, 2, (1, 130), 3, (1, 100)),  # reaches further than several vectors
    geometry(1, 3, (2, 140), 3, (1, 5), (1, 2), (1, 25), (0, 30), (0, 20)),
    geometry(1, 3, (2, 140), 3, (1, 5), (1, 2), (1, 25), (0, 30), (0, 20), groups=3),
]
WINOGRAD = [
    geometry(9, 64, (8, 7), 64, (3, 3), low=(1, 1), high=(1, 1)),
    geometry(23, 32, (8, 12), 49, (3, 3), low=(1, 1), high=(1, 1)),
    geometry(1, 64, (14, 9), 60, (3, 3), low=(0, 3), high=(2, 0)),
    geometry(2, 16, (21, 70), 32, (3, 3)),  # rows of 17 patches, in three runs
    geometry(1, 28, (23, 18), 32, (3, 3), low=(2, 2), high=(2, 2)),
    geometry(33, 24, (13, 15), 47, (3, 3), low=(1, 0), high=(0, 2)),  # several units of work
    geometry(4, 300, (6, 8), 64, (3, 3), low=(1, 1), high=(1, 1)),  # two slices of the depth
]
WINOGRAD_TAPS = [  # filters of other sizes than 3 x 3, and with strides
    geometry(9, 32, (19, 17), 60, (5, 5), low=(2, 2), high=(2, 2)),
    geometry(2, 64, (30, 29), 60, (4, 4), low=(0, 1), high=(2, 0)),
    geometry(3, 64, (40, 41), 64, (2, 2)),
    geometry(3, 32, (56, 50), 64, (5, 5), (2, 2), low=(2, 1), high=(2, 0)),
    geometry(2, 3, (115, 112), 96, (11, 11), (4, 4), low=(2, 3), high=(0, 1)),
    geometry(2, 64, (40, 81), 64, (5, 10), (1, 2), low=(1, 2), high=(3, 4)),
]
PANEL = [
    geometry(8, 2, (7, 6), 61, (4, 4), (2, 2), low=(1, 1), high=(1, 1)),
    geometry(9, 50, (5, 5), 50, (3, 3), low=(1, 1), high=(1, 1)),
    geometry(8, 49, (6, 7), 3, (2, 1), (2, 3), low=(0, 1), high=(0, 1)),  # pixels that no tap meets
    geometry(8, 3, (4, 9), 70, (3, 3), (1, 2), (1, 2), (3, 2), (4, 3)),  # more padding than the filter reaches
    geometry(8, 18, (5, 5), 64, (1, 1)),
]
LARGE = [
    geometry(3, 16, (40, 44), 24, (3, 3), low=(1, 1), high=(1, 1)),
    geometry(4, 12, (33, 31), 20, (1, 1)),
    geometry(3, 130, (9, 7), 140, (1, 1)),
    geometry(1, 129, (5, 3), 131, (1, 1)),
    geometry(5, 3, (7, 6), 4, (7, 6)),  # one place: a matrix product
    geometry(2, 3, (64, 70), 16, (7, 7), (2, 2), low=(3, 3), high=(3, 3)),
    geometry(1, 300, (40, 41), 40, (3, 2)),  # strips
    geometry(9, 7, (5, 32), 8, (3, 3), low=(1, 1), high=(1, 1)),  # rows of whole vectors
    geometry(3, 6, (9, 16), 8, (3, 2), (1, 1), (2, 1), groups=2, low=(2, 1)),
]
WINOGRAD_WEIGHTS = [
    geometry(3, 16, (14, 13), 60, (3, 3), low=(1, 1), high=(1, 1)),
    geometry(1, 17, (20, 19), 64, (3, 3), low=(0, 2), high=(1, 0)),
    geometry(32, 25, (8, 8), 60, (3, 3), low=(1, 1), high=(1, 1)),
]

DEPTHWISE = [
    geometry(2, 3, (13, 37), 3, (3, 3), low=(1, 1), high=(1, 1), groups=3),  # tiles of 8, 4 and 1 rows, three vectors of 16
    geometry(1, 2, (9, 16), 2, (5, 5), low=(2, 2), high=(2, 2), groups=2),
    geometry(2, 4, (12, 20), 4, (3, 3), (2, 2), low=(1, 1), high=(1, 1), groups=4),
    geometry(1, 3, (14, 11), 3, (3, 2), (1, 1), (2, 3), (2, 0), (1, 3), groups=3),
    geometry(3, 2, (6, 40), 2, (3, 4), low=(0, 2), high=(2, 1), groups=2),
    geometry(1, 2, (1, 5), 2, (1, 1), low=(1, 2), high=(0, 1), groups=2),  # more padding than the filter reaches
]


def arrays(g, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in (g.x_shape, g.w_shape, g.y_shape))


def check(got, want, dtype, terms):
    assert got.dtype == dtype
    assert got.flags.c_contiguous
    scale = max(1.0, np.abs(want).max(initial=0.0)) * np.sqrt(terms)
    np.testing.assert_allclose(got, want, rtol=0, atol=2 * scale * np.finfo(dtype).eps)


def agree(g, dtype, x, w, gy):
    wide = [a.astype(np.float64) for a in (x, w, gy)]
    before = [a.copy() for a in (x, w, gy)]
    area = g.kernel[0] * g.kernel[1]
    bias = x.reshape(-1)[: g.K] if x.size >= g.K else None
    y = run(NUMPY, "conv2d", wide[0], wide[1], None, g)
    check(conv.conv2d(x, w, None, g), y, dtype, g.C_per_group * area)
    y = run(NUMPY, "conv2d", wide[0], wide[1], None if bias is None else bias.astype(np.float64), g)
    check(conv.conv2d(x, w, bias, g), y, dtype, g.C_per_group * area + 1)
    want = run(NUMPY, "conv2d_input_grad", wide[2], wide[1], g)
    check(conv.conv2d_input_grad(gy, w, g), want, dtype, g.K_per_group * area)
    want = run(NUMPY, "conv2d_weight_grad", wide[0], wide[2], g)
    check(conv.conv2d_weight_grad(x, gy, g), want, dtype, max(1, g.N * g.out_shape[0] * g.out_shape[1]))
    for array, copy in zip((x, w, gy), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("g", SMALL + WINOGRAD + WINOGRAD_TAPS + PANEL + LARGE + WINOGRAD_WEIGHTS + DEPTHWISE)
def test_agrees_with_the_reference(g, dtype):
    agree(g, dtype, *arrays(g, dtype))


@pytest.mark.parametrize("g", SMALL + WINOGRAD[:1] + PANEL[:1] + DEPTHWISE)
def test_plain_python_agrees_too(g):
    with interpreted():
        agree(g, np.float32, *arrays(g, np.float32))


def test_random_geometries():
    rng = np.random.default_rng(7)
    done = 0
    while done < 60:
        groups = int(rng.choice([1, 1, 2, 3]))
        draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, 2))  # noqa: E731
        n, c, k = (int(v) for v in rng.integers(1, (4, 6, 12)))
        g = geometry(
            n, groups * c, draw(1, 20), groups * k, draw(1, 5), draw(1, 4), draw(1, 4), draw(0, 5), draw(0, 5), groups
        )
        if min(g.out_shape) > 0:
            agree(g, np.float32, *arrays(g, np.float32, done))
            done += 1


@pytest.mark.parametrize(
    "g",
    [
        geometry(0, 3, (7, 7), 4, (3, 3)),
        geometry(2, 3, (7, 7), 0, (3, 3)),
        geometry(2, 0, (7, 7), 4, (3, 3)),
        geometry(2, 3, (0, 4), 4, (3, 3), low=(2, 0), high=(2, 0)),
    ],
)
def test_size_zero(g):
    agree(g, np.float32, *arrays(g, np.float32))


def test_takes_any_layout():
    g = SMALL[2]
    x, w, gy = arrays(g, np.float32)
    x, w, gy = np.asfortranarray(x), w[:, ::-1][..., ::-1], np.repeat(gy, 2, axis=3)[..., ::2]
    for array in (x, w, gy):
        array.flags.writeable = False
    agree(g, np.float32, x, w, gy)


@pytest.mark.parametrize("g", [*SMALL[:5:2], SMALL[7], *WINOGRAD, *PANEL[:3], *WINOGRAD_WEIGHTS, *DEPTHWISE[:3]])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_infinities_reach_what_they_should_and_nothing_else(g, where):
    data = list(arrays(g, np.float32))
    data[where].flat[data[where].size // 2] = np.inf
    data[where].flat[-1] = np.nan
    x, w, gy = data
    with np.errstate(invalid="ignore"):
        pairs = [
            (conv.conv2d(x, w, None, g), run(NUMPY, "conv2d", x, w, None, g)),
            (conv.conv2d_input_grad(gy, w, g), run(NUMPY, "conv2d_input_grad", gy, w, g)),
            (conv.conv2d_weight_grad(x, gy, g), run(NUMPY, "conv2d_weight_grad", x, gy, g)),
        ]
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


def test_memory_beyond_the_input_does_no_harm():
    """Reads may go past a strip; the input ends right before NaNs here, so one lane too many would show."""
    for g in (geometry(2, 3, (8, 9), 4, (3, 3)), geometry(3, 8, (6, 6), 8, (1, 1))):
        x, w, gy = arrays(g, np.float32)
        held = []
        for array in (x, w, gy):
            around = np.full(array.size + 128, np.nan, np.float32)
            around[64:-64] = array.reshape(-1)
            held.append(around[64:-64].reshape(array.shape))
        agree(g, np.float32, *held)


@pytest.mark.parametrize("g", SMALL)
@pytest.mark.parametrize("as_python", [False, True])
def test_loops_for_data_that_is_not_finite(g, as_python):
    x, w, gy = arrays(g, np.float64)
    if as_python:
        with interpreted():
            gx, gw = plain.input_grad(gy, w, g), plain.weight_grad(x, gy, g)
    else:
        gx, gw = plain.input_grad(gy, w, g), plain.weight_grad(x, gy, g)
    np.testing.assert_allclose(gx, run(NUMPY, "conv2d_input_grad", gy, w, g), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gw, run(NUMPY, "conv2d_weight_grad", x, gy, g), rtol=1e-11, atol=1e-11)


def test_winograd_answers_where_it_pays():
    for g in WINOGRAD + WINOGRAD_TAPS:
        x, w, gy = arrays(g, np.float32)
        bias = conv.bias_row(g.K, None, np.float32)
        assert winograd_plan.pays(g, 4)
        assert winograd.forward(x, w, g, bias) is not None
        assert winograd.input_grad(gy, w, g) is not None
        x[-1, 0, 0, 0] = np.inf
        assert winograd.forward(x, w, g, bias) is None
        gy[0, -1, -1, -1] = np.nan
        assert winograd.input_grad(gy, w, g) is None
    padded = {"low": (1, 1), "high": (1, 1)}
    assert not winograd_plan.pays(SMALL[0], 4)
    assert not winograd_plan.pays(geometry(64, 11, (28, 28), 64, (3, 3), **padded), 4)  # few channels
    assert not winograd_plan.pays(geometry(64, 64, (28, 28), 64, (3, 3), (2, 2), **padded), 4)  # few taps for each phase
    assert not winograd_plan.pays(geometry(64, 16, (8, 8), 32, (3, 3), **padded), 4)  # a small image of few channels
    assert not winograd_plan.pays(geometry(64, 64, (5, 5), 64, (3, 3), **padded), 4)  # whose patches are mostly outside
    assert winograd_plan.pays(geometry(64, 64, (8, 8), 64, (3, 3), **padded), 4)
    assert all(winograd_plan.weight_grad_pays(g, 4) for g in WINOGRAD_WEIGHTS + WINOGRAD_TAPS)
    assert not winograd_plan.weight_grad_pays(SMALL[0], 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("g", [g for g in SMALL + WINOGRAD + WINOGRAD_TAPS + WINOGRAD_WEIGHTS if winograd_plan.form_of(g)])
def test_winograd_weight_gradient(g, dtype):
    x, _, gy = arrays(g, dtype)
    want = run(NUMPY, "conv2d_weight_grad", x.astype(np.float64), gy.astype(np.float64), g)
    check(winograd_weight_grad.weight_grad(x, gy, g), want, dtype, g.N * g.out_shape[0] * g.out_shape[1])
    if dtype == np.float32 and g.macs < 1e6:
        with interpreted():
            check(winograd_weight_grad.weight_grad(x, gy, g), want, dtype, g.N * g.out_shape[0] * g.out_shape[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("g", [g for g in SMALL if winograd_plan.form_of(g)])
def test_winograd_agrees_where_it_does_not_pay(g, dtype):
    x, w, gy = arrays(g, dtype)
    wide, bias = [a.astype(np.float64) for a in (x, w, gy)], w[:, 0, 0, 0]
    want = run(NUMPY, "conv2d", wide[0], wide[1], bias.astype(np.float64), g)
    check(winograd.forward(x, w, g, conv.bias_row(g.K, bias, dtype)), want, dtype, 9 * g.C)
    check(winograd.input_grad(gy, w, g), run(NUMPY, "conv2d_input_grad", wide[2], wide[1], g), dtype, 9 * g.K)


@pytest.mark.parametrize("form", winograd_transform.FORMS.values(), ids=lambda form: f"{form.taps} taps")
def test_winograd_transforms_of_patches_filters_and_products_are_a_convolution(form):
    b_t, g, a_t = winograd_transform.matrices(form)
    rng = np.random.default_rng(0)
    d, w = rng.standard_normal(form.side), rng.standard_normal(form.taps)
    np.testing.assert_allclose(a_t @ ((g @ w) * (b_t @ d)), np.correlate(d, w, "valid"), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("taps", winograd_transform.FORMS)
@pytest.mark.parametrize("channels", [16, 64, 256])
def test_winograd_rounds_little_more_than_the_definition(channels, taps):
    g = geometry(2, channels, (24, 24), 32, (taps, taps), low=(1, 1), high=(1, 1))
    x, w, gy = arrays(g, np.float32)
    wide = [a.astype(np.float64) for a in (x, w, gy)]
    pairs = [
        (winograd.forward(x, w, g, np.zeros(32, np.float32)), run(NUMPY, "conv2d", wide[0], wide[1], None, g)),
        (winograd.input_grad(gy, w, g), run(NUMPY, "conv2d_input_grad", wide[2], wide[1], g)),
        (winograd_weight_grad.weight_grad(x, gy, g), run(NUMPY, "conv2d_weight_grad", wide[0], wide[2], g)),
    ]
    for got, want in pairs:
        assert np.abs(got - want).max() <= 4e-6 * np.abs(want).max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("g", [g for g in SMALL + PANEL + LARGE if g.groups == 1])
def test_panels_agree_for_any_geometry(g, dtype):
    x, w, gy = arrays(g, dtype)
    wide = [a.astype(np.float64) for a in (x, w, gy)]
    area, bias = g.kernel[0] * g.kernel[1], conv.bias_row(g.K, None, dtype)
    check(panel.forward(x, w, g, bias), run(NUMPY, "conv2d", wide[0], wide[1], None, g), dtype, g.C * area)
    want = run(NUMPY, "conv2d_input_grad", wide[2], wide[1], g)
    check(panel.input_grad(gy, w, g), want, dtype, g.K * area)
    want = run(NUMPY, "conv2d_weight_grad", wide[0], wide[2], g)
    check(panel.weight_grad(x, gy, g), want, dtype, g.N * g.out_shape[0] * g.out_shape[1])


def test_panels_answer_where_pixels_fill_no_vectors():
    small, wide = geometry(32, 64, (8, 8), 64, (3, 3), low=(1, 1), high=(1, 1)), geometry(32, 64, (64, 64), 64, (3, 3))
    half_a_vector = VECTOR_BYTES // 8
    thin, few = geometry(32, 64, (8, 8), half_a_vector, (3, 3)), geometry(2, 128, (8, 8), 128, (3, 3))
    for pays in (panel_plan.forward_pays, panel_plan.input_grad_pays, panel_plan.weight_grad_pays):
        assert pays(small, 4, 2)
        assert not pays(wide, 4, 2)
        assert not pays(few, 4, 2)
    little = geometry(1, 64, (8, 8), 64, (3, 3))  # which one thread does before another wakes
    assert panel_plan.forward_pays(little, 4, 2)
    assert panel_plan.input_grad_pays(little, 4, 2)
    assert not panel_plan.weight_grad_pays(little, 4, 2)
    assert not panel_plan.forward_pays(thin, 4, 2)
    assert panel_plan.input_grad_pays(thin, 4, 2)
    assert not panel_plan.forward_pays(geometry(8, 16, (4, 4), 64, (3, 3), low=(1, 1), high=(1, 1)), 4, 2)


def test_a_few_images_are_shared_where_each_thread_has_as_many():
    for pays in (panel_plan.forward_pays, panel_plan.input_grad_pays, panel_plan.weight_grad_pays):
        for images, threads, shared in ((4, 2, True), (6, 2, True), (5, 2, False), (2, 2, False), (9, 3, True), (3, 1, False)):
            assert pays(geometry(images, 64, (10, 10), 64, (3, 3)), 4, threads) == shared, (pays, images, threads)
    large = geometry(5, 64, (10, 10), 64, (6, 6))
    assert panel_plan.weight_grad_pays(large, 4, 2)
    assert not panel_plan.forward_pays(large, 4, 2)


def test_threads_share_the_rows_of_a_large_weight_gradient(monkeypatch):
    for K in (128, 90):
        g = geometry(3, 64, (7, 6), K, (5, 5), low=(1, 1), high=(1, 1))
        assert panel_plan.by_rows(g, 4)
        x, _, gy = arrays(g, np.float32)
        want = run(NUMPY, "conv2d_weight_grad", x.astype(np.float64), gy.astype(np.float64), g)
        found = []
        for threads in (1, 2, 5):
            monkeypatch.setattr(panel, "thread_count", lambda units, threads=threads: threads)
            found.append(panel.weight_grad(x, gy, g))
            check(found[-1], want, np.float32, g.N * g.out_shape[0] * g.out_shape[1])
            np.testing.assert_array_equal(found[-1], found[0])


@pytest.mark.timeout(900)  # it compiles everything anew, which takes minutes where other processes share the cores
@pytest.mark.parametrize("lanes", ["8", "4"])
def test_narrower_vectors(lanes):
    """The kernels of CPUs with AVX2, or with 16-byte vectors, in a process of its own."""
    script = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[3]]; import numpy as np\n"
        "import test_conv as t, test_matmul as m, test_pool as p, test_softmax as s\n"
        "from dlengine.kernels.jit.machine import vector; assert vector.VECTOR_BYTES == 4 * int(sys.argv[2])\n"
        "for g in t.SMALL + t.WINOGRAD + t.PANEL + t.LARGE + t.WINOGRAD_WEIGHTS + t.DEPTHWISE:\n"
        "    t.agree(g, np.float32, *t.arrays(g, np.float32))\n"
        "for shapes in m.SHAPES: m.agree(*m.operands(*shapes, False, True)); m.agree(*m.operands(*shapes, True, False))\n"
        "for g in p.GEOMETRIES:\n"
        "    for kind in p.DTYPES: p.test_agrees_with_the_reference(g, kind)\n"
        "for shape, axis in s.SHAPES: s.test_softmax_family(shape, axis, np.float32)\n"
    )
    environment = os.environ | {"DLENGINE_JIT_LANES": lanes}
    command = [sys.executable, "-c", script, os.path.dirname(__file__), lanes, str(Path(__file__).parents[1])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stderr[-2000:]
