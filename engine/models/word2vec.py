"""Word vectors: skip-gram and continuous bag of words, with negative sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from ..ops.activation import logsigmoid

if TYPE_CHECKING:
    from .._tensor import Tensor


class Word2Vec(nn.Module):
    """Word vectors: one table of vectors h for input words, and one of vectors u for predicted words, with scores ``h^T u``.

    Shape: centres (P,), integers, or (P,C) for words whose vectors are averaged (CBOW); seen (P,1+n), integers, the true word and
    n random words -> scores (P,1+n).

    Parameters
    ----------
    words : int
        V, the number of words.
    size : int
        D, the length of the vectors.

    Attributes
    ----------
    words : Embedding
        The vectors of input words, shape (V,D), drawn from U(-0.5/D, 0.5/D).
    contexts : Embedding
        The vectors of predicted words, shape (V,D), zeros.

    References
    ----------
    Mikolov et al., 2013, arXiv:1301.3781.

    Examples
    --------
    >>> model = dl.models.Word2Vec(words=10, size=4)
    >>> model(dl.asarray([1, 2]), dl.asarray([[3, 7, 8], [4, 5, 6]])).shape
    (2, 3)
    """

    def __init__(self, words: int, size: int) -> None:
        self.words, self.contexts = nn.Embedding(words, size), nn.Embedding(words, size)
        nn.init.uniform_(self.words.weight, -0.5 / size, 0.5 / size)
        nn.init.zeros_(self.contexts.weight)

    def forward(self, centres: Tensor, seen: Tensor) -> Tensor:
        h: Tensor = self.words(centres)
        if h.ndim == 3:
            h = h.mean(axis=1)
        scores: Tensor = (self.contexts(seen) @ h[:, :, None])[:, :, 0]
        return scores


def negative_sampling_loss(scores: Tensor) -> Tensor:
    """Compute the negative-sampling loss: the sum of ``-log sigmoid(true score)`` and ``-log sigmoid(-random score)``.

    Parameters
    ----------
    scores : Tensor
        Scores, shape (P,1+n): of the true word, then of n random words.

    Returns
    -------
    Tensor
        The sum over all pairs, shape ().

    References
    ----------
    Mikolov et al., 2013, arXiv:1310.4546, equation 4.

    Examples
    --------
    >>> loss = dl.models.negative_sampling_loss(dl.zeros((1, 3)))
    >>> round(float(loss), 4), round(3 * float(np.log(2.0)), 4)
    (2.0794, 2.0794)
    """
    return -(logsigmoid(scores[:, 0]).sum() + logsigmoid(-scores[:, 1:]).sum())
