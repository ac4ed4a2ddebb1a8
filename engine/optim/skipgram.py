"""Word vectors by skip-grams with negative sampling, many pairs in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..errors import DTypeError, ShapeError
from ..ops.ids import check_ids

if TYPE_CHECKING:
    from .._tensor import Tensor


def skipgram_step_(words: Tensor, contexts: Tensor, centres: Tensor, seen: Tensor, lr: float) -> Tensor:
    """Train word vectors in place: one step of gradient descent per pair of words, pair after pair.

    The loss of a pair is ``-log sigmoid(h u) - sum_k log sigmoid(-h u_k)``, where ``h`` is the centre's row of ``words``,
    ``u`` the true context's row of ``contexts`` and ``u_k`` those of the n negative samples.

    Parameters
    ----------
    words : Tensor
        Shape (V, D), floating, a leaf: the vectors of centre words.
    contexts : Tensor
        Shape (V, D), dtype of ``words``, a leaf: the vectors of context words.
    centres : Tensor
        Shape (P,), integer: the centre word of each pair.
    seen : Tensor
        Shape (P, 1+n), integer: the true context in column 0, then the negative samples.
    lr : float
        Learning rate.

    Returns
    -------
    Tensor
        The mean loss over the pairs, a 0-d tensor.

    Raises
    ------
    ShapeError
        For shapes that do not fit together.
    DTypeError
        For another dtype, or tensors that are not leaves.
    BadIndexError
        For an id that is not a row.

    Notes
    -----
    Each pair uses the vectors that the pairs before it have changed, as in word2vec, so the order of the pairs matters.
    Nothing is recorded for gradients. It runs on the CPU, one pair at a time; on a GPU train batches with an optimizer.

    References
    ----------
    Mikolov et al., 2013, arXiv:1310.4546.

    Examples
    --------
    >>> words, contexts = dl.ones((3, 2)), dl.zeros((3, 2))
    >>> loss = dl.optim.skipgram_step_(words, contexts, dl.asarray([0]), dl.asarray([[1, 2]]), lr=0.5)
    >>> round(loss.item(), 4)
    1.3863
    >>> contexts.tolist()
    [[0.0, 0.0], [0.25, 0.25], [-0.25, -0.25]]
    """
    name = "skipgram_step_"
    for tensor in (words, contexts, centres, seen):
        if not isinstance(tensor, TensorBase):
            raise DTypeError(f"{name}: expected tensors, got {type(tensor).__name__}; make one with dl.asarray")
    w, c, at, ids = words.array, contexts.array, centres.array, seen.array
    if w.ndim != 2 or c.ndim != 2 or w.shape[1] != c.shape[1]:
        raise ShapeError(f"{name}: words (V,D) and contexts (V,D) must have one D, got {words.shape} and {contexts.shape}")
    if at.ndim != 1 or ids.ndim != 2 or ids.shape[0] != at.shape[0] or not ids.shape[1]:
        raise ShapeError(f"{name}: centres must be (P,) and seen (P,1+n), got {centres.shape} and {seen.shape}")
    if words.dtype.kind != "f" or words.dtype != contexts.dtype:
        raise DTypeError(f"{name}: words and contexts must have one floating dtype, got {words.dtype} and {contexts.dtype}")
    if centres.dtype.kind not in "iu" or seen.dtype.kind not in "iu":
        raise DTypeError(f"{name}: centres and seen must be integers, got {centres.dtype} and {seen.dtype}")
    if words.node is not None or contexts.node is not None:
        raise DTypeError(f"{name}: words and contexts must be leaf tensors, got the result of an op")
    check_ids(name, "centres", centres, w.shape[0], of="rows of words (V,D)")
    check_ids(name, "seen", seen, c.shape[0], of="rows of contexts (V,D)")
    token = ignore_fp_errors()
    try:
        loss = backend.space_of(w).skipgram_negative(w, c, at, ids, float(lr))
    finally:
        restore_fp_errors(token)
    written(words)
    written(contexts)
    mean: Tensor = wrap(loss)
    return mean
