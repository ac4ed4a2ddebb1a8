"""Optimizer steps on the GPU, in place, one launch for all parameters of a group; sums and scaling that clip gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np

from ..graph_capture import bind
from ..settings import AdamSettings, SGDSettings
from ..types import Array
from . import FLOATS
from .machine.in_place import write_back
from .machine.launch import Kernel, contiguous, empty, library_of
from .machine.source import accumulator
from .machine.table import CHUNK, PointerTable

_sgd = Kernel("optim.cu", "sgd", FLOATS, constants={"CHUNK": CHUNK})
_adam = Kernel("optim.cu", "adam", FLOATS, constants={"CHUNK": CHUNK})
_squares = Kernel("clip.cu", "squares", FLOATS, constants={"CHUNK": CHUNK})
_scale_to_norm = Kernel("clip.cu", "scale_to_norm", FLOATS, constants={"CHUNK": CHUNK})
_scale = Kernel("clip.cu", "scale", FLOATS, constants={"CHUNK": CHUNK})
_total_of = Kernel("total.cu", "total_of", ("float32", "float64"))


def sgd(
    ps: list[Array],
    gs: list[Array],
    bufs: list[Array] | None,
    settings: SGDSettings,
) -> None:
    """Gradient descent with momentum, as the reference states it; bufs is None without momentum."""
    scalars = numbers(_sgd_numbers, *settings[:4])
    launch_on_all(_sgd, [ps, gs, bufs], (0, 2), (*scalars, settings.nesterov, settings.first))


def adam(
    ps: list[Array],
    gs: list[Array],
    ms: list[Array],
    vs: list[Array],
    vmaxs: list[Array] | None,
    settings: AdamSettings,
) -> None:
    """Adam; AdamW if decoupled; AMSGrad if there are vmaxs. step counts from 1."""
    scalars = numbers(_adam_numbers, *settings)
    launch_on_all(_adam, [ps, gs, ms, vs, vmaxs], (0, 2, 3, 4), scalars)


def _sgd_numbers(lr: float, momentum: float, dampening: float, weight_decay: float) -> tuple[float, ...]:
    return lr, momentum, 1.0 - dampening, weight_decay


def _adam_numbers(
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool, step: int
) -> tuple[float, ...]:
    keep, added = (1.0 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rate, correction = lr / (1.0 - beta1**step), sqrt(1.0 - beta2**step)
    return rate, 1.0 - beta1, beta2, 1.0 - beta2, eps, correction, keep, added


def numbers(function: Callable[..., tuple[float, ...]], *settings: Any) -> tuple[Any, ...]:
    """What a function makes of an optimizer's settings, as kernels take it: numbers, and the array that holds them in a
    captured step, whose settings may be others at each replay.
    """
    address = bind("float64", function, *settings)
    return (*function(*settings), None) if address is None else (*[0.0] * address.size, address)


def sum_of_squares(gs: list[Array]) -> Array:
    """The sum of the squares of all elements, 0-d: by chunks of fixed size, then over these."""
    library = library_of(gs[0])
    table = PointerTable([[contiguous(g) for g in gs]], ())
    wide = np.dtype(accumulator(str(table.dtype)))
    sums, total = empty(library, (table.chunks,), wide), empty(library, (), wide)
    _squares[table.chunks](table, table.tensors, table.columns, table.chunks, sums)
    _total_of[1](sums, table.chunks, total)
    return total


def clip_by_norm(gs: list[Array], max_norm: float) -> Array:
    """Scale all elements in place by min(1, max_norm / (norm + 1e-6)); the norm before that, 0-d as of sum_of_squares."""
    total = sum_of_squares(gs)
    norm = empty(library_of(gs[0]), (), total.dtype)
    launch_on_all(_scale_to_norm, [gs], (0,), (total, norm, max_norm))
    return norm


def scale(gs: list[Array], factor: Array) -> None:
    """Multiply all elements by a factor, in place. factor: 0-d, in device memory."""
    launch_on_all(_scale, [gs], (0,), (contiguous(factor),))


def launch_on_all(
    kernel: Kernel, roles: Sequence[list[Array] | None], written: tuple[int, ...], rest: tuple[Any, ...]
) -> None:
    """Launch on contiguous arrays; what the kernel wrote into a copy goes back to the view that it was copied from."""
    given = [arrays for arrays in roles if arrays is not None]
    dense = [[contiguous(a) for a in arrays] for arrays in given]
    table = PointerTable(dense, written)
    blocks = max(1, table.chunks)  # of no elements, too, the norm is left by the first
    kernel[blocks](table, table.tensors, table.columns, table.chunks, *rest)
    for role in written:
        if role < len(given):
            write_back(dense[role], given[role])
