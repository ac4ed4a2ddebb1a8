"""Weights that no replay changes, arranged once: batch norms folded into convolutions, matrices in the order of the tile.

Both are made by calls that only run again when a weight was written to (see cleaning.divided). A folded convolution rounds
otherwise than the two ops did, so this belongs to fusion.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from dlengine.kernels.registry import declaration

from ..recording.instructions import Call, Storage, Value, values_in
from .cleaning import Facts, pure, renewed

FEWEST_ROWS = 8
"""Rows of a product from which its tile is worth arranging a matrix for; fewer are products with vectors."""

MOST_ROWS = 1024
"""Rows from which arranging the matrix each time is a small part of the product."""

SMALLEST = 1 << 18
"""Multiply-adds up to which NumPy does a product as fast."""

KEEPING = frozenset(("conv2d", "conv3d", "lstm", "lstm_grad", "gru", "gru_grad"))
"""Kernels that keep weights in the order in which they read them."""

SHARED = 3
"""Calls of a replay that must share a weight for a copy of it to be worth while."""

FLOATS = frozenset(np.dtype(d) for d in ("float32", "float64"))


def arranged(calls: list[Call], outs: Any, first: list[Call], steady: set[Value]) -> tuple[list[Call], list[Call]]:
    """The calls on arranged weights, and the calls that arrange them behind those that run first.

    Parameters
    ----------
    calls : list of Call
        What every replay runs.
    outs : object
        A nest of what leaves the program.
    first : list of Call
        What runs only when something was written to.
    steady : set of Value
        What does not change from replay to replay.
    """
    found = _Arranging(calls, outs, first, steady)
    return found.gradients(found.products(found.constants(found.convolutions(calls)))), found.first


class _Arranging:
    def __init__(self, calls: list[Call], outs: Any, first: list[Call], steady: set[Value]) -> None:
        self.facts, self.first, self.steady = Facts(calls, outs), list(first), steady
        self.wanted = set(values_in(outs))
        self.readers: dict[Value, list[Call]] = defaultdict(list)
        for call in calls:
            for v in dict.fromkeys(call.reads()):
                self.readers[v].append(call)

    def _settled(self, args: Sequence[Any]) -> bool:
        return all(v in self.steady for v in values_in(list(args)))

    def _made(self, name: str, function: Callable[..., Any], args: list[Any], arrays: Sequence[Any]) -> list[Value]:
        """A call among those that run first; arrays: of the shapes and dtypes of its results."""
        call = Call(name, function, args, {})
        call.outs = [Value(a, "made", Storage(False), call) for a in arrays]
        call.result = call.outs[0] if len(call.outs) == 1 else tuple(call.outs)
        self.first.append(call)
        self.steady.update(call.outs)
        return call.outs

    def convolutions(self, calls: list[Call]) -> list[Call]:
        """Convolutions with the batch norm that alone reads them folded into their weights."""
        folded: dict[Call, Call] = {}
        gone: set[Call] = set()
        for call in calls:
            norm = self._norm_of(call) if call.name in ("conv2d", "conv3d") else None
            if norm is None:
                continue
            x, weight, bias, *rest = call.args
            shapes = np.empty(weight.shape, weight.dtype), np.empty(weight.shape[0], weight.dtype)
            new = self._made("fold batch norm", folded_norm, [weight, bias, *norm.args[1:]], shapes)
            name = f"{call.name}+{norm.name}"
            folded[call] = replace(call, name=name, args=[x, *new, *rest], outs=norm.outs, result=norm.result)
            gone.add(norm)
        return [folded.get(call, call) for call in calls if call not in gone]

    def _norm_of(self, call: Call) -> Call | None:
        out: Any = call.result
        if not pure(call) or not isinstance(out, Value) or out.dtype not in FLOATS or not self._settled(call.args[1:]):
            return None
        readers = self.readers[out]
        if len(readers) != 1 or out in self.wanted or self.facts.is_written(out) or call.args[1].dtype != out.dtype:
            return None
        norm = readers[0]
        fits = norm.name == "batch_norm_inference" and pure(norm) and norm.args[0] is out and self._settled(norm.args[1:])
        return norm if fits and all(v.dtype == out.dtype for v in norm.reads()) else None

    def constants(self, calls: list[Call]) -> list[Call]:
        """Layers whose kernels keep their weights in another order: on weights of which they need not ask whether they changed.

        Those are made once where no replay changes the weights, and in every replay where several calls in it share them, as
        the steps of a loop over a cell do.
        """
        from dlengine.kernels.jit.machine.kept import KEPT

        self.facts = Facts(calls, self.wanted)
        own: dict[Hashable, Value] = {}
        uses: Counter[Hashable] = Counter()
        for i, call in enumerate(calls):
            uses.update(self._weights(call, i).values())
        new: list[Call] = []
        for i, call in enumerate(calls):
            taken: dict[Value, Value] = {}
            for v, kind in self._weights(call, i).items():
                if kind not in own and (v in self.steady or uses[kind] >= SHARED):
                    made = Call("constant weight", KEPT.constant, [v], {})
                    made.result = Value(np.empty(v.shape, v.dtype), "made", Storage(False), made)
                    made.outs = [made.result]
                    own[kind] = made.result
                    (self.first if v in self.steady else new).append(made)
                    if v in self.steady:
                        self.steady.add(made.result)
                if kind in own:
                    taken[v] = own[kind]
            new.append(renewed(call, taken) if taken else call)
        return new

    def _weights(self, call: Call, place: int) -> dict[Value, Hashable]:
        """The weights that the kernel of a call keeps in another order. Calls share what is made of a weight if what is given for
        it here is equal: how often its memory was written to before, and the kernel, so that the order of the way forward does
        not take memory on the way back."""
        kernel = call.name.split("+")[0]
        if kernel not in KEEPING:
            return {}
        pairs = zip(declaration(kernel).names, call.args, strict=False)
        named = [v for name, v in pairs if name[0] == "w" and isinstance(v, Value)]
        found = [v for v in named if (v in self.steady or v.kind == "held") and v.dtype in FLOATS]
        return {v: (v, self.facts.epoch(v, place), "" if v in self.steady else kernel) for v in found}

    def gradients(self, calls: list[Call]) -> list[Call]:
        """Gradients of an LSTM without that of its input where nobody reads it."""
        from dlengine.kernels.jit.linear import FLOAT32

        new = []
        for call in calls:
            is_lstms = call.name == "lstm_grad" and isinstance(call.result, tuple)
            gx, *rest = call.result if is_lstms else (None,)
            unread = gx is None or (isinstance(gx, Value) and not self.readers[gx] and gx not in self.wanted)
            if is_lstms and unread and not call.consts and all(v.dtype == FLOAT32 for v in call.outs):
                outs, kernel = [v for v in call.outs if v is not gx], _beyond_input(call.function)
                new.append(replace(call, name=f"{call.name}, no gx", function=kernel, outs=outs, result=(None, *rest)))
            else:
                new.append(call)
        return new

    def products(self, calls: list[Call]) -> list[Call]:
        """Linear layers of a few rows, their matrix in the order in which the tile reads it."""
        from dlengine.kernels.jit.linear import FLOAT32, linear_packed, packed_size, packed_weight

        known: dict[Value, Value] = {}
        new = []
        for call in calls:
            x, weight, bias = call.args if call.name == "linear" else (None, None, None)
            if isinstance(x, Value) and isinstance(weight, Value) and pure(call) and self._settled([weight]):
                rows = prod(x.shape[:-1])
                fits = FEWEST_ROWS <= rows < MOST_ROWS and rows * prod(weight.shape) > SMALLEST
                if fits and all(v.dtype == FLOAT32 for v in call.reads()):
                    if weight not in known:
                        size = np.empty(packed_size(weight.shape), weight.dtype)
                        known[weight] = self._made("pack weight", packed_weight, [weight], [size])[0]
                    args = [x, known[weight], bias, weight.shape[0]]
                    new.append(replace(call, name="linear, packed", function=linear_packed, args=args, consts={}))
                    continue
            new.append(call)
        return new


def _beyond_input(usual: Callable[..., Any]) -> Callable[..., Any]:
    """lstm_grad without the gradient of the input."""
    from dlengine.kernels.jit.recurrence.layout import OutputGrads
    from dlengine.kernels.jit.recurrent import lstm_grad_beyond_input

    def run(*args: Any) -> Any:
        gy, gh, gc, x, h0, _, w_ih, w_hh, bias, _, reverse, saved = args
        if not saved.native:
            return usual(*args)
        return lstm_grad_beyond_input(OutputGrads(gy, gh, gc), x, h0, (w_ih, w_hh), bias, reverse, saved.values)

    return run


def folded_norm(weight: Any, bias: Any, mean: Any, variance: Any, scale: Any, shift: Any, eps: float) -> tuple[Any, Any]:
    """The weight (K,...) and bias (K,) of a convolution that is followed by a batch norm in evaluation.

    bias, scale and shift may be None. Worked out in float64, so that only the result is rounded.
    """
    by = 1 / np.sqrt(variance.astype(np.float64) + eps)
    by = by if scale is None else by * scale
    added = -mean.astype(np.float64) if bias is None else bias.astype(np.float64) - mean
    added = added * by if shift is None else added * by + shift
    return (weight * by.reshape(-1, *(1,) * (weight.ndim - 1))).astype(weight.dtype), added.astype(weight.dtype)
