"""Rows of the kernels that write in place: steps of optimizers, clipping of gradients, word vectors.

No op calls them, so the function of a row calls the kernel with copies of its arguments and returns what it wrote.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlengine.kernels.settings import AdamSettings, SGDSettings

from ... import backend
from ...autograd.base import wrap
from ..arguments import integers, normal, positive
from ..bounds import forward_error
from ..references import updates as reference
from ..table import case, sample, unplanted


def _written(kernel: str, lists: list[Any], *settings: Any) -> tuple[Any, ...]:
    """The arrays of some lists of tensors after a kernel wrote to copies of them."""
    xp = backend.space_of(lists[0][0].array)
    copies = [None if ts is None else [xp.asarray(t.array, copy=True) for t in ts] for ts in lists]
    with np.errstate(all="ignore"):  # as inside ops
        getattr(xp, kernel)(*copies, *settings)
    return tuple(wrap(a) for i, arrays in enumerate(copies) if arrays is not None and i != 1 for a in arrays)


def sgd(ps: Any, gs: Any, bufs: Any = None, *, settings: SGDSettings) -> Any:
    """The parameters, and the velocities if there are any, after a step."""
    return _written("sgd", [ps, gs, bufs], settings)


def adam(ps: Any, gs: Any, ms: Any, vs: Any, vmaxs: Any = None, *, settings: AdamSettings) -> Any:
    """The parameters and moments after a step."""
    return _written("adam", [ps, gs, ms, vs, vmaxs], settings)


def sum_of_squares(gs: Any) -> Any:
    """The sum of squares of all elements of a list."""
    xp = backend.space_of(gs[0].array)
    with np.errstate(all="ignore"):
        total = xp.asarray(xp.sum_of_squares([t.array for t in gs]))  # float32 for half precision
        return wrap(xp.astype(total, gs[0].array.dtype))


def scale(gs: Any, factor: Any) -> Any:
    """The tensors of a list times a factor."""
    xp = backend.space_of(factor.array)
    copies = [xp.asarray(t.array, copy=True) for t in gs]
    with np.errstate(all="ignore"):
        wide = factor.array.dtype if factor.dtype.itemsize > 2 else xp.float32
        xp.scale(copies, xp.astype(factor.array, wide))
    return tuple(wrap(a) for a in copies)


def skipgram_negative(words: Any, contexts: Any, centres: Any, seen: Any, *, lr: float) -> Any:
    """The mean loss, and both tables after the updates."""
    xp = backend.space_of(words.array)
    w, c = (xp.asarray(t.array, copy=True) for t in (words, contexts))
    loss = xp.skipgram_negative(w, c, centres.array, seen.array, lr)
    return wrap(xp.asarray(loss)), wrap(w), wrap(c)


_PAIR = [normal(3, 5), normal(7)]
_ROOTS = [positive(3, 5), positive(7)]

case(
    sgd,
    sample(_PAIR, _PAIR, settings=SGDSettings(lr=0.1)),
    sample(_PAIR, _PAIR, settings=SGDSettings(lr=0.1, weight_decay=0.3)),
    sample(_PAIR, _PAIR, _PAIR, settings=SGDSettings(lr=0.2, momentum=0.8, first=True)),
    sample(_PAIR, _PAIR, _PAIR, settings=SGDSettings(lr=0.2, momentum=0.8, dampening=0.25, weight_decay=0.1)),
    sample(_PAIR, _PAIR, _PAIR, settings=SGDSettings(lr=0.2, momentum=0.8, nesterov=True)),
    bound=forward_error(4), differentiable=False, kernels=("sgd",), reference=reference.sgd,
)  # fmt: skip
case(
    adam,
    sample(_PAIR, _PAIR, _PAIR, _ROOTS, settings=AdamSettings(0.1, 0.9, 0.99, 1e-3)),
    sample(_PAIR, _PAIR, _PAIR, _ROOTS, settings=AdamSettings(0.1, 0.9, 0.99, 1e-3, weight_decay=0.3, step=4)),
    sample(_PAIR, _PAIR, _PAIR, _ROOTS, settings=AdamSettings(0.1, 0.9, 0.99, 1e-3, weight_decay=0.3, decoupled=True, step=3)),
    sample(_PAIR, _PAIR, _PAIR, _ROOTS, _ROOTS, settings=AdamSettings(0.1, 0.9, 0.99, 1e-3, step=2)),
    bound=forward_error(16), differentiable=False, kernels=("adam",), reference=reference.adam,
)  # fmt: skip
case(
    sum_of_squares, sample(_PAIR), sample([normal(300)]), sample([normal(0, 3), normal()]),
    bound=forward_error(8), differentiable=False, kernels=("sum_of_squares",), reference=reference.sum_of_squares,
)  # fmt: skip
case(
    scale, sample(_PAIR, normal()), bound=forward_error(1), differentiable=False, kernels=("scale",),
    reference=lambda gs, factor: [g * factor for g in gs],
)  # fmt: skip
case(
    skipgram_negative,
    sample(normal(5, 4), normal(6, 4), integers(0, 5, 9), integers(0, 6, 9, 3), lr=0.1),
    sample(normal(5, 4), normal(6, 4), integers(0, 5, 1), integers(0, 6, 1, 1), lr=0.5),
    bound=forward_error(64), differentiable=False, kernels=("skipgram_negative",), reference=reference.skipgram,
)  # fmt: skip
unplanted("each pair starts from the updates of the last: Inf in one vector soon gives NaN in all", "skipgram_negative")
