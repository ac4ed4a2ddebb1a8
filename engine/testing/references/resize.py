"""Interpolation pixel by pixel: where an output's centre lies in the input, and what is there."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from .shape import built


def _exact(scale: float) -> Fraction:
    """The simple fraction that a float stands for: 1.1 is 11/10."""
    return Fraction(scale).limit_denominator(10**7)


def _cubic(d: float) -> float:
    """Keys' kernel with a = -3/4 at distance d."""
    d, a = abs(d), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def line(mode: str, n: int, out: int, align_corners: bool, scale: float | None) -> list[list[tuple[int, float]]]:
    """For each output value the input places that contribute to it, with their weights."""
    lines: list[list[tuple[int, float]]] = []
    step = Fraction(n, out) if scale is None else 1 / _exact(scale)
    for o in range(out):
        if mode == "area":
            window = range(math.floor(Fraction(o * n, out)), math.ceil(Fraction((o + 1) * n, out)))
            lines.append([(i, 1 / len(window)) for i in window])
            continue
        if mode in ("nearest", "nearest-exact"):
            half = Fraction(1, 2) if mode == "nearest-exact" else 0
            lines.append([(min(math.floor((o + half) * step), n - 1), 1.0)])
            continue
        if align_corners:
            place = Fraction(o * (n - 1), out - 1) if out > 1 else Fraction(0)
        else:
            place = (o + Fraction(1, 2)) * step - Fraction(1, 2)
        if mode == "linear":
            place = max(place, Fraction(0))
        low = math.floor(place)
        near = (low, low + 1) if mode == "linear" else (low - 1, low, low + 1, low + 2)
        weights = [float(1 - abs(place - i)) if mode == "linear" else _cubic(float(place - i)) for i in near]
        lines.append([(min(max(i, 0), n - 1), w) for i, w in zip(near, weights, strict=True)])
    return lines


KINDS = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
"""The method along each axis, where it has another name."""


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
        if n == o and s in (None, 1):
            continue  # every value stays in its place
        moved = np.moveaxis(x, axis, -1)
        lines = line(kind, n, o, bool(align_corners), None if kind == "area" else s)
        parts = [sum(w * moved[..., i] for i, w in each) for each in lines]
        x = np.moveaxis(np.stack(parts, axis=-1), -1, axis)
    return x


def pixel_shuffle(x: Any, r: int) -> Any:
    """y[n, c, i, j] = x[n, c r r + (i mod r) r + j mod r, i // r, j // r]."""
    *lead, c, h, w = x.shape
    return built(
        (*lead, c // (r * r), h * r, w * r),
        x.dtype,
        lambda i: x[(*i[:-3], i[-3] * r * r + i[-2] % r * r + i[-1] % r, i[-2] // r, i[-1] // r)],
    )


def channel_shuffle(x: Any, groups: int) -> Any:
    """y[n, i groups + g] = x[n, g C / groups + i]."""
    y = np.zeros(x.shape, x.dtype)
    size = x.shape[1] // groups
    for c in range(x.shape[1]):
        y[:, c % size * groups + c // size] = x[:, c]
    return y


def pixel_unshuffle(x: Any, r: int) -> Any:
    """The inverse of pixel_shuffle."""
    *lead, channels, height, width = x.shape
    y = np.zeros((*lead, channels * r * r, height // r, width // r), x.dtype)
    for *n, c, i, j in product(*map(range, x.shape)):
        y[(*n, c * r * r + i % r * r + j % r, i // r, j // r)] = x[(*n, c, i, j)]
    return y
