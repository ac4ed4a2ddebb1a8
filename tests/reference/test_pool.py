"""The pooling kernels against windows walked one by one, torch, and their adjoints."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close, run

from dlengine.kernels.geometry import PoolGeometry


def geometry(n, c, size, kernel, stride=None, dilation=1, padding=0, ceil=False, count_include_pad=True):
    def each(value):
        return tuple(value) if isinstance(value, tuple) else (value,) * len(size)

    kernel, dilation, padding = each(kernel), each(dilation), each(padding)
    stride = each(kernel if stride is None else stride)
    out, high = [], []
    for i, k, s, d, pad in zip(size, kernel, stride, dilation, padding, strict=True):
        room = i + 2 * pad - d * (k - 1) - 1
        o = -(-room // s) + 1 if ceil else room // s + 1
        if ceil and (o - 1) * s >= i + pad:  # as torch: no window starts in the padding on the right
            o -= 1
        out.append(o)
        high.append(max(pad, (o - 1) * s + d * (k - 1) + 1 - i - pad))
    return PoolGeometry(
        n, c, size, kernel, stride, dilation, padding, tuple(high), padding, tuple(out), count_include_pad
    )


GEOMETRIES = {
    "plain": geometry(2, 3, (6, 8), 2),
    "overlapping": geometry(2, 2, (7, 7), 3, stride=2, padding=1),
    "ceil": geometry(2, 2, (6, 7), (3, 2), stride=2, ceil=True),
    "ceil with padding": geometry(1, 2, (7, 8), 3, stride=(2, 3), padding=1, ceil=True),
    "without the padding": geometry(1, 2, (7, 8), 3, stride=(2, 3), padding=1, ceil=True, count_include_pad=False),
    "dilated": geometry(1, 2, (9, 8), (3, 2), stride=1, dilation=(2, 3)),
    "one dimension": geometry(2, 2, (10,), 3, stride=2, padding=1),
    "three dimensions": geometry(1, 2, (5, 4, 6), (2, 3, 2), stride=(2, 1, 3), padding=(1, 1, 0), ceil=True),
    "no images": geometry(0, 2, (6, 6), 2),
    "gaps": geometry(1, 1, (8, 8), 1, stride=3),
    "all of it": geometry(2, 2, (4, 5), (4, 5)),
}


@pytest.fixture(params=GEOMETRIES)
def g(request):
    return GEOMETRIES[request.param]


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


def image(g, dtype=np.float64):
    return np.random.default_rng(1).standard_normal(g.x_shape).astype(dtype)


def cotangent(g):
    return np.random.default_rng(2).standard_normal(g.y_shape)


def name(g, what):
    return what.replace("2d", "3d" if len(g.kernel) == 3 else "2d")


def windows(g):
    """Each output position with the places in the image that its window covers, in order."""
    for out in product(*map(range, g.out_shape)):
        places = []
        for tap in product(*map(range, g.kernel)):
            spans = zip(out, g.stride, tap, g.dilation, g.pad_lo, strict=True)
            place = tuple(o * s + t * d - lo for o, s, t, d, lo in spans)
            if all(0 <= p < i for p, i in zip(place, g.in_shape, strict=True)):
                places.append(place)
        yield out, places


def max_by_hand(x, g):
    y, index = np.zeros(g.y_shape), np.zeros(g.y_shape, np.int64)
    for n, c in product(range(g.N), range(g.C)):
        for out, places in windows(g):
            best = places[0]
            for place in places[1:]:
                new, old = x[(n, c, *place)], x[(n, c, *best)]
                if not np.isnan(old) and (new > old or np.isnan(new)):
                    best = place
            y[(n, c, *out)] = x[(n, c, *best)]
            index[(n, c, *out)] = np.ravel_multi_index(best, g.in_shape)
    return y, index


def test_max_and_its_place(xp, g):
    y, index = run(xp, name(g, "max_pool2d"), image(g), g)
    expected, places = max_by_hand(image(g), g)
    assert index.dtype == np.int64
    assert np.array_equal(y, expected)
    assert np.array_equal(index, places)


@pytest.mark.parametrize("special", ["ties", "nan", "minus infinity"])
def test_max_takes_the_first_of_equals_and_nan_above_all(xp, g, special):
    rng = np.random.default_rng(5)
    x = rng.integers(0, 3, g.x_shape).astype(float)
    if special == "nan":
        x[rng.random(g.x_shape) < 0.2] = np.nan
    elif special == "minus infinity":
        x[rng.random(g.x_shape) < 0.9] = -np.inf
    y, index = run(xp, name(g, "max_pool2d"), x, g)
    expected, places = max_by_hand(x, g)
    assert np.array_equal(y, expected, equal_nan=True)
    assert np.array_equal(index, places)


def test_scatter_adds_to_the_chosen_places_and_gather_reads_them(xp, g):
    _, index = max_by_hand(image(g), g)
    gy, gx = cotangent(g), np.zeros(g.x_shape)
    for n, c in product(range(g.N), range(g.C)):
        np.add.at(gx[n, c].reshape(-1), index[n, c].reshape(-1), gy[n, c].reshape(-1))
    close(run(xp, name(g, "max_pool2d_scatter"), gy, index, g), gx)
    gathered = run(xp, name(g, "max_pool2d_gather"), image(g), index, g)
    assert np.array_equal(gathered, max_by_hand(image(g), g)[0])


def test_average_and_its_gradient(xp, g):
    x, gy = image(g), cotangent(g)
    y, gx = np.zeros(g.y_shape), np.zeros(g.x_shape)
    for out, places in windows(g):
        count = 1
        for axis, o in enumerate(out):
            count *= g.counts(axis)[o]
        for place in places:
            y[(..., *out)] += x[(..., *place)] / count
            gx[(..., *place)] += gy[(..., *out)] / count
    close(run(xp, name(g, "avg_pool2d"), x, g), y)
    close(run(xp, name(g, "avg_pool2d_input_grad"), gy, g), gx)


@pytest.mark.parametrize("case", [case for case, g in GEOMETRIES.items() if g.N])  # torch pools no empty batch
def test_agrees_with_torch(case):
    torch = pytest.importorskip("torch")
    g = GEOMETRIES[case]
    functional, dims = torch.nn.functional, len(g.kernel)
    ceil = (*g.pad_hi,) != (*g.padding,)
    x = torch.tensor(image(g), requires_grad=True)
    options = {"stride": g.stride, "padding": g.padding, "ceil_mode": ceil}
    y, index = getattr(functional, f"max_pool{dims}d")(x, g.kernel, dilation=g.dilation, return_indices=True, **options)
    y.backward(torch.tensor(cotangent(g)))
    ours, places = run(NUMPY, name(g, "max_pool2d"), image(g), g)
    assert np.array_equal(ours, y.detach().numpy())
    assert np.array_equal(places, index.numpy())
    close(run(NUMPY, name(g, "max_pool2d_scatter"), cotangent(g), places, g), x.grad)
    if set(g.dilation) == {1}:
        x = torch.tensor(image(g), requires_grad=True)
        y = getattr(functional, f"avg_pool{dims}d")(x, g.kernel, count_include_pad=g.count_include_pad, **options)
        y.backward(torch.tensor(cotangent(g)))
        close(run(NUMPY, name(g, "avg_pool2d"), image(g), g), y.detach())
        close(run(NUMPY, name(g, "avg_pool2d_input_grad"), cotangent(g), g), x.grad)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_keeps_dtype_and_layout(dtype):
    g = GEOMETRIES["overlapping"]
    x, gy = np.asfortranarray(image(g, dtype)), np.asfortranarray(cotangent(g).astype(dtype))
    y, index = NUMPY.max_pool2d(x, g)
    results = [
        y,
        NUMPY.max_pool2d_scatter(gy, index, g),
        NUMPY.max_pool2d_gather(x, index, g),
        NUMPY.avg_pool2d(x, g),
        NUMPY.avg_pool2d_input_grad(gy, g),
    ]
    for result in results:
        assert result.dtype == dtype
        assert result.flags.c_contiguous
    assert np.array_equal(y, NUMPY.max_pool2d(x.astype(np.float64), g)[0])


def test_max_of_integers(xp):
    g = GEOMETRIES["overlapping"]
    x = np.random.default_rng(5).integers(-9, 0, g.x_shape)
    y, _ = run(xp, "max_pool2d", x, g)
    assert np.array_equal(y, max_by_hand(x, g)[0])
