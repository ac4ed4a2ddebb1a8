"""@op: one function of a namespace and arrays that returns the value and a pullback per array.

    @op(needs="y")
    def tanh(xp, x, /):
        y = xp.tanh(x)
        return y, lambda gy: gy * (1 - y * y)

Read with arrays, it computes; read with tensors (see walk.py), its pullback is itself differentiable. No text asks which.

Parameters before a `/` (all positional ones if there is none) are arrays: tensor, Python scalar, None, or a list of them.
The others are constants. A text with a parameter `save` is told whether anything is recorded.
A pullback may be None: for an integer or boolean output it is not missed, for any other backward raises GradientError.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, overload
from weakref import ref

import numpy as np

from .. import backend
from ..errors import DeviceError, DTypeError, GradientError
from .base import Node, TensorBase, flatten, next_sequence, recording, wrap
from .promotion import FLOATS, is_complex, is_inexact, promote
from .quiet import quiet, unquiet

OPS: dict[str, Callable[..., Any]] = {}
"""Every op by name."""

LINEAR: set[str] = set()
"""Names of the ops that are kernels closed under differentiation: the tensor namespace uses these, not the reference kernel."""

anomaly: ContextVar[bool] = ContextVar("dlengine_anomaly", default=False)
touched: ContextVar[dict[TensorBase, None] | None] = ContextVar("dlengine_touched", default=None)
"""While a checkpoint runs its function: the leaves that its ops saw."""

_SCALARS = frozenset((int, float, bool, complex, type(None)))


class Op:
    """What an op declares about its text; see @op."""

    __slots__ = ("arrays", "complex", "constants", "consts", "defaults", "guards", "joint", "lists", "name", "needs", "none_cotangents", "promotes",
                 "save", "text", "view", "dtyped")  # fmt: skip

    def __init__(
        self, text: Callable[..., Any], needs: Any, view: bool, promotes: str | None, complex_: bool, none_cotangents: bool,
        constants: Sequence[int], name: str | None,
    ) -> None:
        parameters = list(inspect.signature(text).parameters.values())[1:]
        kinds = [p.kind for p in parameters]
        marked = inspect.Parameter.POSITIONAL_ONLY in kinds
        last = inspect.Parameter.POSITIONAL_ONLY if marked else inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.text = text
        self.name = name or text.__name__
        self.arrays = tuple(p.name for p in parameters if p.kind is last)
        self.consts = tuple(p.name for p in parameters if p.kind is not last)
        self.defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        self.save = "save" in self.consts
        self.dtyped = "dtype" in self.consts
        self.view = view
        self.promotes = promotes
        self.complex = complex_
        self.none_cotangents = none_cotangents
        self.constants = frozenset(constants)
        self.needs = needs
        self.guards: dict[tuple[bool, ...], tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def guarded(self, need: tuple[bool, ...]) -> tuple[int, ...]:
        """Positions of the inputs (-1: the output) that the pullbacks of these inputs need."""
        if need not in self.guards:
            if self.needs is None:  # everything
                slots = {*range(len(need)), -1}
            elif len(need) != len(self.arrays):  # a list argument: all of it, or nothing
                slots = set(range(len(need))) if self.needs else set()
            else:
                each = [self.needs] * len(need) if isinstance(self.needs, str) else self.needs
                names = {n for wanted, text in zip(need, each, strict=True) if wanted for n in text.split()}
                slots = {-1 if n == "y" and n not in self.arrays else self.arrays.index(n) for n in names}
            self.guards[need] = tuple(sorted(slots))
        return self.guards[need]

    def bind(self, args: tuple[Any, ...], consts: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call's arguments into one value per array parameter and the constants."""
        arrays = list(args[: len(self.arrays)])
        for name, value in zip(self.consts, args[len(self.arrays) :], strict=False):
            if name in consts:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
            consts[name] = value
        if len(args) > len(self.arrays) + len(self.consts):
            raise TypeError(f"{self.name}() takes {len(self.arrays) + len(self.consts)} arguments but {len(args)} were given")
        for name in self.arrays[len(arrays) :]:
            if name in consts:
                arrays.append(consts.pop(name))
            elif name in self.defaults:
                arrays.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}() missing required argument {name!r}")
        return tuple(arrays), consts


def _refuse(op: Op, value: Any) -> DTypeError:
    what = f"{type(value).__module__}.{type(value).__name__}"
    mend = "; make a tensor of it: dl.asarray(x)" if hasattr(value, "__array__") or isinstance(value, (list, tuple)) else ""
    return DTypeError(f"{op.name}: expected a tensor or a Python number ({', '.join(op.arrays)}), got {what}{mend}")


@overload
def op(text: Callable[..., Any], /) -> Callable[..., Any]: ...
@overload
def op(
    *,
    needs: str | Sequence[str] | None = None,
    view: bool = False,
    promotes: str | None = None,
    linear: bool = False,
    complex: bool = False,
    none_cotangents: bool = False,
    constants: Sequence[int] = (),
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
def op(
    text: Callable[..., Any] | None = None,
    *,
    needs: str | Sequence[str] | None = None,
    view: bool = False,
    promotes: str | None = None,
    linear: bool = False,
    complex: bool = False,
    none_cotangents: bool = False,
    constants: Sequence[int] = (),
    name: str | None = None,
) -> Any:
    """Make a differentiable function on tensors out of an op text (see the module's docstring).

    needs: names of the arguments (and "y", the output) whose values the pullbacks use, one string for all or one per
    array; the default guards everything. view: the result may share the first argument's storage. promotes: "join"
    (integers meeting floats take their dtype) or "float" (integers become floats in any case). complex: the pullbacks
    hold for complex values too, in PyTorch's conjugate convention; otherwise their gradients are refused. linear: a kernel closed under differentiation. none_cotangents: a missing
    cotangent of one of several outputs arrives as None instead of zeros. constants: positions of outputs that no
    gradient flows through (integer and boolean ones need not be named). name: where it is not the text's own.
    """

    def decorate(text: Callable[..., Any]) -> Callable[..., Any]:
        declared = Op(text, needs, view, promotes, complex, none_cotangents, constants, name)
        if linear:
            LINEAR.add(declared.name)
        OPS[declared.name] = call = _caller(declared)
        return call

    return decorate if text is None else decorate(text)


def _caller(op: Op) -> Callable[..., Any]:
    text, n_arrays, promotes, save, dtyped = op.text, len(op.arrays), op.promotes, op.save, op.dtyped

    def call(*args: Any, **consts: Any) -> Any:
        if len(args) != n_arrays:
            args, consts = op.bind(args, consts)
        arrays: list[Any] = []
        kind: type | None = None
        record = mixed = False
        nested = False
        for a in args:
            if isinstance(a, TensorBase):
                x = a._array
                arrays.append(x)
                if kind is None:
                    kind = type(x)
                elif type(x) is not kind:
                    raise _devices(op, args)
                if a._requires_grad:
                    record = True
            elif type(a) in _SCALARS:
                arrays.append(a)
                if a is not None:
                    mixed = True
            elif isinstance(a, np.generic):
                arrays.append(a.item())
                mixed = True
            elif isinstance(a, (list, tuple)):
                nested = True
                inner = []
                for b in a:
                    if isinstance(b, TensorBase):
                        x = b._array
                        if kind is None:
                            kind = type(x)
                        elif type(x) is not kind:
                            raise _devices(op, args)
                        record = record or b._requires_grad
                        inner.append(x)
                    elif type(b) in _SCALARS:
                        inner.append(b)
                    else:
                        raise _refuse(op, b)
                arrays.append(inner)
            else:
                raise _refuse(op, a)
        if kind is None:
            raise _refuse(op, args[0] if args else None)
        xp = backend.policy().spaces[kind]
        if promotes is not None:
            first = arrays[0] if type(arrays[0]) is kind else arrays[-1]
            if first.dtype not in FLOATS or not (n_arrays == 1 or mixed or first.dtype == arrays[-1].dtype):
                arrays = promote(xp, arrays, promotes)
        if record and not recording.get():
            record = False
            leaves = touched.get()
            if leaves is not None:
                leaves.update((a, None) for a in flatten(args)[0] if isinstance(a, TensorBase) and a._requires_grad)
        settings = consts
        if dtyped and consts.get("dtype") is not None and not xp.library.native_dtypes:
            settings = {**consts, "dtype": xp.dtype(consts["dtype"])}
        token = quiet()
        try:
            if save:
                y, pull = text(xp, *arrays, **settings, save=record)
            else:
                y, pull = text(xp, *arrays, **settings)
        finally:
            unquiet(token)
        single = type(y) is not tuple
        if not record:
            if single:
                out = wrap(y if type(y) is kind else xp.asarray(y))
                if op.view:
                    _share(out, args)
                return out
            return tuple([wrap(v if type(v) is kind else xp.asarray(v)) for v in y])
        return _record(op, xp, kind, args, consts, nested, y, pull, single)

    call.__name__ = op.name
    call.__qualname__ = op.name
    call.__doc__ = text.__doc__
    call.__module__ = text.__module__
    signature = inspect.signature(text)
    shown = [p for p in list(signature.parameters.values())[1:] if p.name != "save"]
    call.__signature__ = signature.replace(parameters=shown, return_annotation=inspect.Signature.empty)  # type: ignore[attr-defined]
    call.op = op  # type: ignore[attr-defined]
    return call


def _record(
    op: Op, xp: Any, kind: type, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, y: Any, pull: Any, single: bool
) -> Any:
    """Wrap the outputs of a recorded op and give them their node."""
    flat: Sequence[Any] = args
    layout = None
    if nested:
        flat, layout = flatten(args)
    need = tuple([isinstance(a, TensorBase) and a._requires_grad for a in flat])
    if pull is None:
        pull = _no_derivative(f"{op.name} has no derivative; detach() its argument, or use a differentiable op")
    elif not op.complex and any(map(is_complex, _complex_suspects(flat, y, single))):
        pull = _no_derivative(f"{op.name} has no derivative for complex values; work on real and imaginary parts")
    elif layout is None and type(pull) is tuple:
        pull = [p if n else None for p, n in zip(pull, need, strict=True)]
    elif layout is None and len(need) == 1:
        pull = [pull]
    node = Node()
    outs = []
    for i, v in enumerate((y,) if single else y):
        out = wrap(v if type(v) is kind else xp.asarray(v))
        if is_inexact(out._array) and i not in op.constants:
            out._node = node
            out._index = i
            out._requires_grad = True
        outs.append(out)
    if op.view:
        _share(outs[0], args)
    node.op = op
    node.xp = xp
    node.consts = consts
    node.layout = layout
    node.need = need
    node.pull = pull
    node.single = single
    node.hooks = None
    node.trace = _trace(op, outs) if anomaly.get() else None
    node.shapes = tuple([o._array.shape for o in outs])
    node.dtypes = tuple([o._array.dtype if o._requires_grad else None for o in outs])
    node.inputs = tuple(
        [
            a if not isinstance(a, TensorBase) or a._node is None else (a._node, a._index, ref(a))
            for a in flat
        ]
    )  # fmt: skip
    guards = []
    for slot in op.guarded(need):
        if slot < 0:
            guards += [o._version for o in outs]
        elif isinstance(flat[slot], TensorBase):
            guards.append(flat[slot]._version)
    node.guards = guards
    node.seq = next_sequence()
    return outs[0] if single else tuple(outs)


def _share(out: Any, args: tuple[Any, ...]) -> None:
    """Let a view and its base count writes together."""
    source = args[0]
    y, x = out._array, source._array
    if y is x or not hasattr(y, "base") or y.base is not None and (y.base is x or y.base is x.base):
        out._version = source._version
        out._view = True


def _complex_suspects(flat: Sequence[Any], y: Any, single: bool) -> list[Any]:
    found = [a._array for a in flat if isinstance(a, TensorBase) and a._requires_grad]
    return [*found, y] if single else [*found, *y]


def _no_derivative(message: str) -> Callable[..., Any]:
    def raise_(gy: Any, need: Any = None) -> Any:
        raise GradientError(message)

    return raise_


def _devices(op: Op, args: tuple[Any, ...]) -> DeviceError:
    flat, _ = flatten(args)
    found = [backend.device_of(a._array) for a in flat if isinstance(a, TensorBase)]
    return DeviceError(f"{op.name}: arguments are on different devices ({', '.join(found)}); move them with x.to(device)")


def _trace(op: Op, outs: list[Any]) -> str:
    """Anomaly mode: the user's line that called the op; a NaN that appears here is reported at once."""
    here = next((f for f in reversed(traceback.extract_stack()) if "dlengine" not in f.filename and "/engine/" not in f.filename), None)
    line = f"{here.filename}:{here.lineno}: {here.line}" if here else "unknown line"
    for o in outs:
        a = o._array
        if is_inexact(a) and bool((a != a).any() if hasattr(a, "any") else False):
            raise GradientError(f"anomaly: {op.name} made a NaN in its forward at {line}")
    return line
