"""Fusion: chains of elementwise functions become one generated kernel each (kernels/jit/generated).

The result of a chain that something else reads is a root; what only this root reads becomes part of its formula. A chain reads
its arguments at the place of its root, so nothing may have been written to their memory in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.generated.expression import Expression, argument, in_order, inputs_of, substitute

from ..recording.answers import is_plain
from ..recording.generators import SMALL
from ..recording.instructions import Call, Value, values_in
from ..recording.symbols import FUNCTIONS, NotPointwise, Symbol, SymbolSpace
from .cleaning import Facts, pure

BY_HAND = frozenset(
    "relu relu_grad leaky_relu leaky_relu_grad sigmoid sigmoid_grad tanh_grad silu silu_grad softplus softplus_grad".split()
)
"""Kernels that are elementwise; as a part of a chain their reference is read."""

NAMES = frozenset(FUNCTIONS) | BY_HAND | frozenset(("where", "astype", "clip", "ones_like", "zeros_like", "real"))

LARGEST = 24
"""Inputs of one kernel."""

LONGEST = 200
"""Functions in one kernel."""

TAKEN = frozenset(np.dtype(d) for d in ("float32", "float64", "bool"))


def fused(calls: list[Call], outs: Any, smallest: int = SMALL) -> list[Call]:
    """The calls with chains of elementwise functions as one call each.

    Parameters
    ----------
    calls : list of Call
        The calls.
    outs : object
        A nest of what leaves the program.
    smallest : int
        Elements times functions below which a chain is left as it is.

    Returns
    -------
    list of Call
        The new calls.
    """
    return _Fusion(calls, outs, smallest).run()


class _Fusion:
    def __init__(self, calls: list[Call], outs: Any, smallest: int) -> None:
        self.calls, self.smallest = calls, smallest
        self.facts = Facts(calls, outs)
        self.wanted = set(values_in(outs))
        self.readers: dict[Value, list[int]] = defaultdict(list)
        for i, call in enumerate(calls):
            for v in dict.fromkeys(call.reads()):
                self.readers[v].append(i)
        self.place = {v: i for i, call in enumerate(calls) for v in call.outs}
        self.formulas: dict[int, Callable[[Sequence[Any]], Symbol]] = {}
        for i, call in enumerate(calls):
            formula = formula_of(call, self.facts)
            if formula is not None:
                self.formulas[i] = formula

    def run(self) -> list[Call]:
        absorbed: set[int] = set()
        chains: dict[int, set[int]] = {}
        for i in reversed(range(len(self.calls))):
            if i in self.formulas and i not in absorbed:
                members = self._chain(i, absorbed)
                made = self._kernel(i, members) if members else None
                if made is not None:
                    absorbed |= members - {i}
                    chains[i] = members
                    self.calls[i] = made
        return [call for i, call in enumerate(self.calls) if i not in absorbed]

    def _chain(self, root: int, absorbed: set[int]) -> set[int]:
        """The calls that become part of the formula of a root: those whose results only they read."""
        members, open_ends = {root}, [root]
        shape = self.calls[root].outs[0].shape
        while open_ends:
            for v in dict.fromkeys(self.calls[open_ends.pop()].reads()):
                i = self.place.get(v, -1)
                if i < 0 or i in members or i in absorbed or i not in self.formulas or v in self.wanted or v.shape != shape:
                    continue
                if not set(self.readers[v]) <= members or len(members) >= LONGEST:
                    continue
                if any(self.facts.epoch(x, i) != self.facts.epoch(x, root) for x in self.calls[i].reads()):
                    continue
                members.add(i)
                open_ends.append(i)
        return self._without_hoards(root, members)

    def _without_hoards(self, root: int, members: set[int]) -> set[int]:
        """A chain without the calls whose arguments would wait for its root, and take more memory than their results do.

        A sum of gradients, to which each step of a loop adds, is such a chain: as one kernel it would need all of them at once.
        """
        others = (i for i in range(root - 1, min(members), -1) if i not in members and any(v.nbytes for v in self.calls[i].outs))
        border = next(others, -1)
        early = {i for i in members if i < border}
        results = [v for i in early for v in self.calls[i].outs if any(reader > border for reader in self.readers[v])]
        waiting = {v for i in early for v in self.calls[i].reads() if v in self.place and not v.lasting}  # of this program
        ended = [v for v in waiting if v not in self.wanted and self.place[v] not in members and self.readers[v][-1] < border]
        hoards = sum(v.nbytes for v in ended) > sum(v.nbytes for v in results)
        return members - early if hoards else members

    def _kernel(self, root: int, members: set[int]) -> Call | None:
        """The call of a generated kernel in place of a chain, or None where it would not pay."""
        call = self.calls[root]
        out = call.outs[0]
        inputs: dict[Value, Symbol] = {}
        made: dict[Value, Symbol] = {}

        def symbol(part: Any) -> Any:
            if not isinstance(part, Value):
                return part
            if part in made:
                return made[part]
            if part not in inputs:
                inputs[part] = Symbol(argument(len(inputs), part.dtype), frozenset((len(inputs),)))
            return inputs[part]

        try:
            for i in sorted(members):
                part = self.calls[i].outs[0]
                made[part] = self.formulas[i]([symbol(a) for a in self.calls[i].args])
                if made[part].dtype != part.dtype:
                    return None
        except (NotPointwise, TypeError, KeyError, ValueError):
            return None
        expression = made[out].expression
        steps = sum(e.kind not in ("input", "const") for e in in_order([expression]))
        used = [e.value for e in inputs_of(expression)]
        takes = [v for n, v in enumerate(inputs) if n in used]
        if not takes or len(takes) > LARGEST or prod(out.shape) * steps < self.smallest or expression.dtype.kind not in "fb":
            return None
        if len(members) == 1 and (call.name in BY_HAND or not call.name.startswith("generated:") or is_plain(expression.kind)):
            return None
        if np.broadcast_shapes(*[v.shape for v in takes]) != out.shape or not all(_fits(v, out.shape) for v in takes):
            return None
        return _call(call, expression, takes, [self.calls[i].name for i in sorted(members)])


def _fits(v: Value, shape: tuple[int, ...]) -> bool:
    """Whether a kernel reads an array without a copy."""
    return v.kind == "scalar" or bool(v.dense)


def _call(root: Call, expression: Expression, takes: list[Value], names: list[str]) -> Call:
    from dlengine.kernels import jit
    from dlengine.kernels.jit.generated.kernel import Kernel

    numbers = {e.value: i for i, e in enumerate(inputs_of(expression))}
    for e in inputs_of(expression):  # in ascending order, so that none is renamed twice
        expression = substitute(expression, e, argument(numbers[e.value], e.dtype))
    name = "generated:" + "+".join(n.removeprefix("generated:") for n in names[:6]) + ("+..." if len(names) > 6 else "")
    kernel = Kernel(name, expression, jit.SET.launches)
    return Call(name, kernel, list(takes), {}, root.outs, root.result, where=root.where)


def formula_of(call: Call, facts: Facts) -> Callable[[Sequence[Any]], Symbol] | None:
    """From a call's arguments as symbols to its result, where the call is an elementwise function; else None."""
    if not pure(call) or len(call.outs) != 1 or call.outs[0].kind != "made" or not isinstance(call.result, Value):
        return None
    values = call.reads()
    if not values or call.outs[0].dtype not in TAKEN or any(v.kind == "object" or v.dtype not in TAKEN for v in values):
        return None
    if facts.is_written(call.outs[0]) or not call.outs[0].dense:
        return None
    if not all(type(a) in (int, float, bool) or isinstance(a, (Value, np.dtype, type, type(None))) for a in call.args):
        return None
    kernel: Any = call.function
    if hasattr(kernel, "prepared"):  # a generated elementwise kernel, as Writer knows it
        return lambda symbols: _of_kernel(kernel.root, symbols)
    if call.name not in NAMES or any(isinstance(v, Value) for v in call.consts.values()):
        return None
    consts = {k: v for k, v in call.consts.items() if k not in ("copy", "device")}
    if call.name in BY_HAND:
        return lambda symbols: reference.SET.load(call.name)(SymbolSpace(), *symbols, **consts)
    if call.name == "pow" and not isinstance(call.args[0], Value):
        return None
    return lambda symbols: _symbol(getattr(SymbolSpace(), call.name)(*symbols, **consts))


def _symbol(made: Any) -> Symbol:
    if not isinstance(made, Symbol) or made.flat:
        raise NotPointwise("no array")
    return made


def _of_kernel(root: Expression, symbols: Sequence[Any]) -> Symbol:
    """A generated kernel's formula with symbols in place of its inputs."""
    expression, of = root, frozenset[int]()
    stand_ins = []
    for e in inputs_of(root):  # first by places that no formula has, since a symbol may contain inputs itself
        stand_in = argument(1_000_000 + e.value, e.dtype)
        expression = substitute(expression, e, stand_in)
        stand_ins.append((e.value, stand_in))
    for number, stand_in in stand_ins:
        s = symbols[number]
        if not isinstance(s, Symbol) or s.dtype != stand_in.dtype:
            raise NotPointwise("a kernel of other arguments")
        expression = substitute(expression, stand_in, s.expression)
        of |= s.of
    return Symbol(expression, of)


