"""Encoder and decoder: a sequence in, another out, with attention or without; and how to write with a decoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..autograd.base import no_grad
from ..ops.attention import attention_weights
from ..ops.creation import asarray
from ..ops.elementwise import tanh
from ..ops.linalg import matmul
from ..ops.shape import concat, permute_dims

PAD, BEGIN, END, UNKNOWN = range(4)
SPECIALS = ("<pad>", "<begin>", "<end>", "<unk>")


class Decoder(nn.Module):
    """Writes a sequence token by token; each time it may look at a memory (N,S,H).

    h_t = LSTM(embedded token, h_{t-1}). With attention the state asks which parts of the memory matter now,
    a_t = softmax(memory W h_t), and what it sees joins in: h~_t = tanh(C [sum_s a_ts memory_s; h_t]). Scores: V h~_t.
    tokens (N,T), state: a pair of (1,N,H), mask (N,S): True where there is memory. Returns scores (N,vocabulary,T), the
    last state, and the weights (N,T,S), or None without attention.
    Source: Sutskever, Vinyals, Le 2014; Luong, Pham, Manning 2015, "Effective approaches to attention-based translation".
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
            weights = attention_weights(self.ask(h), memory, mask[:, None, :], scale=1.0)
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


def greedy(decoder: Decoder, state: Any, memory: Any, mask: Any, limit: int) -> list[list[int]]:
    """For each sample the tokens that come of always taking the likeliest next one, up to END or `limit`."""
    n = memory.shape[0]
    tokens, written = np.full((n, 1), BEGIN), []
    with no_grad():
        for _ in range(limit):
            scores, state, _ = decoder(asarray(tokens), state, memory, mask)
            tokens = scores.numpy_copy().argmax(axis=1)
            written.append(tokens[:, 0])
            if (np.stack(written) == END).any(axis=0).all():
                break
    return [until_end(row) for row in np.stack(written, axis=1).tolist()]


def beam_search(decoder: Decoder, state: Any, memory: Any, mask: Any, limit: int, width: int = 4) -> list[int]:
    """The best sequence for one sample that a search finds which keeps the `width` best beginnings at each length.

    A sequence counts by the mean log-probability of its tokens, END included. state, memory and mask are of one sample.
    """
    live: list[tuple[float, list[int]]] = [(0.0, [BEGIN])]
    done: list[tuple[float, list[int]]] = []
    with no_grad():
        for _ in range(limit):
            rows = [len(live)] + [1] * (memory.ndim - 1)
            last = asarray(np.array([tokens[-1:] for _, tokens in live]))
            seen = asarray(np.tile(memory.numpy_copy(), rows)), asarray(np.tile(mask.numpy_copy(), [len(live), 1]))
            scores, state, _ = decoder(last, state, *seen)
            found = _log_softmax(scores.numpy_copy()[:, :, 0]) + np.array([[total] for total, _ in live])
            best = np.argsort(-found, axis=None, kind="stable")[:width].tolist()
            grown, parents = [], []
            for place in best:
                parent, token = divmod(place, found.shape[1])
                total, tokens = float(found[parent, token]), [*live[parent][1], token]
                if token == END:
                    done.append((total / (len(tokens) - 1), tokens))
                else:
                    grown.append((total, tokens))
                    parents.append(parent)
            if not grown or len(done) >= width:
                break
            live = grown
            state = tuple(asarray(part.numpy_copy()[:, parents]) for part in state)
    ranked = done or [(total / len(tokens), tokens) for total, tokens in live]
    return until_end(max(ranked, key=lambda entry: entry[0])[1][1:])


def until_end(tokens: list[int]) -> list[int]:
    """The tokens before the first END."""
    return tokens[: tokens.index(END)] if END in tokens else tokens


def _log_softmax(scores: Any) -> Any:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
