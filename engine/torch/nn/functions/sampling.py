"""Reading images at given points, as spatial transformers do: grid_sample."""

from __future__ import annotations

import math
from typing import Any

from ....errors import DTypeError, ShapeError
from ....ops.gather import weighted_places
from ...names.core import refuse
from ...names.engine import dl


def grid_sample(input: Any, grid: Any, mode: str, padding_mode: str, align_corners: bool) -> Any:
    """The values of images (N,C,*S) at the points of a grid (N,*T,R), coordinates from -1 to 1, the last axis first."""
    _check(input, grid)
    rank = input.ndim - 2
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and rank != 2):
        raise refuse("nn.functional.grid_sample", f"mode {mode!r} is not supported for input of {rank} axes after N and C")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"grid_sample: padding_mode must be zeros, border or reflection, got {padding_mode!r}")
    space = tuple(input.shape[2:])
    flat = dl.reshape(grid, (grid.shape[0], math.prod(grid.shape[1:-1]), rank))
    sizes = dl.asarray(space[::-1], dtype=grid.dtype, device=input.device)
    all_points = (flat + 1) * (0.5 * (sizes - 1)) if align_corners else (flat + 1) * (0.5 * sizes) - 0.5
    places: list[Any] = []
    weights: list[Any] = []
    for axis, n in enumerate(space):
        p = dl.expand_dims(all_points[..., rank - 1 - axis], axis=1)
        lost = 0.0 if rank == 2 else n - 1.0  # the pixel that PyTorch reads for NaN
        if mode == "nearest":
            places.append(dl.round(_bounded(p, n, padding_mode, align_corners, lost).detach()))
            weights.append(None)
        elif mode == "bilinear":
            p = _bounded(p, n, padding_mode, align_corners, lost)
            low = dl.floor(p.detach())
            places.append(dl.concat([low, low + 1], axis=1))
            share = p - low
            weights.append(dl.concat([1 - share, share], axis=1))
        else:
            low = dl.floor(p.detach())
            near = [_bounded(low + k, n, padding_mode, align_corners, lost) for k in (-1, 0, 1, 2)]
            places.append(dl.round(dl.concat(near, axis=1)))
            weights.append(_cubic(p - low))
    images = dl.reshape(input, (*input.shape[:2], math.prod(space)))
    found = weighted_places(images, *_together(space, places, weights, grid))
    return dl.reshape(found, (*input.shape[:2], *grid.shape[1:-1]))


def _check(input: Any, grid: Any) -> None:
    """Raises ShapeError or DTypeError for images and points that do not fit together."""
    if input.ndim not in (4, 5):
        raise ShapeError(f"grid_sample: input must be (N,C,H,W) or (N,C,D,H,W), got shape {tuple(input.shape)}")
    wanted = "(N,H,W,2)" if input.ndim == 4 else "(N,D,H,W,3)"
    if grid.ndim != input.ndim or grid.shape[-1] != input.ndim - 2 or grid.shape[0] != input.shape[0]:
        raise ShapeError(f"grid_sample: grid must be {wanted} with N={input.shape[0]} of input, got shape {tuple(grid.shape)}")
    if 0 in input.shape[2:]:
        raise ShapeError(f"grid_sample: input must have elements on every axis after N and C, got shape {tuple(input.shape)}")
    if grid.dtype != input.dtype:
        raise DTypeError(f"grid_sample: grid must have the dtype of input, {input.dtype}, got {grid.dtype}")


def _cubic(t: Any) -> Any:
    """The weights of the four neighbours of every point, t behind the second (Keys 1981, with a = -0.75, as PyTorch has it)."""
    a = -0.75
    near = [((a + 2) * x - (a + 3)) * x * x + 1 for x in (t, 1 - t)]
    far = [((a * x - 5 * a) * x + 8 * a) * x - 4 * a for x in (t + 1, 2 - t)]
    return dl.concat([far[0], near[0], near[1], far[1]], axis=1)


def _together(space: tuple[int, ...], places: list[Any], weights: list[Any], grid: Any) -> tuple[Any, Any]:
    """Where in a flat image the neighbours of every point (N,K,T) are, and their weights, from those of each axis.

    Outside they are 0. In images a weight that is NaN stays, and so what is read is NaN; in volumes it is 0, as in PyTorch.
    """
    at: Any = 0
    weight: Any = None
    for n, p, w in zip(space, places, weights, strict=True):
        inside = (p >= 0) & (p < n)  # also not for NaN
        w = dl.astype(inside, grid.dtype) if w is None else dl.where(inside if len(space) == 3 else inside | dl.isnan(w), w, 0.0)
        p = dl.astype(dl.where(inside, p, 0.0), "int64")
        if weight is None:
            at, weight = p, w
            continue
        shape = (p.shape[0], at.shape[1] * p.shape[1], p.shape[2])
        at = dl.reshape(dl.expand_dims(at * n, axis=2) + dl.expand_dims(p, axis=1), shape)
        weight = dl.reshape(dl.expand_dims(weight, axis=2) * dl.expand_dims(w, axis=1), shape)
    return at, weight


def _bounded(p: Any, n: int, padding_mode: str, align_corners: bool, lost: float) -> Any:
    """Points outside moved to the border or mirrored back, those that are NaN to lost; zeros leaves them where they are."""
    if padding_mode == "zeros":
        return p
    if padding_mode == "reflection":
        low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
        span = high - low
        if span == 0:
            return dl.zeros_like(p)
        off = dl.abs(p - low)
        turns = dl.floor(off / span).detach()
        rest = off - turns * span
        p = dl.where(dl.remainder(turns, 2.0) == 0, rest + low, high - rest)
    return dl.where(dl.isnan(p), lost, dl.clip(p, min=0.0, max=float(n - 1)))
