"""Convolution with 1x1 filters at stride 1 as what it is: one matrix product an image, from arrays as they lie."""

from __future__ import annotations

from math import prod

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.gemm import gemm


class Product:
    """Nothing is gathered or stored anew. The bias costs a pass, since it goes by rows; there is no weight gradient."""

    @staticmethod
    def applies(direction: str, g: ConvGeometry) -> bool:
        """Whether a direction of a convolution is such a product."""
        plain = prod(g.kernel) == prod(g.stride) == g.groups == 1 and g.in_shape == g.out_shape
        return plain and direction != "weight" and g.C > 0 and g.K > 0

    def forward(self, x: Array, w: Array, bias: Array | None, g: ConvGeometry) -> Array:
        y = gemm(w.reshape(g.K, g.C), x.reshape(g.N, g.C, prod(g.in_shape))).reshape(g.y_shape)
        if bias is not None:
            y += bias.reshape(-1, *[1] * len(g.out_shape))
        return y

    def input_grad(self, gy: Array, w: Array, g: ConvGeometry) -> Array:
        return gemm(w.reshape(g.K, g.C).T, gy.reshape(g.N, g.K, prod(g.out_shape))).reshape(g.x_shape)

    def weight_grad(self, x: Array, gy: Array, g: ConvGeometry) -> Array:
        raise NotImplementedError("a sum over images is no product of theirs")


VARIANTS = {"product": Product()}
