"""Interpolation pixel by pixel: where an output's centre lies in the input, and what is there."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from .shape import built


def _exact(scale: float) -> Fraction:
    """The simple fraction that was meant: 1.1 is 11/10."""
    return Fraction(scale).limit_denominator(10**7)


def _cubic(d: float) -> float:
    """Keys' kernel with a = -3/4 at distance d."""
    d, a = abs(d), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def line(mode: str, n: int, out: int, align_corners: bool, scale: float | None) -> Any:
    """The matrix (out, n) that makes out values of n."""
    m = np.zeros((out, n))
    step = Fraction(n, out) if scale is None else 1 / _exact(scale)
    for o in range(out):
        if mode == "area":
            window = range(math.floor(Fraction(o * n, out)), math.ceil(Fraction((o + 1) * n, out)))
            for i in window:
                m[o, i] += 1 / len(window)
        elif mode in ("nearest", "nearest-exact"):
            half = Fraction(1, 2) if mode == "nearest-exact" else 0
            m[o, min(math.floor((o + half) * step), n - 1)] = 1
        else:
            if align_corners:
                place = Fraction(o * (n - 1), out - 1) if out > 1 else Fraction(0)
            else:
                place = (o + Fraction(1, 2)) * step - Fraction(1, 2)
            if mode == "linear":
                place = max(place, Fraction(0))
            low = math.floor(place)
            for i in range(low - 1, low + 3):
                weight = _cubic(float(place - i)) if mode == "cubic" else max(0.0, float(1 - abs(place - i)))
                m[o, min(max(i, 0), n - 1)] += weight
    return m


KINDS = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
"""What happens along each axis, where it has another name."""


def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """y[o] = sum over i of x[i] times the weight of i for o along each axis."""
    space = x.shape[2:]
    rank = len(space)
    kind = KINDS.get(mode, mode)
    scales: list[Any] = [None] * rank
    if size is None:
        scales = [scale_factor] * rank if isinstance(scale_factor, (int, float)) else list(scale_factor)
        size = [math.floor(n * _exact(s)) for n, s in zip(space, scales, strict=True)]
    size = [size] * rank if isinstance(size, int) else size
    for axis, (n, o, s) in enumerate(zip(space, size, scales, strict=True), start=2):
        weights = line(kind, n, o, bool(align_corners), None if kind == "area" else s)
        moved = np.moveaxis(x, axis, -1)
        parts = []
        for row in weights:
            used = np.flatnonzero(row)  # what has no weight does not count, be it infinite
            parts.append(np.sum(moved[..., used] * row[used], axis=-1))
        x = np.moveaxis(np.stack(parts, axis=-1), -1, axis)
    return x


def pixel_shuffle(x: Any, r: int) -> Any:
    """y[n, c, i, j] = x[n, c r r + (i mod r) r + j mod r, i // r, j // r]."""
    n, c, h, w = x.shape
    return built(
        (n, c // (r * r), h * r, w * r),
        x.dtype,
        lambda i: x[i[0], i[1] * r * r + i[2] % r * r + i[3] % r, i[2] // r, i[3] // r],
    )


def pixel_unshuffle(x: Any, r: int) -> Any:
    """The inverse of pixel_shuffle."""
    y = np.zeros((x.shape[0], x.shape[1] * r * r, x.shape[2] // r, x.shape[3] // r), x.dtype)
    for n, c, i, j in product(*map(range, x.shape)):
        y[n, c * r * r + i % r * r + j % r, i // r, j // r] = x[n, c, i, j]
    return y
