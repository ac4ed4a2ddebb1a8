"""A recurrent language model: reads tokens one by one and says after each which may come next."""

from __future__ import annotations

from typing import Any

from .. import nn
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
