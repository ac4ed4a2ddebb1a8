"""Products of matrices and sums of products."""

from __future__ import annotations

from .. import namespace as dl
from ..table import operator

operator("MatMul")(dl.matmul)
operator("Det")(dl.det)


@operator("Gemm")
def gemm(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0, broadcast=1):  # noqa: N803  ONNX's names
    """alpha A B + beta C; the common case is one affine map."""
    a = dl.matrix_transpose(a) if transA else a
    vector = c is None or beta == 1 and c.ndim == 1 and c.shape[0] == b.shape[0 if transB else 1]
    if alpha == 1 and vector and a.dtype.kind == "f":
        return dl.linear(a, b if transB else dl.matrix_transpose(b), c)
    product = dl.matmul(a, dl.matrix_transpose(b) if transB else b)
    product = product if alpha == 1 else scaled(product, alpha)
    return product if c is None or beta == 0 else product + (c if beta == 1 else scaled(c, beta))


def scaled(x, factor):
    return x * (factor if x.dtype.kind == "f" else int(factor))


@operator("Einsum")
def einsum(*xs, equation):
    return dl.einsum(equation.replace(" ", ""), *xs)
