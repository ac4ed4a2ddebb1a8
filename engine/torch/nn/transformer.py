"""The decoder and the whole Transformer of Vaswani et al. 2017, arXiv:1706.03762, beside dlengine's encoder."""

from __future__ import annotations

from typing import Any

from ..names.core import own
from ..names.engine import dl
from . import functional as F
from . import layers
from .containers import ModuleList
from .module import Module

_L: dict[str, Any] = layers.NAMES
NAMES: dict[str, Any] = {}


class TransformerDecoderLayer(Module):
    """Attention to what came before, attention to the encoder's output, and a network of two linear layers."""

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = "relu",
                 layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True,
                 device: Any = None, dtype: Any = None) -> None:  # fmt: skip
        where = {"device": device, "dtype": dtype}
        attention = {"dropout": dropout, "batch_first": batch_first, "bias": bias, **where}
        self.self_attn = _L["MultiheadAttention"](d_model, nhead, **attention)
        self.multihead_attn = _L["MultiheadAttention"](d_model, nhead, **attention)
        self.linear1 = _L["Linear"](d_model, dim_feedforward, bias=bias, **where)
        self.dropout = _L["Dropout"](dropout)
        self.linear2 = _L["Linear"](dim_feedforward, d_model, bias=bias, **where)
        self.norm_first = norm_first
        self.norm1, self.norm2, self.norm3 = (_L["LayerNorm"](d_model, eps=layer_norm_eps, bias=bias, **where) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (_L["Dropout"](dropout) for _ in range(3))
        functions: dict[str, Any] = {"relu": F.relu, "gelu": F.gelu}  # type: ignore[attr-defined]
        self.activation = functions[activation] if isinstance(activation, str) else activation

    def _own(self, x: Any, mask: Any, padding: Any, causal: bool) -> Any:
        return self.dropout1(
            self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, is_causal=causal, need_weights=False)[0]
        )

    def _other(self, x: Any, memory: Any, mask: Any, padding: Any, causal: bool) -> Any:
        found = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=causal, need_weights=False
        )
        return self.dropout2(found[0])

    def _network(self, x: Any) -> Any:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        first = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        second = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._own(self.norm1(x), *first)
            x = x + self._other(self.norm2(x), memory, *second)
            return x + self._network(self.norm3(x))
        x = self.norm1(x + self._own(x, *first))
        x = self.norm2(x + self._other(x, memory, *second))
        return self.norm3(x + self._network(x))


class TransformerDecoder(Module):
    """Decoder layers one after another."""

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Any = None) -> None:
        import copy

        self.layers = ModuleList([copy.deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: Any = None,
        memory_is_causal: bool = False,
    ) -> Any:
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, bool(tgt_is_causal),
                        memory_is_causal)  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder."""

    def __init__(self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
                 dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = "relu", custom_encoder: Any = None,
                 custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
                 bias: bool = True, device: Any = None, dtype: Any = None) -> None:  # fmt: skip
        settings = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )
        norm = {"eps": layer_norm_eps, "bias": bias, "device": device, "dtype": dtype}
        self.encoder = custom_encoder or _L["TransformerEncoder"](
            _L["TransformerEncoderLayer"](*settings), num_encoder_layers, _L["LayerNorm"](d_model, **norm)
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*settings), num_decoder_layers, _L["LayerNorm"](d_model, **norm))  # fmt: skip
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for p in self.parameters():
            if p.ndim > 1:
                dl.nn.init.xavier_uniform_(p)

    def forward(self, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
                src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
                src_is_causal: Any = None, tgt_is_causal: Any = None, memory_is_causal: bool = False) -> Any:  # fmt: skip
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(src_is_causal))
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal,
                            memory_is_causal)  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """0 on and below the diagonal, minus infinity above."""
        above = dl.triu(dl.ones((sz, sz), dtype=dtype), k=1)
        return own(dl.where(above > 0, -float("inf"), dl.zeros((sz, sz), dtype=above.dtype)))


NAMES.update(Transformer=Transformer, TransformerDecoder=TransformerDecoder, TransformerDecoderLayer=TransformerDecoderLayer)
