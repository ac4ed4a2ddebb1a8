"""EmbeddingBag: sums, means or maxima of bags of rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..ops.embedding import embedding_bag
from .linear import Embedding

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class EmbeddingBag(Embedding):
    """Sums, means or maxima of bags of rows of a table, as for texts whose order of words does not matter.

    Shape: x (N,L) of integers from 0 to V - 1, each row a bag -> (N,D); or (M,) with the offsets (N,) of the bags.

    Parameters
    ----------
    num_embeddings : int
        V, the number of vectors.
    embedding_dim : int
        D, the size of a vector.
    max_norm : float or None
        A positive bound of the rows' norms, as in Embedding.
    norm_type : float
        The order of that norm.
    mode : str
        "mean", "sum" or "max".
    include_last_offset : bool
        Whether the offsets have one entry more, where the last bag ends.
    padding_idx : int or None
        A row that starts as zeros, does not count in its bags and gets no gradient; None for no such row.
    device : str or None
        Where the parameter lives; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameter; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The table, shape (V,D), drawn from N(0, 1).

    Raises
    ------
    ConfigError
        A size, a bound, ``mode`` or ``padding_idx`` is out of range.

    References
    ----------
    Joulin, Grave, Bojanowski and Mikolov, "Bag of tricks for efficient text classification", 2017, arXiv:1607.01759.

    Examples
    --------
    >>> bag = dl.nn.EmbeddingBag(10, 3, mode="sum")
    >>> bag(dl.asarray([[4, 2, 0], [1, 1, 9]])).shape
    (2, 3)
    >>> bag(dl.asarray([4, 2, 0, 1]), offsets=dl.asarray([0, 3])).shape
    (2, 3)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0, *,
        mode: str = "mean", include_last_offset: bool = False, padding_idx: int | None = None, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if mode not in ("mean", "sum", "max"):
            raise ConfigError(f"EmbeddingBag: mode must be 'mean', 'sum' or 'max', got {mode!r}")
        self.mode, self.include_last_offset = mode, include_last_offset
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, device=device, dtype=dtype)

    def forward(self, x: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Look up bags.

        Parameters
        ----------
        x : Tensor
            Shape (N,L), or (M,) with offsets.
        offsets : Tensor or None
            Shape (N,): where each bag begins, the first at 0.
        per_sample_weights : Tensor or None
            The shape of ``x``: what each row is multiplied by, for the mode "sum".

        Returns
        -------
        Tensor
            Shape (N,D); zeros for an empty bag.
        """
        if self.max_norm is not None:
            self._renormalize(x, self.max_norm)
        return embedding_bag(
            self.weight, x, offsets, self.mode, per_sample_weights, self.include_last_offset, self.padding_idx
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
