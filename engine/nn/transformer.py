"""Transformer encoders. Parameter names are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ..errors import ConfigError, ShapeError
from ..ops.activation import gelu, relu
from ..ops.creation import arange
from ..ops.elementwise import cos, exp, sin
from ..ops.shape import reshape, stack
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module, in_dtype_of
from .norm import LayerNorm

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": relu, "gelu": gelu}


class TransformerEncoderLayer(Module):
    """Self-attention and a two-layer network, each with a skip link and layer normalisation.

    x: (T,N,E), with batch_first (N,T,E), without a batch (T,E); E = d_model. Returns x's shape. norm_first: normalise
    before each part instead of after it. Source: Vaswani et al. 2017, arXiv:1706.03762; norm_first: Xiong et al. 2020,
    arXiv:2002.04745.
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, *, device: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ConfigError(f"TransformerEncoderLayer: activation must be 'relu', 'gelu' or a function, got {activation!r}")
        place: Any = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation = _ACTIVATIONS[activation] if isinstance(activation, str) else activation

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """Masks as in MultiheadAttention: True is not seen."""
        src = in_dtype_of(self.linear1.weight, src)  # once: it also goes past the layers, over the skip links

        def attend(x: Any) -> Any:
            y, _ = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)
            return self.dropout1(y)

        def feed(x: Any) -> Any:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        if self.norm_first:
            x = src + attend(self.norm1(src))
            return x + feed(self.norm2(x))
        x = self.norm1(src + attend(src))
        return self.norm2(x + feed(x))


class TransformerEncoder(Module):
    """num_layers independent copies of a layer, one after the other, and norm at the end if given; shapes as the layer's.

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None) -> None:
        self.layers = ModuleList(deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class PositionalEncoding(Module):
    """Adds sines and cosines of geometrically growing wavelengths, so that steps can be told apart.

    x: (T,N,E), with batch_first (N,T,E); T at most max_len, E even. Returns x's shape.
    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    table: Any

    def __init__(self, d_model: int, max_len: int = 5000, batch_first: bool = False) -> None:
        if d_model % 2:
            raise ConfigError(f"PositionalEncoding: d_model must be even, got {d_model}")
        pairs = arange(0, d_model, 2, dtype="float64")
        angles = arange(max_len, dtype="float64")[:, None] * exp(pairs * (-math.log(10000.0) / d_model))
        both = reshape(stack([sin(angles), cos(angles)], axis=-1), (max_len, d_model))
        self.register_buffer("table", both.astype("float32"), persistent=False)
        self.batch_first = batch_first

    def forward(self, x: Any) -> Any:
        steps = x.shape[1 if self.batch_first else 0]
        if x.ndim != 3 or x.shape[2] != self.table.shape[1] or steps > self.table.shape[0]:
            limit = f"T <= {self.table.shape[0]} and E = {self.table.shape[1]}"
            raise ShapeError(f"PositionalEncoding: input must be (T,N,E) or, batch_first, (N,T,E) with {limit}, got {x.shape}")
        rows = self.table[:steps].astype(x.dtype)
        return x + (rows if self.batch_first else rows[:, None])
