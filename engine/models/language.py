"""A recurrent language model: reads tokens one by one and says after each which may come next."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..autograd.base import no_grad
from ..errors import ConfigError
from ..generator import Generator
from ..ops.creation import asarray
from ..ops.random import rand
from ..ops.shape import permute_dims

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class LanguageModel(nn.Module):
    """p(next token | all before) = softmax(V h_t), h_t the state of a recurrent network after the embedded tokens 1 ... t.

    tokens: (N,T) integers below `vocabulary`; state: where the text before ended, or None. Returns the scores (N,V,T) of
    what follows each token, and the state behind the last. cell: "rnn", "lstm" or "gru". tied: the rows of the embedding
    also score the tokens, so that a token has one vector; then embedding = hidden.
    Source: Mikolov et al. 2010, "Recurrent neural network based language model"; tied: Press & Wolf 2017, arXiv:1608.05859.
    """

    def __init__(
        self, vocabulary: int, embedding: int, hidden: int, layers: int = 1, cell: str = "lstm", dropout: float = 0.0,
        tied: bool = False,
    ) -> None:  # fmt: skip
        self.embed = nn.Embedding(vocabulary, embedding)
        self.recurrent = CELLS[cell](embedding, hidden, layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(hidden, vocabulary)
        if tied:
            nn.init.uniform_(self.embed.weight, -0.1, 0.1)
            self.score.weight = self.embed.weight

    def forward(self, tokens: Any, state: Any = None) -> tuple[Any, Any]:
        h, state = self.recurrent(self.dropout(self.embed(tokens)), state)
        return permute_dims(self.score(self.dropout(h)), (0, 2, 1)), state


def generate(model: Any, prompt: Any, length: int, temperature: float = 1.0, seed: int = 0) -> list[int]:
    """`length` tokens that go on from a prompt (T,), T at least 1, each drawn from softmax(scores / temperature).

    A low temperature makes the likely likelier; 0 always takes the likeliest.
    """
    if len(prompt) < 1 or length < 1 or temperature < 0:
        raise ConfigError(
            f"generate: needs a prompt, length >= 1 and temperature >= 0, got {len(prompt)}, {length}, {temperature}"
        )
    chances = rand(length, dtype="float64", device="cpu", generator=Generator(seed)).numpy()
    tokens, state, found = np.asarray(prompt)[None], None, list[int]()
    model.eval()
    with no_grad():
        for chance in chances:
            scores, state = model(asarray(tokens), state)
            found.append(draw(scores.numpy_copy()[0, :, -1], temperature, float(chance)))
            tokens = np.array([found[-1:]])
    return found


def draw(scores: Any, temperature: float, chance: float) -> int:
    """The token whose share of softmax(scores / temperature) holds the point `chance` of [0, 1)."""
    if temperature == 0:
        return int(np.argmax(scores))
    shares = np.exp((scores.astype(np.float64) - scores.max()) / temperature).cumsum()
    return min(int(np.searchsorted(shares, chance * shares[-1], side="right")), len(shares) - 1)
