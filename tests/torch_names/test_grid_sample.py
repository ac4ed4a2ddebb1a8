"""grid_sample where nothing is read, where coordinates are no numbers, and where images and points do not fit together."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import dlengine.torch as own
from dlengine.errors import DTypeError, ShapeError

PADDINGS = ("zeros", "border", "reflection")
IMAGES = [(2, m) for m in ("bilinear", "nearest", "bicubic")] + [(3, m) for m in ("bilinear", "nearest")]


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize(
    ("image", "points"), [((2, 3, 4, 5), (2, 0, 3, 2)), ((0, 3, 4, 5), (0, 2, 3, 2)), ((2, 0, 4, 5), (2, 2, 3, 2))]
)
def test_of_nothing(image: tuple[int, ...], points: tuple[int, ...], mode: str) -> None:
    """No points, no images and no channels give an empty result, and gradients of 0."""
    x, g = own.ones(image, requires_grad=True), own.zeros(points, requires_grad=True)
    y = own.nn.functional.grid_sample(x, g, mode=mode, align_corners=False)
    assert tuple(y.shape) == (*image[:2], *points[1:3])
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not x.grad.numpy().any()
    if mode != "nearest":
        assert g.grad.shape == g.shape
        assert not g.grad.numpy().any()


def found(f: Any, rank: int, bad: float, backward: bool, options: dict[str, Any]) -> list[Any]:
    """What a module reads at a point that is no number along each axis and at one that is, and the gradient of the points."""
    size = (1, 2, 3, 4, 5)[: 2 + rank]
    x = f.tensor(np.arange(1, 1 + np.prod(size)).astype(np.float32).reshape(size), requires_grad=True)
    points = np.full((1, *[1] * (rank - 1), rank + 1, rank), 0.1, np.float32)
    np.einsum("ii->i", points.reshape(rank + 1, rank)[:rank])[:] = bad
    g = f.tensor(points, requires_grad=True)
    y = f.nn.functional.grid_sample(x, g, **options)
    if backward:
        y.sum().backward()
    return [y.detach().numpy(), *([g.grad.numpy()] if backward else [])]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("rank", "mode"), IMAGES)
def test_points_that_are_no_numbers(rank: int, mode: str, bad: float) -> None:
    """PyTorch's gradients are asked for where the points are not moved, it reads outside its memory elsewhere."""
    torch = pytest.importorskip("torch")
    for padding, corners in product(PADDINGS, (True, False)):
        options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
        backward = padding == "zeros" and mode != "nearest"
        pair = (found(f, rank, bad, backward, options) for f in (own, torch))
        for a, b in zip(*pair, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=str(options))


def test_nan_stays() -> None:
    """The same without PyTorch."""
    g = own.tensor([[[[np.nan, 0.1]]]], requires_grad=True)
    y = own.nn.functional.grid_sample(own.ones(1, 1, 4, 5), g, align_corners=False)
    y.sum().backward()
    np.testing.assert_array_equal(y.detach().numpy().ravel(), [np.nan])
    np.testing.assert_array_equal(g.grad.numpy().ravel(), [0, np.nan])
    x = own.tensor(np.arange(20, dtype=np.float32).reshape(1, 1, 4, 5))
    nowhere = own.tensor([[[[np.nan, np.nan]]]])
    for padding in PADDINGS:
        y = own.nn.functional.grid_sample(x, nowhere, mode="bicubic", padding_mode=padding, align_corners=False)
        assert np.isnan(y.numpy()).all()


@pytest.mark.parametrize(
    ("image", "points", "words"),
    [
        ((2, 4, 5), (2, 3, 1), r"input must be \(N,C,H,W\) or \(N,C,D,H,W\), got shape \(2, 4, 5\)"),
        ((2, 1, 4, 5), (2, 3, 2), r"grid must be \(N,H,W,2\) with N=2 of input, got shape \(2, 3, 2\)"),
        ((2, 1, 4, 5), (2, 3, 3, 3), r"grid must be \(N,H,W,2\) .* got shape \(2, 3, 3, 3\)"),
        ((2, 1, 4, 5), (1, 3, 3, 2), r"with N=2 of input, got shape \(1, 3, 3, 2\)"),
        ((2, 1, 4, 4, 5), (2, 3, 3, 3, 2), r"grid must be \(N,D,H,W,3\) .* got shape \(2, 3, 3, 3, 2\)"),
        ((2, 1, 0, 5), (2, 3, 3, 2), r"elements on every axis after N and C, got shape \(2, 1, 0, 5\)"),
    ],
)
def test_shapes_that_do_not_fit(image: tuple[int, ...], points: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match="grid_sample: .*" + words):
        own.nn.functional.grid_sample(own.ones(image), own.zeros(points), align_corners=False)


def test_dtypes_that_differ() -> None:
    with pytest.raises(DTypeError, match="grid must have the dtype of input, .*float32, got .*float64"):
        own.nn.functional.grid_sample(own.ones(1, 1, 2, 2), own.zeros(1, 2, 2, 2, dtype=own.float64), align_corners=False)
