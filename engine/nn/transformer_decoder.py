"""Transformer decoders, and encoder and decoder together. Parameter names are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ..ops.creation import full
from ..ops.rearrange import triu
from . import init
from .attention import MultiheadAttention
from .container import ModuleList
from .module import Module, in_dtype_of
from .norm import LayerNorm
from .transformer import TransformerEncoder, TransformerEncoderLayer, _TransformerLayer

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to an encoder's output and a two-layer network, each with a skip connection.

    Each part has a layer normalization.
    Shape: tgt (T,N,E), memory (S,N,E) -> (T,N,E); with ``batch_first`` (N,T,E) and (N,S,E), without a batch (T,E) and (S,E).
    T time of the output, S time of the memory, N batch, E ``d_model``.

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
        The attention to the steps of the output, from E to E.
    multihead_attn : MultiheadAttention
        The attention to the memory, from E to E.
    linear1 : Linear
        The hidden layer, weight (F,E).
    linear2 : Linear
        The output layer, weight (E,F).
    norm1 : LayerNorm
        The normalization of the self-attention.
    norm2 : LayerNorm
        The normalization of the attention to the memory.
    norm3 : LayerNorm
        The normalization of the two-layer network.

    Raises
    ------
    ConfigError
        ``activation`` is an unknown name, a size is below 1, or ``nhead`` does not divide ``d_model``.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.

    Examples
    --------
    >>> layer = dl.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(dl.ones((3, 5, 8)), memory=dl.ones((3, 4, 8)), tgt_is_causal=True).shape
    (3, 5, 8)
    """

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention
    attentions = ("self_attn", "multihead_attn")

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Decode sequences.

        Parameters
        ----------
        tgt : Tensor
            Shape (T,N,E), or as the class says.
        memory : Tensor
            Shape (S,N,E), the encoder's output.
        tgt_mask : Tensor or None
            Shape (T,T) or (N heads,T,T). Where a boolean mask is True, the step is hidden; a floating mask is added to
            the scores.
        memory_mask : Tensor or None
            Shape (T,S) or (N heads,T,S), with the same meaning.
        tgt_key_padding_mask : Tensor or None
            Shape (N,T), with the same meaning.
        memory_key_padding_mask : Tensor or None
            Shape (N,S), with the same meaning.
        tgt_is_causal : bool
            Whether step i attends to steps 0 to i only, if there is no ``tgt_mask``.
        memory_is_causal : bool
            Whether step i attends to the memory's steps 0 to i only, if there is no ``memory_mask``.

        Returns
        -------
        Tensor
            The shape of ``tgt``.
        """
        tgt, memory = (in_dtype_of(self.linear1.weight, t) for t in (tgt, memory))

        def attend(x: Tensor) -> Tensor:
            y: Tensor = self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]
            return y

        def look_back(x: Tensor) -> Tensor:
            y: Tensor = self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )[0]
            return y

        return self._joined(tgt, attend, look_back)


class TransformerDecoder(Module):
    """A stack of independent copies of a decoder layer.

    Shape: as the layer's, tgt (T,N,E) and memory (S,N,E) -> (T,N,E). The copies start from equal parameters.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
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
    >>> layer = dl.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> decoder = dl.nn.TransformerDecoder(layer, num_layers=2, norm=dl.nn.LayerNorm(8))
    >>> decoder(dl.ones((3, 5, 8)), dl.ones((3, 4, 8))).shape
    (3, 5, 8)
    """

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        self.layers = ModuleList(deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Decode sequences; the masks are those of TransformerDecoderLayer.

        Parameters
        ----------
        tgt : Tensor
            Shape (T,N,E), or as the layer says.
        memory : Tensor
            Shape (S,N,E), the encoder's output.
        tgt_mask : Tensor or None
            Shape (T,T) or (N heads,T,T).
        memory_mask : Tensor or None
            Shape (T,S) or (N heads,T,S).
        tgt_key_padding_mask : Tensor or None
            Shape (N,T).
        memory_key_padding_mask : Tensor or None
            Shape (N,S).
        tgt_is_causal : bool or None
            Whether step i attends to steps 0 to i only, if there is no ``tgt_mask``.
        memory_is_causal : bool
            Whether step i attends to the memory's steps 0 to i only, if there is no ``memory_mask``.

        Returns
        -------
        Tensor
            The shape of ``tgt``.
        """
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, bool(tgt_is_causal),
                memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder, both with a normalization of their output.

    Shape: src (S,N,E), tgt (T,N,E) -> (T,N,E); with ``batch_first`` (N,S,E) and (N,T,E), without a batch (S,E) and (T,E).
    Embeddings, positions and the last linear map are not part of it.

    Parameters
    ----------
    d_model : int
        E, the size of inputs and outputs.
    nhead : int
        The number of attention heads; it must divide E.
    num_encoder_layers : int
        The number of the encoder's layers.
    num_decoder_layers : int
        The number of the decoder's layers.
    dim_feedforward : int
        F, the number of hidden units of the two-layer networks.
    dropout : float
        The probability of dropout, as in the layers.
    activation : str or callable
        "relu", "gelu" or a function from Tensor to Tensor.
    custom_encoder : Module or None
        An encoder in the place of the usual one.
    custom_decoder : Module or None
        A decoder in the place of the usual one.
    layer_norm_eps : float
        Added to the variance in layer normalization.
    batch_first : bool
        Whether N is the first axis, not the second.
    norm_first : bool
        Whether each part of a layer normalizes its input; otherwise the sum after each skip connection is normalized.
    bias : bool
        Whether linear maps and normalizations add biases.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    encoder : TransformerEncoder
        The encoder, whose matrices are initially Xavier uniform.
    decoder : TransformerDecoder
        The decoder, likewise.

    Raises
    ------
    ConfigError
        ``activation`` is an unknown name, a size is below 1, or ``nhead`` does not divide ``d_model``.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.

    Examples
    --------
    >>> model = dl.nn.Transformer(8, 2, 1, 1, dim_feedforward=16, batch_first=True)
    >>> model(dl.ones((3, 4, 8)), dl.ones((3, 5, 8)), tgt_is_causal=True).shape
    (3, 5, 8)
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: str | Callable[[Tensor], Tensor] = "relu",
        custom_encoder: Module | None = None, custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        place: dict[str, Any] = {"device": device, "dtype": dtype}

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, **place)

        self.encoder = custom_encoder or TransformerEncoder(TransformerEncoderLayer(*sizes, **place), num_encoder_layers, norm())
        self.decoder = custom_decoder or TransformerDecoder(TransformerDecoderLayer(*sizes, **place), num_decoder_layers, norm())
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values for all matrices: Xavier uniform."""
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Encode one sequence, and decode another one with it.

        Parameters
        ----------
        src : Tensor
            Shape (S,N,E), or as the class says.
        tgt : Tensor
            Shape (T,N,E).
        src_mask : Tensor or None
            Shape (S,S) or (N heads,S,S). Where a boolean mask is True, the step is hidden; a floating mask is added to
            the scores.
        tgt_mask : Tensor or None
            Shape (T,T) or (N heads,T,T).
        memory_mask : Tensor or None
            Shape (T,S) or (N heads,T,S).
        src_key_padding_mask : Tensor or None
            Shape (N,S).
        tgt_key_padding_mask : Tensor or None
            Shape (N,T).
        memory_key_padding_mask : Tensor or None
            Shape (N,S), normally the ``src_key_padding_mask``.
        src_is_causal : bool or None
            Whether step i of the source attends to steps 0 to i only, if there is no ``src_mask``.
        tgt_is_causal : bool or None
            The same for the target.
        memory_is_causal : bool
            Whether step i attends to the memory's steps 0 to i only, if there is no ``memory_mask``.

        Returns
        -------
        Tensor
            The shape of ``tgt``.
        """
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(src_is_causal))
        decoded: Tensor = self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip
        return decoded

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: str | None = None, dtype: DTypeLike | None = None) -> Tensor:
        """Make the mask that hides what comes later.

        Parameters
        ----------
        sz : int
            T, the number of steps.
        device : str or None
            Where the mask lives; None is the default device.
        dtype : DTypeLike or None
            A floating dtype; None is the default dtype.

        Returns
        -------
        Tensor
            Shape (T,T): 0 on and below the diagonal, -Inf above.

        Examples
        --------
        >>> dl.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[  0., -inf],
                [  0.,   0.]])
        """
        return triu(full((sz, sz), -float("inf"), device=device, dtype=dtype), k=1)
