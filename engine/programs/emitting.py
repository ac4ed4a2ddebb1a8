"""From calls to a function: straight-line Python in which every value is a local name, given up after its last use."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlengine.kernels.generated.evaluate import evaluate
from dlengine.kernels.graph_capture import ReplayScalar, Source
from dlengine.kernels.registry import KERNELS, declaration

from ..recording.instructions import Call, Value, mapped, values_in
from .recording import Given


class Broken(Exception):
    """A guard inside a program does not hold; number: of the call."""


@dataclass(eq=False)
class Emitted:
    """A program as a function.

    Attributes
    ----------
    function : callable
        Takes the arrays of the arguments and of the gradients that are read, and what to call where the step has given up the
        gradients from before it, or later; returns the results and the new gradients.
    text : str
        Its source.
    passed : list
        Holds True once all calls that may raise have run.
    """

    function: Callable[..., Any]
    text: str
    passed: list[bool]


SAFE = frozenset(
    "abs acos acosh add arange argmax argmin asin asinh astype atan atan2 atanh bitwise_and bitwise_invert bitwise_or "
    "bitwise_xor broadcast_to ceil clip concat conj copysign cos cosh cumulative_prod cumulative_sum divide empty "
    "empty_like equal erf erfc exp expand_dims expm1 eye flip floor full full_like greater greater_equal hypot imag "
    "isfinite isinf isnan less less_equal linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or "
    "logical_xor matmul matrix_transpose max maximum mean min minimum moveaxis multiply negative nextafter not_equal ones "
    "ones_like permute_dims positive pow prod real reciprocal reshape roll round sign signbit sin sinh sqrt square squeeze "
    "stack std subtract sum tan tanh tensordot tile tril triu trunc unstack var vecdot where zeros zeros_like any all "
    "transpose setitem copy".split()
)
"""Calls that do not raise on other values, where they did not on those of the recording."""


SHARING = frozenset(("asarray", "broadcast_to", "reshape", "astype", "real", "imag", "transpose", "lstm", "gru", "rnn"))
"""Calls whose results may share memory with something that is no value."""


def may_raise(call: Call) -> bool:
    """Whether a call may raise, depending on values: it is a check, or looks at its arguments."""
    if call.guards or call.moving:
        return True
    if call.name in KERNELS:
        return any(a.bound for a in declaration(call.name).arguments)
    if call.name in ("getitem", "get_at", "setitem"):
        return any(True for _ in values_in(call.args[1]))
    return not (call.name in SAFE or call.name.endswith(" in place") or call.name.startswith("generated:"))


OPERATORS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**", operator.matmul: "@",
    operator.and_: "&", operator.or_: "|", operator.xor: "^", operator.lt: "<", operator.le: "<=", operator.gt: ">",
    operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip


def _in_parallel() -> Any:
    from dlengine.kernels.jit.machine.compile import in_parallel  # needs Numba

    return in_parallel


class Writer:
    """Writes the function of some calls.

    Parameters
    ----------
    calls : list of Call
        In order.
    inputs : list of Value
        The arguments.
    outs : object
        A nest of what it returns.
    sources : list of Source
        The scalars that change from replay to replay, in the order in which they are computed.
    constants : dict
        Values that another function computes, and their names in `env`.
    """

    def __init__(
        self, calls: list[Call], inputs: list[Value], outs: Any, sources: list[Source], constants: dict[Value, str] | None = None
    ) -> None:
        self.calls, self.outs, self.sources = calls, outs, sources
        self.env: dict[str, Any] = {"Broken": Broken, "empty": np.empty, "asarray": np.asarray}
        self.names: dict[Value, str] = {**(constants or {}), **{v: f"i{i}" for i, v in enumerate(inputs)}}
        self.inputs = inputs
        self.grads = self._grads()
        self.lines: list[str] = []
        self._held: dict[int, str] = {}
        self._asked = 0
        self._last: dict[Value, int] = {}
        for i, call in enumerate(calls):
            for v in call.reads():
                self._last[v] = i
        for v in values_in(outs):
            self._last[v] = len(calls)
        self._storage_dies: dict[Any, int] = {}
        for call in calls:
            for v in call.outs:
                self._storage_dies[v.storage] = max(self._last.get(v, -1), self._storage_dies.get(v.storage, -1))

    def _grads(self) -> list[Value]:
        """The gradients from before the step that are read."""
        found = dict.fromkeys(v for call in self.calls for v in call.reads() if v.kind == "grad")
        found |= dict.fromkeys(v for v in values_in(self.outs) if v.kind == "grad")
        for i, v in enumerate(found):
            self.names[v] = f"g{i}"
        return list(found)

    # ------------------------------------------------------------------ arguments
    def hold(self, x: Any) -> str:
        """A name in the function's globals."""
        name = self._held.get(id(x))
        if name is None:
            name = self._held[id(x)] = f"k{len(self.env)}"
            self.env[name] = x
        return name

    def ref(self, a: Any) -> str:
        """An argument as text."""
        if isinstance(a, Value):
            return self.names[a] if a in self.names else self.hold(a.array)
        if isinstance(a, ReplayScalar):
            return f"{self.hold(a.source)}.values[{a.position}]"
        if isinstance(a, tuple):
            if not _moving(a):
                return self.hold(a)
            parts = ", ".join(map(self.ref, a))
            return f"{self.hold(type(a))}({parts})" if hasattr(a, "_fields") else f"({parts}{',' if len(a) == 1 else ''})"
        if type(a) is list:
            return f"[{', '.join(map(self.ref, a))}]"
        if type(a) is dict:
            return f"{{{', '.join(f'{k!r}: {self.ref(v)}' for k, v in a.items())}}}"
        if type(a) is slice and any(True for _ in values_in(a)):
            return f"slice({self.ref(a.start)}, {self.ref(a.stop)}, {self.ref(a.step)})"
        if a is None or type(a) in (int, bool, str):
            return f"({a!r})" if type(a) is int and a < 0 else repr(a)
        return self.hold(a)

    def pattern(self, result: Any) -> str:
        """What stands left of the equals sign."""
        if isinstance(result, Value):
            name = self.names[result] = f"v{len(self.names)}"
            return name
        if isinstance(result, (tuple, list)):
            parts = [self.pattern(part) for part in result]
            return f"({', '.join(parts)},)" if parts else "_"
        return "_"

    # ------------------------------------------------------------------ calls
    def right(self, call: Call) -> str:
        """A call as text: operators, views and items as Python has them."""
        args = [self.ref(a) for a in call.args]
        first = call.args[0] if call.args else None
        if len(args) == 2 and not call.consts and call.function in OPERATORS:
            return f"{args[0]} {OPERATORS[call.function]} {args[1]}"
        if isinstance(first, Value) and first.kind not in ("scalar", "object"):
            short = self._view(call, args)
            if short is not None:
                return short
        args += [f"{k}={self.ref(v)}" for k, v in call.consts.items()]
        return f"{self.hold(call.function)}({', '.join(args)})"

    def _view(self, call: Call, args: list[str]) -> str | None:
        """A view, or a write to a part, by the array's own methods, which cost less than a function's checks."""
        if call.name == "setitem":
            return f"{args[0]}[{args[1]}] = {args[2]}"
        if call.function is operator.getitem and len(args) == 2:
            return f"{args[0]}[{args[1]}]"
        if call.name == "reshape" and len(call.outs) == 1 and call.outs[0].storage is call.args[0].storage:
            return f"{args[0]}.reshape({call.outs[0].shape!r})"
        if call.name == "matrix_transpose" and len(args) == 1:
            return f"{args[0]}.mT"
        if call.name == "permute_dims" and len(args) == 2 and not call.consts:
            return f"{args[0]}.transpose({args[1]})"
        return None

    def _generated(self, i: int, call: Call) -> bool:
        """Write a call of a generated kernel straight to its machine code; False where there is none for it."""
        kernel: Any = call.function
        out, takes = call.outs[0] if call.outs else None, call.args
        if not hasattr(kernel, "prepared") or out is None or call.consts or not all(isinstance(v, Value) for v in takes):
            return False
        if any(not (v.dense or v.kind == "scalar") or v.dtype is not d for v, d in zip(takes, kernel.dtypes, strict=True)):
            return False
        found = kernel.prepared([v.shape for v in takes], out.shape)
        if found is None:
            return False
        entry, modes, last = found
        spare = next((v for v, m in zip(takes, modes, strict=True) if m == "f" and self._spare(i, v, out)), None)
        args = [f"asarray({self.ref(v)})" if v.kind == "scalar" else self.ref(v) for v in takes]
        name = self.pattern(out)
        self.lines.append(f"{name} = {self.names[spare]}" if spare else f"{name} = empty({out.shape!r}, {self.hold(out.dtype)})")
        ends = ", ".join([*args, name, *map(str, last)])
        run = f"{self.hold(entry)}({ends})" if last[0] == 1 else f"{self.hold(_in_parallel())}({self.hold(entry)}, {ends})"
        self.lines.append(f"if not {run}: {name}[...] = {self.hold(evaluate)}({self.hold(kernel.root)}, [{', '.join(args)}])")
        return True

    def _spare(self, i: int, v: Value, out: Value) -> bool:
        """Whether a result may be written over an argument: its memory is the argument's alone, and it is not read again."""
        return (
            v.kind == "made" and v.by is not None and not v.lasting and self.names[v][0] == "v"
            and all(o.kind != "object" for o in v.by.outs)
            and self._storage_dies.get(v.storage) == i and self._last.get(v) == i
            and (v.shape, v.dtype, v.strides) == (out.shape, out.dtype, out.strides)
            and sum(o.storage is v.storage for o in v.by.outs) == 1 and v.by.name not in SHARING
        )  # fmt: skip

    # ------------------------------------------------------------------ the function
    def write(self, timed: bool = False) -> Emitted:
        """The function; timed: each call is followed by one of `clock(number of the call)`."""
        passed = [False]
        self.env["passed"] = passed
        last_check = max((i for i, call in enumerate(self.calls) if may_raise(call)), default=-1)
        last_held = max((i for i, call in enumerate(self.calls) if may_raise(call) and not call.cleared), default=-1)
        self._after(-1, last_check, last_held)
        dying = defaultdict(list)
        for v, i in self._last.items():
            dying[i].append(v)
        for i, call in enumerate(self.calls):
            self._refresh(call)
            if not self._generated(i, call):
                self._one(i, call)
            dead = (*dying[i], *[o for o in call.outs if o not in self._last])
            gone = [self.names[v] for v in dead if self.names.get(v, "k")[0] == "v"]
            if gone:
                self.lines.append(f"del {', '.join(dict.fromkeys(gone))}")
            self._after(i, last_check, last_held)
            if timed:
                self.lines.append(f"clock({i})")
        self._refresh_to(len(self.sources))
        body = "\n    ".join([*self.lines, f"return {self.ref(self.outs)}"])
        names = [*(self.names[v] for v in self.inputs), *(self.names[v] for v in self.grads), "release"]
        text = f"def program({', '.join(names)}):\n    {body}\n"
        exec(compile(text, "<captured step, as its recording has it>", "exec"), self.env)  # noqa: S102 - the text is our own
        return Emitted(self.env["program"], text, passed)

    def _after(self, i: int, last_check: int, last_held: int) -> None:
        """What follows the last call that may raise, and the last of those before the step had given up its gradients."""
        if i == last_check:
            self.lines.append("passed[0] = True")
        if i == last_held:
            self.lines.append("release()")

    def _one(self, i: int, call: Call) -> None:
        if call.name == "read" and call.args[0].kind == "scalar" and call.args[1].dtype == np.bool_:
            self.lines.append(f"if {'not ' if call.args[1] else ''}{self.ref(call.args[0])}: raise Broken({i})")
            return
        right = self.right(call)
        if call.guards:
            test = f"not {right}" if call.expected is True else f"({right}) != {self.ref(call.expected)}"
            self.lines.append(f"if {test}: raise Broken({i})")
            return
        left = self.pattern(call.result) if call.outs else "_"
        self.lines.append(right if left == "_" else f"{left} = {right}")
        if call.moving:
            for v in call.outs:
                if v.shape is not None:
                    self.lines.append(f"if {self.names[v]}.shape != {v.shape!r}: raise Broken({i})")

    def _refresh(self, call: Call) -> None:
        """Compute the scalars that a call uses, and those before them."""
        needed = [a.source for a in _moving((call.args, call.consts)) if isinstance(a, ReplayScalar)]
        if needed:
            self._refresh_to(1 + max(self.sources.index(s) for s in needed))

    def _refresh_to(self, count: int) -> None:
        while self._asked < count:
            self.lines.append(f"{self.hold(self.sources[self._asked])}.refresh()")
            self._asked += 1


def _moving(nest: Any) -> list[Any]:
    """Values and scalars of a replay in a nest."""
    found: list[Any] = []

    def look(part: Any) -> Any:
        if isinstance(part, (Value, ReplayScalar)):
            found.append(part)
        return part

    mapped(nest, look)
    return found


def template(results: Any) -> Any:
    """The results, with None where nothing is computed."""
    return mapped(results, lambda part: None if isinstance(part, Given) else part)


def kept_whole(array: Any) -> Any:
    """A result as an array: NumPy gives scalars for arrays without axes."""
    return np.asarray(array) if isinstance(array, np.generic) else array
