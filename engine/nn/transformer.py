"""Transformer encoders and sinusoidal positions. Parameter names are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, ClassVar, TypedDict

from ..errors import ConfigError, ShapeError
from ..ops.activation import gelu
from ..ops.creation import arange
from ..ops.elementwise import cos, exp, sin
from ..ops.joining import stack
from ..ops.rectifiers import relu
from ..ops.shape import reshape
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module, in_dtype_of
from .norm import LayerNorm

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}


class _Placement(TypedDict):
    """Where parameters are created, and in which dtype."""

    device: str | None
    dtype: DTypeLike | None


class _TransformerLayer(Module):
    """Base of the layers of encoders and decoders: attentions and a two-layer network, each with a skip connection.

    The parameters and their order are PyTorch's.
    """

    attentions: ClassVar[tuple[str, ...]]
    """The names of the attentions; each has a normalization and a dropout, and the last ones are those of the network."""

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, *, device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ConfigError(f"{type(self).__name__}: activation must be 'relu', 'gelu' or a function, got {activation!r}")
        place: _Placement = {"device": device, "dtype": dtype}
        for name in self.attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for i in parts:
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, **place))
        for i in parts:
            setattr(self, f"dropout{i}", Dropout(dropout))
        for layer in self.children():
            if isinstance(layer, Dropout):
                layer.batch_axis = 0 if batch_first else 1
        self.activation = _ACTIVATIONS[activation] if isinstance(activation, str) else activation

    def _joined(self, x: Tensor, *parts: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply each part with a skip connection, and its normalization before it or after the sum."""
        for i, part in enumerate((*parts, self._feed_forward), start=1):
            norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
            x = x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))
        return x

    def _feed_forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return y


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and a two-layer network, each with a skip connection and layer normalization.

    Shape: src (T,N,E) -> (T,N,E); with ``batch_first`` (N,T,E), without a batch (T,E). T time, N batch, E ``d_model``.

    Parameters
    ----------
    d_model : int
        E, the size of inputs and outputs.
    nhead : int
        The number of attention heads; it must divide E.
    dim_feedforward : int
        F, the number of hidden units of the two-layer network.
    dropout : float
        The probability of dropout on attention weights, on hidden units and on the output of each part.
    activation : str or callable
        "relu", "gelu" or a function from Tensor to Tensor.
    layer_norm_eps : float
        Added to the variance in layer normalization.
    batch_first : bool
        Whether N is the first axis, not the second.
    norm_first : bool
        Whether each part normalizes its input; otherwise the sum after each skip connection is normalized.
    bias : bool
        Whether linear maps and normalizations add biases.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    self_attn : MultiheadAttention
        The attention, from E to E.
    linear1 : Linear
        The hidden layer, weight (F,E).
    linear2 : Linear
        The output layer, weight (E,F).
    norm1 : LayerNorm
        The normalization of the attention part.
    norm2 : LayerNorm
        The normalization of the two-layer network.

    Raises
    ------
    ConfigError
        ``activation`` is an unknown name, a size is below 1, or ``nhead`` does not divide ``d_model``.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762; ``norm_first``: Xiong et al., 2020, arXiv:2002.04745.

    Examples
    --------
    >>> layer = dl.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(dl.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    self_attn: MultiheadAttention
    attentions = ("self_attn",)

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """Encode sequences.

        Parameters
        ----------
        src : Tensor
            Shape (T,N,E), or as the class says.
        src_mask : Tensor or None
            Shape (T,T) or (N heads,T,T). Where a boolean mask is True, the step is hidden; a floating mask is added to
            the scores.
        src_key_padding_mask : Tensor or None
            Shape (N,T), with the same meaning.
        is_causal : bool
            Whether step i attends to steps 0 to i only.

        Returns
        -------
        Tensor
            The shape of ``src``.
        """
        src = in_dtype_of(self.linear1.weight, src)  # cast once, because the skip connections use src too

        def attend(x: Tensor) -> Tensor:
            y: Tensor = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]
            return y

        return self._joined(src, attend)


class TransformerEncoder(Module):
    """A stack of independent copies of an encoder layer.

    Shape: as the layer's, (T,N,E) -> (T,N,E). The copies start from equal parameters.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        The layer to be copied.
    num_layers : int
        The number of copies.
    norm : Module or None
        A normalization of the output; None for none.

    Attributes
    ----------
    layers : ModuleList
        The copies, first to last.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.

    Examples
    --------
    >>> layer = dl.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, dropout=0.0, batch_first=True)
    >>> encoder = dl.nn.TransformerEncoder(layer, num_layers=2, norm=dl.nn.LayerNorm(8))
    >>> encoder(dl.ones((3, 5, 8)), is_causal=True).shape
    (3, 5, 8)
    """

    def __init__(self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None) -> None:
        self.layers = ModuleList(deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """Encode sequences; the masks are those of TransformerEncoderLayer.

        Parameters
        ----------
        src : Tensor
            Shape (T,N,E), or as the layer says.
        mask : Tensor or None
            The layer's ``src_mask``.
        src_key_padding_mask : Tensor or None
            Shape (N,T).
        is_causal : bool
            Whether step i attends to steps 0 to i only.

        Returns
        -------
        Tensor
            The shape of ``src``.
        """
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class PositionalEncoding(Module):
    """Add sines and cosines of each position, with geometrically growing wavelengths.

    Attention alone does not depend on the order of its inputs. Position t adds ``sin(t w_k)`` to feature 2 k and
    ``cos(t w_k)`` to feature 2 k + 1, with ``w_k = 10000^(-2 k / E)``.
    Shape: x (T,N,E) -> (T,N,E); with ``batch_first`` (N,T,E).

    Parameters
    ----------
    d_model : int
        E, the size of inputs, an even number.
    max_len : int
        The largest T.
    batch_first : bool
        Whether N is the first axis, not the second.

    Attributes
    ----------
    table : Tensor
        The encodings, shape (max_len,E), a buffer that is not saved in ``state_dict``.

    Raises
    ------
    ConfigError
        ``d_model`` is odd.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.

    Examples
    --------
    >>> layer = dl.nn.PositionalEncoding(4, max_len=10)
    >>> layer(dl.zeros((3, 1, 4)))[0, 0]
    tensor([0., 1., 0., 1.])
    """

    table: Tensor

    def __init__(self, d_model: int, max_len: int = 5000, batch_first: bool = False) -> None:
        if d_model % 2:
            raise ConfigError(f"PositionalEncoding: d_model must be even, got {d_model}")
        pairs = arange(0, d_model, 2, dtype="float64")
        angles = arange(max_len, dtype="float64")[:, None] * exp(pairs * (-math.log(10000.0) / d_model))
        both = reshape(stack([sin(angles), cos(angles)], axis=-1), (max_len, d_model))
        self.register_buffer("table", both.astype("float32"), persistent=False)
        self.batch_first = batch_first

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[1 if self.batch_first else 0]
        if x.ndim != 3 or x.shape[2] != self.table.shape[1] or steps > self.table.shape[0]:
            limit = f"T <= {self.table.shape[0]} and E = {self.table.shape[1]}"
            raise ShapeError(f"PositionalEncoding: input must be (T,N,E) or, batch_first, (N,T,E) with {limit}, got {x.shape}")
        rows = self.table[:steps].astype(x.dtype)
        return x + (rows if self.batch_first else rows[:, None])
