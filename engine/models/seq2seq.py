"""Sequence to sequence: an encoder reads one sequence, a decoder writes another, with or without attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .. import nn
from ..ops.attention import attention_weights
from ..ops.elementwise import tanh
from ..ops.joining import concat
from ..ops.linalg import matmul
from ..ops.shape import permute_dims

PAD, BEGIN, END, UNKNOWN = range(4)
"""The numbers of the special tokens."""

SPECIALS = ("<pad>", "<begin>", "<end>", "<unk>")
"""The names of the special tokens."""

State: TypeAlias = "tuple[Tensor, Tensor]"
"""The hidden state and the cell state of an LSTM, two tensors of shape (1,N,H)."""

if TYPE_CHECKING:
    from .._tensor import Tensor


class Decoder(nn.Module):
    r"""Score the tokens of a sequence one after another, with attention to a memory.

    The state is :math:`h_t = LSTM(token_t, h_{t-1})`. With attention, the weights of the memory are
    :math:`a_t = softmax(memory\, W h_t / \sqrt H)`, and the scores are computed from
    :math:`\tilde h_t = tanh(C [\sum_s a_{ts} memory_s; h_t])`; without, from :math:`h_t`.

    Shape: tokens (N,T), integers; state, a pair of tensors (1,N,H); memory (N,S,H); mask (N,S), True where there is memory ->
    scores (N,V,T), the last state, and the weights (N,T,S), or None without attention.

    Parameters
    ----------
    vocabulary : int
        V, the number of different tokens.
    embedding : int
        D, the length of the token vectors.
    hidden : int
        H, the number of hidden units.
    attention : bool
        Whether the decoder attends to the memory.
    dropout : float
        The probability with which embedded tokens and hidden units are dropped in training.

    Attributes
    ----------
    ask : Linear or None
        W, shape (H,H).
    join : Linear or None
        C, shape (H,2H).
    score : Linear
        Computes the scores.

    References
    ----------
    Sutskever, Vinyals and Le, 2014, arXiv:1409.3215; Luong, Pham and Manning, 2015, arXiv:1508.04025. Division by the root of H,
    without which the weights stay near 0 and 1: Vaswani et al., 2017, arXiv:1706.03762.

    Examples
    --------
    >>> model = dl.models.Decoder(vocabulary=5, embedding=3, hidden=4, attention=True)
    >>> state = dl.zeros((1, 2, 4)), dl.zeros((1, 2, 4))
    >>> memory, mask = dl.zeros((2, 6, 4)), dl.ones((2, 6), dtype=dl.bool)
    >>> scores, state, weights = model(dl.asarray([[1, 2, 3], [1, 4, 4]]), state, memory, mask)
    >>> scores.shape, weights.shape
    ((2, 5, 3), (2, 3, 6))
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int, attention: bool, dropout: float = 0.0) -> None:
        self.embed = nn.Embedding(vocabulary, embedding)
        self.recurrent = nn.LSTM(embedding, hidden, batch_first=True)
        self.ask = nn.Linear(hidden, hidden, bias=False) if attention else None
        self.join = nn.Linear(2 * hidden, hidden, bias=False) if attention else None
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Tensor, state: State, memory: Tensor, mask: Tensor) -> tuple[Tensor, State, Tensor | None]:
        h, state = self.recurrent(self.dropout(self.embed(tokens)), state)
        weights = None
        if self.ask is not None and self.join is not None:
            weights = attention_weights(self.ask(h), memory, mask[:, None, :])
            h = tanh(self.join(concat([matmul(weights, memory), h], axis=2)))
        return permute_dims(self.score(self.dropout(h)), (0, 2, 1)), state, weights


class Seq2Seq(nn.Module):
    """Encoder and decoder: a bidirectional LSTM reads the source, a ``Decoder`` predicts each token of the target.

    The last states of the encoder are the first state of the decoder, its outputs the memory. Targets begin with BEGIN; the
    decoder reads the true tokens and predicts the next one (teacher forcing).

    Shape: sources (N,S), targets (N,T), integers, with PAD after the end -> scores (N,V,T).

    Parameters
    ----------
    source_tokens : int
        The number of different tokens in sources.
    target_tokens : int
        V, the number of different tokens in targets.
    embedding : int
        D, the length of the token vectors.
    hidden : int
        H, the number of hidden units of the decoder; each direction of the encoder has half as many.
    attention : bool
        Whether the decoder attends to the outputs of the encoder.
    dropout : float
        The probability with which embedded tokens and hidden units are dropped in training.

    References
    ----------
    Sutskever, Vinyals and Le, 2014, arXiv:1409.3215; Cho et al., 2014, arXiv:1406.1078.

    Examples
    --------
    >>> model = dl.models.Seq2Seq(source_tokens=6, target_tokens=5, embedding=3, hidden=4, attention=True)
    >>> model(dl.asarray([[3, 4, 5, 2]]), dl.asarray([[1, 3, 4]])).shape
    (1, 5, 3)
    """

    def __init__(
        self, source_tokens: int, target_tokens: int, embedding: int, hidden: int, attention: bool, dropout: float = 0.0
    ) -> None:
        self.embed = nn.Embedding(source_tokens, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.LSTM(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = Decoder(target_tokens, embedding, hidden, attention, dropout)

    def encode(self, sources: Tensor) -> tuple[State, Tensor, Tensor]:
        """Read the sources.

        Parameters
        ----------
        sources : Tensor
            Integers, shape (N,S), with PAD after the end.

        Returns
        -------
        state : tuple of Tensor
            The first state of the decoder, two tensors of shape (1,N,H).
        memory : Tensor
            The outputs of the encoder, shape (N,S,H).
        mask : Tensor
            True where a source has a token, shape (N,S).
        """
        mask = sources != PAD
        memory, ends = self.encoder(self.dropout(self.embed(sources)), lengths=mask.astype("int64").sum(axis=1))
        h, c = (concat([end[0], end[1]], axis=1)[None] for end in ends)
        return (h, c), memory, mask

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        scores: Tensor = self.decoder(targets, *self.encode(sources))[0]
        return scores
