"""Convolution with 3x3 filters at stride 1 by Winograd's minimal filtering, in float32: 16 products in place of 36.

The products of a patch are of sums of its pixels and of its taps, so a result's rounding error is within

    (C/groups + 16) eps A^T [ sum over c of (abs(G) abs(w) abs(G)^T) * (abs(B)^T abs(d) abs(B)) ] A,   with abs(A)

where the definition has abs(w) and abs(d) alone, and 9 C/groups terms. For numbers of one size the bracket is 64/9 times as large
as what stands there in the definition.
"""

from __future__ import annotations

from functools import partial
from math import prod

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.launch import Kernel, blocks_for, empty, library_of
from .filters import prepared
from .simt import windows

ROWS, PATCHES, DEPTH = 64, 32, 8
"""Of a block's tile; as in conv_winograd.cu."""


class Winograd:
    """There is no weight gradient: its sum over patches would be of 16 numbers for 9."""

    dtypes = ("float32",)

    def __init__(self) -> None:
        self._filters = self._kernel("conv2d_winograd_filters")
        self.kernels = {"forward": self._kernel("conv2d_winograd"), "input": self._kernel("conv2d_winograd_input_grad")}

    def _kernel(self, name: str) -> Kernel:
        return windows("conv_winograd.cu", name, self.dtypes, {}, 2)

    @staticmethod
    def applies(direction: str, g: ConvGeometry) -> bool:
        """Whether a direction of a convolution is one of such patches."""
        return direction != "weight" and g.kernel == (3, 3) and g.stride == g.dilation == (1, 1)

    @staticmethod
    def patches(shape: tuple[int, ...]) -> int:
        """Of a result of a shape."""
        return prod(blocks_for(size, 2) for size in shape)

    def forward(self, x: Array, w: Array, bias: Array | None, g: ConvGeometry) -> Array:
        y, packed = empty(library_of(x), g.y_shape, x.dtype), self._packed(w, g, exchanged=False)
        self.kernels["forward"][self._blocks(packed, g.groups, g.N, g.out_shape)](x, packed, w, bias, y, g, packed.shape[-1])
        return y

    def input_grad(self, gy: Array, w: Array, g: ConvGeometry) -> Array:
        gx, packed = empty(library_of(gy), g.x_shape, gy.dtype), self._packed(w, g, exchanged=True)
        self.kernels["input"][self._blocks(packed, g.groups, g.N, g.in_shape)](gy, packed, w, gx, g, packed.shape[-1])
        return gx

    def weight_grad(self, x: Array, gy: Array, g: ConvGeometry) -> Array:
        raise NotImplementedError("a sum over patches has 16 numbers for 9")

    def _blocks(self, packed: Array, groups: int, images: int, shape: tuple[int, ...]) -> int:
        return groups * (int(packed.shape[-1]) // ROWS) * blocks_for(images * self.patches(shape), PATCHES)

    def _packed(self, w: Array, g: ConvGeometry, exchanged: bool) -> Array:
        """Transformed filters (groups, inner planes, 16, rows), rows padded to whole tiles."""
        rows = [blocks_for(planes, ROWS) * ROWS for planes in (g.K_per_group, g.C_per_group)]
        inner = g.C_per_group, g.K_per_group
        return prepared(
            w, ("transformed", g.groups), exchanged,
            lambda turned: empty(library_of(w), (g.groups, inner[turned], 16, rows[turned]), w.dtype),
            partial(self._transform, w, g, rows),
        )  # fmt: skip

    def _transform(self, w: Array, g: ConvGeometry, rows: list[int], forward: Array | None, backward: Array | None) -> None:
        most = max(packed.size for packed in (forward, backward) if packed is not None) // 16
        self._filters[blocks_for(most, self._filters.threads)](w, forward, backward, g, *rows)


VARIANTS = {"winograd": Winograd()}
