"""Layers that multiply by a matrix or look up its rows, and the ones that only reshape."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..autograd.base import no_grad
from ..errors import ConfigError, ShapeError
from ..ops.creation import zeros
from ..ops.einsum import einsum
from ..ops.elementwise import where
from ..ops.embedding import embedding
from ..ops.linalg import linear, vector_norm
from ..ops.shape import reshape
from . import init
from .module import Module, Parameter, in_dtype_of


def positive(layer: str, **sizes: Any) -> None:
    """Check that sizes are integers of at least 1."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{layer}: {name} must be an integer of at least 1, got {value!r}")


class Linear(Module):
    """y = x W^T + b.

    x: (..., I). weight: (O,I), bias: (O,), both from U(-1/sqrt(I), 1/sqrt(I)). Returns (..., O).
    Source: Rosenblatt 1958; Rumelhart et al. 1986.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, device: str | None = None, dtype: Any = None
    ) -> None:
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(zeros((out_features, in_features), device=device, dtype=dtype))
        self.bias = Parameter(zeros((out_features,), device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / sqrt(self.in_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x: Any) -> Any:
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ShapeError(f"Linear: input must be (..., I) with I={self.in_features}, got shape {x.shape}")
        weight = self.weight
        return linear(in_dtype_of(weight, x), weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y[o] = x1^T W[o] x2 + b[o].

    x1: (..., I1), x2: (..., I2). weight: (O,I1,I2), bias: (O,), both from U(-1/sqrt(I1), 1/sqrt(I1)). Returns (..., O).
    Source: Tenenbaum & Freeman 2000, "Separating style and content with bilinear models".
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        positive("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(zeros((out_features, in1_features, in2_features), device=device, dtype=dtype))
        self.bias = Parameter(zeros((out_features,), device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x1: Any, x2: Any) -> Any:
        if x1.shape != (*x2.shape[:-1], self.in1_features) or x2.shape[-1] != self.in2_features:
            wanted = f"(..., I1) and (..., I2) with I1={self.in1_features}, I2={self.in2_features}"
            raise ShapeError(f"Bilinear: inputs must be {wanted}, got {x1.shape} and {x2.shape}")
        weight = self.weight
        y = einsum("...i,oij,...j->...o", in_dtype_of(weight, x1), weight, in_dtype_of(weight, x2))
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.in1_features}, {self.in2_features}, {self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors, looked up by number.

    x: (...) integers from 0 to V - 1. weight: (V,D) from N(0, 1). Returns (..., D). The row padding_idx starts as zeros
    and gets no gradient. max_norm: rows that are looked up and whose norm (norm_type: 2, 1, any p > 0, inf) is larger are
    first scaled to it, in the table itself. Raises ConfigError; see also embedding.
    Source: Bengio et al. 2003, "A neural probabilistic language model".
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, *, device: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if (max_norm is not None and not max_norm > 0) or not norm_type > 0:
            raise ConfigError(f"Embedding: max_norm and norm_type must be positive, got {max_norm} and {norm_type}")
        self.max_norm, self.norm_type = max_norm, norm_type
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ConfigError(f"Embedding: padding_idx={padding_idx} is not a row of a table with V={num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(zeros((num_embeddings, embedding_dim), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx, ...] = 0.0

    def forward(self, x: Any) -> Any:
        if self.max_norm is not None:
            self._renormalise(x)
        y = embedding(self.weight, x)
        return y if self.padding_idx is None else where((x != self.padding_idx)[..., None], y, y.detach())

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        bound = "" if self.max_norm is None else f", max_norm={self.max_norm}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}{bound}"

    def _renormalise(self, x: Any) -> None:
        """Scale the rows that x names down to max_norm, in place; a row named twice is scaled once."""
        with no_grad():
            rows = embedding(self.weight, x)
            norms = vector_norm(rows, axis=-1, keepdims=True, ord=self.norm_type)
            scale = where(norms > self.max_norm, self.max_norm / (norms + 1e-7), 1.0)
            self.weight[x, ...] = rows * scale.astype(rows.dtype)


class Flatten(Module):
    """The axes from start_dim to end_dim as one: (N,C,H,W) -> (N, C H W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        if not -x.ndim <= self.start_dim < x.ndim or not -x.ndim <= self.end_dim < x.ndim:
            raise ShapeError(f"Flatten: input of shape {x.shape} has no axes {self.start_dim} to {self.end_dim}")
        start, end = self.start_dim % x.ndim, self.end_dim % x.ndim
        size = 1
        for n in x.shape[start : end + 1]:
            size *= n
        return reshape(x, (*x.shape[:start], size, *x.shape[end + 1 :]))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Its input; takes and ignores any settings, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return x
