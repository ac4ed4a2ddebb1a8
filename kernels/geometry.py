"""Window arithmetic shared by convolution and pooling, worked out once per call.

Sizes follow O = (I + lo + hi - dilation (k - 1) - 1) // stride + 1 in every spatial dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

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
    def macs(self) -> int:
        """Multiply-adds of one forward pass."""
        return prod(self.y_shape) * self.C_per_group * prod(self.kernel)


@dataclass(frozen=True)
class PoolGeometry:
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

    def counts(self, axis: int) -> list[int]:
        """For each output position along one axis: how many window positions an average divides by."""
        size, k = self.in_shape[axis], self.kernel[axis]
        pad = self.padding[axis] if self.count_include_pad else 0
        low, high = -pad, size + pad
        starts = [o * self.stride[axis] - self.pad_lo[axis] for o in range(self.out_shape[axis])]
        return [max(0, min(s + k, high) - max(s, low)) for s in starts]
