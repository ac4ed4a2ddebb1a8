"""A recurrent language model, which predicts each token from those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import nn
from ..ops.shape import permute_dims

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

if TYPE_CHECKING:
    from .._tensor import Tensor


class LanguageModel(nn.Module):
    """Recurrent language model: ``p(next token | all before) = softmax(W h_t)``, with the hidden state ``h_t`` after t tokens.

    Shape: tokens (N,T), integers, and the state after the text before, or None -> scores (N,V,T) of the token that follows each
    token, and the state after the last.

    Parameters
    ----------
    vocabulary : int
        V, the number of different tokens.
    embedding : int
        D, the length of the token vectors.
    hidden : int
        H, the number of hidden units.
    layers : int
        The number of recurrent layers.
    cell : {"lstm", "gru", "rnn"}
        The kind of recurrent layer.
    dropout : float
        The probability with which embedded tokens and hidden units are dropped in training.
    tied : bool
        Use one matrix for embedding and scores, drawn from U(-0.1, 0.1); D must be H.

    References
    ----------
    Mikolov et al., 2010, "Recurrent neural network based language model". Tied weights: Press and Wolf, 2017,
    arXiv:1608.05859.

    Examples
    --------
    >>> model = dl.models.LanguageModel(vocabulary=5, embedding=3, hidden=4)
    >>> scores, (h, c) = model(dl.asarray([[0, 1, 2, 3]]))
    >>> scores.shape, h.shape
    ((1, 5, 4), (1, 1, 4))
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

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, state = self.recurrent(self.dropout(self.embed(tokens)), state)
        return permute_dims(self.score(self.dropout(h)), (0, 2, 1)), state
