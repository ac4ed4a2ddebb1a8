"""Window arithmetic shared by convolution and pooling, worked out once per call.

Sizes follow O = (I + lo + hi - dilation (k - 1) - 1) // stride + 1 in every spatial dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from math import prod
from typing import Any, TypeVar, cast

import numpy as np

from .types import Array

F = TypeVar("F", bound=Callable[..., Any])
Ints = tuple[int, ...]


@dataclass(frozen=True)
class ConvGeometry:
    """One convolution: x (N, C, *in_shape), w (K, C/groups, *kernel), y (N, K, *out_shape)."""

    N: int
    C: int
    K: int
    groups: int
    in_shape: Ints
    kernel: Ints
    stride: Ints
    dilation: Ints
    pad_lo: Ints
    pad_hi: Ints
    out_shape: Ints

    @property
    def C_per_group(self) -> int:  # noqa: N802 - the axis letters are capital everywhere
        return self.C // self.groups

    @property
    def K_per_group(self) -> int:  # noqa: N802
        return self.K // self.groups

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.C == self.K

    @cached_property
    def x_shape(self) -> Ints:
        return (self.N, self.C, *self.in_shape)

    @cached_property
    def w_shape(self) -> Ints:
        return (self.K, self.C_per_group, *self.kernel)

    @cached_property
    def y_shape(self) -> Ints:
        return (self.N, self.K, *self.out_shape)

    @cached_property
    def columns_shape(self) -> Ints:
        """Of the windows as columns: (N, C kh kw, windows)."""
        return (self.N, self.C * prod(self.kernel), prod(self.out_shape))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:  # asked for many times in every call
        return hash((
            self.N, self.C, self.K, self.groups, self.in_shape, self.kernel, self.stride, self.dilation, self.pad_lo, self.pad_hi,
            self.out_shape,
        ))  # fmt: skip

    @cached_property
    def planar(self) -> ConvGeometry:
        """The same convolution of images of height 1, for one of sequences."""
        return ConvGeometry(
            self.N, self.C, self.K, self.groups, (1, *self.in_shape), (1, *self.kernel), (1, *self.stride), (1, *self.dilation),
            (0, *self.pad_lo), (0, *self.pad_hi), (1, *self.out_shape),
        )  # fmt: skip

    @cached_property
    def macs(self) -> int:
        """Multiply-adds of one forward pass."""
        return prod(self.y_shape) * self.C_per_group * prod(self.kernel)


def planar(kernel: F) -> F:
    """Let a convolution of images take sequences too, as images of height 1. The geometry is its last argument."""

    @wraps(kernel)
    def run(*arguments: Any) -> Array:
        *arrays, g = arguments
        if len(g.kernel) > 1:
            return kernel(*arguments)
        result = kernel(*[a[:, :, None, :] if a is not None and a.ndim == 3 else a for a in arrays], g.planar)
        return result.reshape(*result.shape[:2], -1) if result.size else result[:, :, 0, :]

    return cast(F, run)


class Windows:
    """Windows over planes: x (N, C, *in_shape) to y (N, C, *out_shape); geometries of pooling derive from it."""

    N: int
    C: int
    in_shape: Ints
    out_shape: Ints

    @cached_property
    def x_shape(self) -> Ints:
        return (self.N, self.C, *self.in_shape)

    @cached_property
    def y_shape(self) -> Ints:
        return (self.N, self.C, *self.out_shape)

    @cached_property
    def places(self) -> int:
        """Positions of an input plane, which maximum pooling numbers."""
        return prod(self.in_shape)

    def step(self, axis: int) -> int:
        """From one position of a window to the next, along one axis."""
        return 1

    def seen(self, axis: int) -> list[tuple[int, int]]:
        """For each output position along one axis: the first input position of its window, and how many there are."""
        raise NotImplementedError

    def counts(self, axis: int) -> list[int]:
        """For each output position along one axis: how many window positions an average divides by."""
        return [count for _, count in self.seen(axis)]

    @cached_property
    def blind(self) -> bool:
        """Whether some window holds nothing but padding, which dilation and an axis of size 0 allow."""
        return any(count == 0 for axis in range(len(self.in_shape)) for _, count in self.seen(axis))

    @cached_property
    def whole(self) -> bool:
        """Whether there is one window, which holds all of a plane and nothing else."""
        return all(self.seen(axis) == [(0, n)] and self.counts(axis) == [n] for axis, n in enumerate(self.in_shape))

    @cached_property
    def taps(self) -> int:
        """About how many positions a window has."""
        return prod(max((count for _, count in self.seen(axis)), default=1) for axis in range(len(self.in_shape)))

    @cached_property
    def table(self) -> Array:
        """All that loops over windows need, as one array of integers, in three dimensions; missing ones come first, of size 1.

        0: planes; 1 to 3: the input's sizes; 4 to 6: the output's; 7 to 9: the steps within a window; 10 to 13: outputs low ...
        high - 1 of a row have windows of `taps` positions, all inside, at an even stride. From 14 on, for each axis: the first
        positions, their numbers, and the counts of an average.
        """
        missing = 3 - len(self.in_shape)
        ones, axes = (1,) * missing, range(len(self.in_shape))
        seen = [[(0, 1)]] * missing + [self.seen(axis) for axis in axes]
        counts = [[1]] * missing + [self.counts(axis) for axis in axes]
        numbers = [self.N * self.C, *ones, *self.in_shape, *ones, *self.out_shape, *ones, *map(self.step, axes), *_even(seen[-1])]
        for places, shares in zip(seen, counts, strict=True):
            numbers += [first for first, _ in places] + [count for _, count in places] + shares
        return np.array(numbers, np.int64)


def _even(seen: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    """Of windows along an axis a range that have the most positions and lie at an even stride: low, high, stride, taps."""
    taps = max((count for _, count in seen), default=0)
    low = next((o for o, (_, count) in enumerate(seen) if count == taps), 0)
    stride = seen[low + 1][0] - seen[low][0] if low + 1 < len(seen) else 1
    high = low
    while high < len(seen) and seen[high] == (seen[low][0] + (high - low) * stride, taps):
        high += 1
    return low, high, stride, taps


@dataclass(frozen=True)
class PlaneGeometry(Windows):
    """Planes of in_shape and of out_shape; the window of output o goes from floor(o I/O) to ceil((o + 1) I/O) along each axis."""

    N: int
    C: int
    in_shape: Ints
    out_shape: Ints

    def seen(self, axis: int) -> list[tuple[int, int]]:
        size, outputs = self.in_shape[axis], self.out_shape[axis]
        return [(o * size // outputs, -(-(o + 1) * size // outputs) - o * size // outputs) for o in range(outputs)]

    @cached_property
    def positions(self) -> Array:
        """The flat input positions of each window, in order; those of a smaller one end with its last position repeated."""
        flat = np.zeros((1, 1), np.int64)
        for axis, size in enumerate(self.in_shape):
            seen = self.seen(axis)
            longest = max((count for _, count in seen), default=1)
            places = np.array([[first + min(j, count - 1) for j in range(longest)] for first, count in seen], np.int64)
            spread = flat[:, None, :, None] * size + places.reshape(-1, longest)[None, :, None, :]
            flat = spread.reshape(len(flat) * len(seen), flat.shape[1] * longest)
        return flat


@dataclass(frozen=True)
class PoolGeometry(Windows):
    """One pooling: x (N, C, *in_shape) to y (N, C, *out_shape).

    pad_hi holds what the last window needs, with ceil_mode too; padding (the part that the user asked for, low side first)
    says which of those positions count in an average when count_include_pad is set.
    """

    N: int
    C: int
    in_shape: Ints
    kernel: Ints
    stride: Ints
    dilation: Ints
    pad_lo: Ints
    pad_hi: Ints
    padding: Ints
    out_shape: Ints
    count_include_pad: bool = True

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:  # asked for in every call
        return hash((
            self.N, self.C, self.in_shape, self.kernel, self.stride, self.dilation, self.pad_lo, self.pad_hi, self.padding,
            self.out_shape, self.count_include_pad,
        ))  # fmt: skip

    @cached_property
    def pairs(self) -> bool:
        """Whether windows are 2 x 2, side by side, without padding."""
        return self.kernel == self.stride == (2, 2) and self.dilation == (1, 1) and not any(self.pad_lo + self.pad_hi)

    def step(self, axis: int) -> int:
        return self.dilation[axis]

    def seen(self, axis: int) -> list[tuple[int, int]]:
        size, k, d = self.in_shape[axis], self.kernel[axis], self.dilation[axis]
        places = []
        for o in range(self.out_shape[axis]):
            start = o * self.stride[axis] - self.pad_lo[axis]
            before = max(0, -(start // d))  # positions of the window that lie before the input
            last = min(k, -((start - size) // d))
            places.append((start + before * d, max(0, last - before)))
        return places

    def counts(self, axis: int) -> list[int]:
        """For each output position along one axis: how many window positions an average divides by."""
        size, k = self.in_shape[axis], self.kernel[axis]
        pad = self.padding[axis] if self.count_include_pad else 0
        low, high = -pad, size + pad
        starts = [o * self.stride[axis] - self.pad_lo[axis] for o in range(self.out_shape[axis])]
        return [max(0, min(s + k, high) - max(s, low)) for s in starts]
