"""Reading images at given points, as spatial transformers do: grid_sample."""

from __future__ import annotations

import itertools
from typing import Any

from ...names.core import refuse
from ...names.engine import dl


def grid_sample(input: Any, grid: Any, mode: str, padding_mode: str, align_corners: bool) -> Any:
    """The values of images (N,C,*S) at the points of a grid (N,*T,R), coordinates from -1 to 1, the last axis first."""
    rank = input.ndim - 2
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and rank != 2):
        raise refuse("nn.functional.grid_sample", f"mode {mode!r} is not supported for input of {rank} axes after N and C")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"grid_sample: padding_mode must be zeros, border or reflection, got {padding_mode!r}")
    space = input.shape[2:]
    points = []
    for axis, n in enumerate(space):
        at = grid[..., rank - 1 - axis]
        p = (at + 1) / 2 * (n - 1) if align_corners else ((at + 1) * n - 1) / 2
        points.append(p if mode == "bicubic" else _bounded(p, n, padding_mode, align_corners))
    if mode == "bicubic":
        return _bicubic(input, points, lambda p, n: _bounded(p, n, padding_mode, align_corners))
    if mode == "nearest":
        return _picked(input, [dl.astype(dl.round(p), "int64") for p in points], None)
    low = [dl.floor(p.detach()) for p in points]
    total = 0
    for corner in itertools.product((0, 1), repeat=rank):
        places = [dl.astype(a + c, "int64") for a, c in zip(low, corner, strict=True)]
        weight = 1.0
        for p, a, c in zip(points, low, corner, strict=True):
            weight = weight * (p - a if c else 1 - (p - a))
        total = total + _picked(input, places, weight)
    return total


def _bicubic(input: Any, points: list[Any], bounded: Any) -> Any:
    """Cubic convolution of the sixteen neighbours of every point (Keys 1981, with a = -0.75, as PyTorch has it)."""
    a = -0.75
    low = [dl.floor(p.detach()) for p in points]
    weights = []
    for p, at in zip(points, low, strict=True):
        t = p - at
        near = [((a + 2) * x - (a + 3)) * x * x + 1 for x in (t, 1 - t)]
        far = [((a * x - 5 * a) * x + 8 * a) * x - 4 * a for x in (t + 1, 2 - t)]
        weights.append((far[0], near[0], near[1], far[1]))
    total = 0
    for i, j in itertools.product(range(4), repeat=2):
        places = [
            dl.astype(dl.round(bounded(at + (k - 1), n)), "int64")
            for at, k, n in zip(low, (i, j), input.shape[2:], strict=True)
        ]
        total = total + _picked(input, places, weights[0][i] * weights[1][j])
    return total


def _bounded(p: Any, n: int, padding_mode: str, align_corners: bool) -> Any:
    """Points outside moved to the border or mirrored back; zeros leaves them where they are."""
    if padding_mode == "zeros":
        return p
    if padding_mode == "reflection":
        low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
        span = high - low
        if span == 0:
            return p * 0
        off = dl.abs(p - low)
        turns = dl.floor(off / span).detach()
        rest = off - turns * span
        p = dl.where(dl.remainder(turns, 2.0) == 0, rest + low, high - rest)
    return dl.clip(p, min=0.0, max=float(n - 1))


def _picked(input: Any, places: list[Any], weight: Any) -> Any:
    """The weighted values at whole places, 0 outside."""
    inside = None
    inner = []
    for p, n in zip(places, input.shape[2:], strict=True):
        ok = (p >= 0) & (p < n)
        inside = ok if inside is None else inside & ok
        inner.append(dl.clip(p, min=0, max=n - 1))
    count = input.shape[0]
    samples = dl.reshape(dl.arange(count, device=input.device), (count, *(1,) * (places[0].ndim - 1)))
    values = dl.Tensor.__getitem__(dl.moveaxis(input, 1, -1), (samples, *inner))
    factor = dl.astype(inside, input.dtype) if weight is None else dl.where(inside, weight, 0.0)
    return dl.moveaxis(values * dl.expand_dims(factor, axis=-1), -1, 1)
