"""Encoder and decoder: a sequence in, another out, with attention or without."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..ops.attention import attention_weights
from ..ops.elementwise import tanh
from ..ops.linalg import matmul
from ..ops.shape import concat, permute_dims

PAD, BEGIN, END, UNKNOWN = range(4)
SPECIALS = ("<pad>", "<begin>", "<end>", "<unk>")


class Decoder(nn.Module):
    """Writes a sequence token by token; each time it may look at a memory (N,S,H).

    h_t = LSTM(embedded token, h_{t-1}). With attention the state asks which parts of the memory matter now,
    a_t = softmax(memory W h_t / sqrt(H)), and what it sees joins in: h~_t = tanh(C [sum_s a_ts memory_s; h_t]). Scores: V h~_t.
    tokens (N,T), state: a pair of (1,N,H), mask (N,S): True where there is memory. Returns scores (N,vocabulary,T), the
    last state, and the weights (N,T,S), or None without attention.
    Source: Sutskever, Vinyals, Le 2014; Luong, Pham, Manning 2015, "Effective approaches to attention-based translation"; the
    division by sqrt(H), without which the weights stay at 0 and 1: Vaswani et al. 2017.
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int, attention: bool, dropout: float = 0.0) -> None:
        self.embed = nn.Embedding(vocabulary, embedding)
        self.recurrent = nn.LSTM(embedding, hidden, batch_first=True)
        self.ask = nn.Linear(hidden, hidden, bias=False) if attention else None
        self.join = nn.Linear(2 * hidden, hidden, bias=False) if attention else None
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Any, state: Any, memory: Any, mask: Any) -> tuple[Any, Any, Any]:
        h, state = self.recurrent(self.dropout(self.embed(tokens)), state)
        weights = None
        if self.ask is not None and self.join is not None:
            weights = attention_weights(self.ask(h), memory, mask[:, None, :])
            h = tanh(self.join(concat([matmul(weights, memory), h], axis=2)))
        return permute_dims(self.score(self.dropout(h)), (0, 2, 1)), state, weights


class Seq2Seq(nn.Module):
    """A bidirectional LSTM reads the source; its last states are the decoder's first, its outputs the memory to look at.

    sources (N,S) and targets (N,T) are integers, PAD behind the end; targets begin with BEGIN (teacher forcing: the decoder
    reads the true tokens and must say the next). Returns scores (N,vocabulary,T).
    Source: Sutskever, Vinyals, Le 2014, "Sequence to sequence learning with neural networks"; Cho et al. 2014.
    """

    def __init__(
        self, source_tokens: int, target_tokens: int, embedding: int, hidden: int, attention: bool, dropout: float = 0.0
    ) -> None:
        self.embed = nn.Embedding(source_tokens, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.LSTM(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = Decoder(target_tokens, embedding, hidden, attention, dropout)

    def encode(self, sources: Any) -> tuple[Any, Any, Any]:
        """The decoder's first state, the memory (N,S,H), and where it holds something (N,S)."""
        mask = sources != PAD
        memory, ends = self.encoder(self.dropout(self.embed(sources)), lengths=mask.astype("int64").sum(axis=1))
        return tuple(concat([end[0], end[1]], axis=1)[None] for end in ends), memory, mask

    def forward(self, sources: Any, targets: Any) -> Any:
        return self.decoder(targets, *self.encode(sources))[0]
