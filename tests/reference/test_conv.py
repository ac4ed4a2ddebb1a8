"""The convolution kernels against sums written out, torch, and each other's adjoints."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close, run

from dlengine.kernels.geometry import ConvGeometry


def geometry(n, c, k, size, kernel, groups=1, stride=1, dilation=1, low=0, high=None):
    """A geometry from numbers or one number per dimension."""

    def each(value):
        return tuple(value) if isinstance(value, tuple) else (value,) * len(size)

    low, high = each(low), each(low if high is None else high)
    kernel, stride, dilation = each(kernel), each(stride), each(dilation)
    spans = zip(size, low, high, kernel, dilation, stride, strict=True)
    out = tuple((i + lo + hi - d * (t - 1) - 1) // s + 1 for i, lo, hi, t, d, s in spans)
    return ConvGeometry(n, c, k, groups, size, kernel, stride, dilation, low, high, out)


GEOMETRIES = {
    "plain": geometry(2, 3, 4, (6, 5), 3),
    "one dimension": geometry(2, 4, 6, (11,), 3, groups=2, stride=2, dilation=2, low=(1,), high=(3,)),
    "three dimensions": geometry(
        2, 2, 4, (5, 4, 6), (2, 3, 1), groups=2, stride=(1, 2, 2), low=(1, 0, 2), high=(0, 1, 1)
    ),
    "asymmetric padding": geometry(3, 2, 3, (7, 6), (4, 2), low=(2, 0), high=(1, 1)),
    "stride and dilation": geometry(2, 2, 3, (9, 11), (3, 2), stride=(2, 3), dilation=(2, 4), low=1),
    "same padding": geometry(1, 2, 2, (5, 5), 4, low=1, high=2),
    "groups": geometry(2, 6, 4, (5, 6), 3, groups=2, low=1),
    "depthwise": geometry(3, 4, 4, (6, 6), 3, groups=4, stride=2, low=1),
    "depthwise with multiplier": geometry(2, 3, 6, (5, 4), 2, groups=3),
    "pointwise": geometry(2, 5, 3, (4, 3), 1, stride=2),
    "padding as wide as the kernel": geometry(1, 1, 1, (2, 3), 3, low=3),
    "no images": geometry(0, 3, 4, (6, 5), 3, low=1),
    "a window as large as the input": geometry(2, 3, 2, (4, 5), (4, 5)),
    "what the stride leaves over": geometry(1, 2, 2, (8, 7), 2, stride=3),
}


@pytest.fixture(params=GEOMETRIES)
def g(request):
    return GEOMETRIES[request.param]


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


def arrays(g, dtype=np.float64):
    rng = np.random.default_rng(7)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in (g.x_shape, g.w_shape, g.y_shape))


def products(g):
    """Every (output, input, weight) triple of positions of one group that meets inside the image."""
    for out in product(*map(range, g.out_shape)):
        for tap in product(*map(range, g.kernel)):
            place = tuple(
                o * s + t * d - lo for o, s, t, d, lo in zip(out, g.stride, tap, g.dilation, g.pad_lo, strict=True)
            )
            if all(0 <= p < i for p, i in zip(place, g.in_shape, strict=True)):
                yield out, place, tap


def channels(g):
    for group in range(g.groups):
        yield (
            slice(group * g.K_per_group, (group + 1) * g.K_per_group),
            slice(group * g.C_per_group, (group + 1) * g.C_per_group),
        )


def name(g, what=""):
    return f"conv{3 if len(g.kernel) == 3 else 2}d{what}"


def test_conv_is_the_sum_of_its_definition(xp, g):
    x, w, _ = arrays(g)
    y = np.zeros(g.y_shape)
    for out, place, tap in products(g):
        for ks, cs in channels(g):
            y[(slice(None), ks, *out)] += x[(slice(None), cs, *place)] @ w[(ks, slice(None), *tap)].T
    close(run(xp, name(g), x, w, None, g), y)


def test_input_gradient_is_the_sum_of_its_definition(xp, g):
    _, w, gy = arrays(g)
    gx = np.zeros(g.x_shape)
    for out, place, tap in products(g):
        for ks, cs in channels(g):
            gx[(slice(None), cs, *place)] += gy[(slice(None), ks, *out)] @ w[(ks, slice(None), *tap)]
    close(run(xp, name(g, "_input_grad"), gy, w, g), gx)


def test_weight_gradient_is_the_sum_of_its_definition(xp, g):
    x, _, gy = arrays(g)
    gw = np.zeros(g.w_shape)
    for out, place, tap in products(g):
        for ks, cs in channels(g):
            gw[(ks, slice(None), *tap)] += gy[(slice(None), ks, *out)].T @ x[(slice(None), cs, *place)]
    close(run(xp, name(g, "_weight_grad"), x, gy, g), gw)


def test_agrees_with_torch(g):
    torch = pytest.importorskip("torch")
    x, w, gy = (torch.tensor(a, requires_grad=True) for a in arrays(g))
    ends = [end for pair in zip(reversed(g.pad_lo), reversed(g.pad_hi), strict=True) for end in pair]
    function = getattr(torch.nn.functional, f"conv{len(g.kernel)}d")
    y = function(torch.nn.functional.pad(x, ends), w, None, g.stride, 0, g.dilation, g.groups)
    y.backward(gy)
    xs, ws, gys = arrays(g)
    close(run(NUMPY, name(g), xs, ws, None, g), y.detach())
    close(run(NUMPY, name(g, "_input_grad"), gys, ws, g), x.grad)
    close(run(NUMPY, name(g, "_weight_grad"), xs, gys, g), w.grad)


def test_unfold_lays_windows_out_as_columns(xp, g):
    x, w, _ = arrays(g)
    cols = run(xp, "unfold2d", x, g)
    expected = np.zeros((g.N, g.C, *g.kernel, *g.out_shape))
    for out, place, tap in products(g):
        expected[(slice(None), slice(None), *tap, *out)] = x[(slice(None), slice(None), *place)]
    assert np.array_equal(cols, expected.reshape(cols.shape))
    assert cols.shape == (g.N, g.C * prod(g.kernel), prod(g.out_shape))


def test_fold_is_the_adjoint_of_unfold(xp, g):
    x, _, _ = arrays(g)
    cols = np.random.default_rng(8).standard_normal((g.N, g.C * prod(g.kernel), prod(g.out_shape)))
    folded = run(xp, "fold2d", cols, g)
    assert folded.shape == g.x_shape
    close(np.sum(folded * x), np.sum(cols * run(xp, "unfold2d", x, g)))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_keeps_dtype_and_layout_and_reads_views(dtype):
    g = GEOMETRIES["groups"]
    x, w, gy = arrays(g, dtype)
    views = [np.asfortranarray(a) for a in (x, w, gy)]
    for kernel, places in {"conv2d": (0, 1), "conv2d_input_grad": (2, 1), "conv2d_weight_grad": (0, 2)}.items():
        more = (None, g) if kernel == "conv2d" else (g,)
        result = getattr(NUMPY, kernel)(*(views[place] for place in places), *more)
        exact = getattr(NUMPY, kernel)(*((x, w, gy)[place].astype(np.float64) for place in places), *more)
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        close(result, exact, 3e-3 if dtype == "float16" else 1e-5)
        if dtype == "float16":
            assert np.abs(result - exact).max() <= np.spacing(np.abs(exact).max().astype(np.float16))
