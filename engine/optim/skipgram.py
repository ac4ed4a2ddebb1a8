"""Word vectors by skip-grams with negative sampling, a whole run of pairs in one call."""

from __future__ import annotations

from typing import Any

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..autograd.quiet import quiet, unquiet
from ..errors import DTypeError, ShapeError
from ..ops.ids import check_ids


def skipgram_step_(words: Any, contexts: Any, centres: Any, seen: Any, lr: float) -> Any:
    """Descend on -log sigmoid(h u) - sum log sigmoid(-h u') pair after pair, in place; returns the mean loss, a tensor.

    h is the centre's row of words, u the true context's row of contexts, u' those of the negatives. Each pair sees what the
    pairs before it have changed, as in word2vec; nothing is recorded, and the order of the pairs decides the result to the bit.
    It runs on the CPU, one pair at a time: on a GPU train batches with an optimizer instead.

    words, contexts: (V,D) leaf tensors of one floating dtype. centres: (P,) integers. seen: (P,1+n) integers, column 0 the
    true contexts. lr: the step of each pair. Raises ShapeError, DTypeError,
    BadIndexError for an id that is no row. Source: Mikolov et al. 2013, arXiv:1310.4546.
    """
    name = "skipgram_step_"
    for tensor in (words, contexts, centres, seen):
        if not isinstance(tensor, TensorBase):
            raise DTypeError(f"{name}: expected tensors, got {type(tensor).__name__}; make one with dl.asarray")
    w, c, at, ids = words._array, contexts._array, centres._array, seen._array
    if w.ndim != 2 or c.ndim != 2 or w.shape[1] != c.shape[1]:
        raise ShapeError(f"{name}: words (V,D) and contexts (V,D) must have one D, got {words.shape} and {contexts.shape}")
    if at.ndim != 1 or ids.ndim != 2 or ids.shape[0] != at.shape[0] or not ids.shape[1]:
        raise ShapeError(f"{name}: centres must be (P,) and seen (P,1+n), got {centres.shape} and {seen.shape}")
    if words.dtype.kind != "f" or words.dtype != contexts.dtype:
        raise DTypeError(f"{name}: words and contexts must have one floating dtype, got {words.dtype} and {contexts.dtype}")
    if centres.dtype.kind not in "iu" or seen.dtype.kind not in "iu":
        raise DTypeError(f"{name}: centres and seen must be integers, got {centres.dtype} and {seen.dtype}")
    if words._node is not None or contexts._node is not None:
        raise DTypeError(f"{name}: words and contexts must be leaf tensors, got the result of an op")
    check_ids(name, "centres", centres, w.shape[0], of="rows of words (V,D)")
    check_ids(name, "seen", seen, c.shape[0], of="rows of contexts (V,D)")
    token = quiet()
    try:
        loss = backend.space_of(w).skipgram_negative(w, c, at, ids, float(lr))
    finally:
        unquiet(token)
    written(words)
    written(contexts)
    return wrap(loss)
