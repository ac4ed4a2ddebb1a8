"""@op: one function of a namespace and arrays that returns the value and a pullback per array.

    @op(needs="y")
    def tanh(xp, x, /):
        y = xp.tanh(x)
        return y, lambda gy: gy * (1 - y * y)

Read with arrays, it computes; read with tensors (see walk.py), its pullback is itself differentiable. No text asks which.

Parameters before a `/` (all positional ones if there is none) are arrays: tensor, Python scalar, None, or a list of them.
The others are constants. Where the standard's signature puts the `/` elsewhere, @op(arrays=n) says that the first n are
arrays. A text with a parameter `save` is told whether anything is recorded.
A pullback may be None: for an integer or boolean output it is not missed, for any other backward raises GradientError.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, overload
from weakref import ref

import numpy as np

from .. import backend
from ..backend import spaces
from ..errors import DeviceError, DLEngineError, DTypeError, GradientError, ShapeError
from .base import Node, TensorBase, flatten, next_sequence, recording, wrap
from .promotion import FLOATS, REAL_FLOATS, is_complex_dtype, is_inexact, promote
from .quiet import quiet, unquiet

OPS: dict[str, Callable[..., Any]] = {}
"""Every op by name."""

LINEAR: set[str] = set()
"""Names of the ops that are kernels closed under differentiation: the tensor namespace uses these, not the reference kernel."""

anomaly: ContextVar[bool] = ContextVar("dlengine_anomaly", default=False)
touched: ContextVar[dict[TensorBase, None] | None] = ContextVar("dlengine_touched", default=None)
"""While a checkpoint runs its function: the leaves that its ops saw."""

_SCALARS = frozenset((int, float, bool, complex, type(None)))


class ForeignType(DTypeError):
    """An argument of a class that dlengine does not know: an operator then lets that class answer."""


class Op:
    """What an op declares about its text; see @op."""

    __slots__ = ("arrays", "complex", "constants", "consts", "defaults", "guards", "joint", "lists", "name", "needs", "none_cotangents", "pack",
                 "promotes", "save", "text", "view", "dtyped")  # fmt: skip

    def __init__(
        self, text: Callable[..., Any], needs: Any, view: bool, promotes: str | None, complex_: bool, none_cotangents: bool,
        constants: Sequence[int], name: str | None, arrays: int | None, result: Any,
    ) -> None:
        parameters = list(inspect.signature(text).parameters.values())[1:]
        kinds = [p.kind for p in parameters]
        if arrays is None:
            marked = inspect.Parameter.POSITIONAL_ONLY in kinds
            arrays = kinds.count(inspect.Parameter.POSITIONAL_ONLY if marked else inspect.Parameter.POSITIONAL_OR_KEYWORD)
        fixed = [p.name for p in parameters[arrays:] if p.kind is inspect.Parameter.POSITIONAL_ONLY]
        self.text = _by_name(text, fixed) if fixed else text
        self.name = name or text.__name__
        self.arrays = tuple(p.name for p in parameters[:arrays])
        self.consts = tuple(p.name for p in parameters[arrays:])
        self.pack: Callable[[Sequence[Any]], Any] = tuple if result is None else result._make
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
        """Positions of the inputs (-1: every output, -2: output 0, -3: output 1 ...) that the pullbacks of these need."""
        if need not in self.guards:
            if self.needs is None:  # everything
                slots = {*range(len(need)), -1}
            elif len(need) != len(self.arrays):  # a list argument: all of it, or nothing
                slots = set(range(len(need))) if self.needs else set()
            else:
                each = [self.needs] * len(need) if isinstance(self.needs, str) else self.needs
                names = {n for wanted, text in zip(need, each, strict=True) if wanted for n in text.split()}
                slots = {self.arrays.index(n) if n in self.arrays else -1 if n == "y" else -2 - int(n[1:]) for n in names}
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


def _by_name(text: Callable[..., Any], fixed: list[str]) -> Callable[..., Any]:
    """The text with constants before its `/` (astype's dtype) given by name, as calls and replays hand them on."""
    @wraps(text)
    def call(xp: Any, *arrays: Any, **consts: Any) -> Any:
        return text(xp, *arrays, *[consts.pop(name) for name in fixed], **consts)

    return call


def _refuse(op: Op, value: Any) -> DTypeError:
    what = f"{type(value).__module__}.{type(value).__name__}"
    mend = "; make a tensor of it: dl.asarray(x)" if hasattr(value, "__array__") or isinstance(value, (list, tuple)) else ""
    kind = DTypeError if mend else ForeignType
    return kind(f"{op.name}: expected a tensor or a Python number ({', '.join(op.arrays)}), got {what}{mend}")


def _explained(op: Op, arrays: Sequence[Any], error: Exception) -> Exception:
    """An array library's complaint as one of ours, naming the op and what it got."""
    if isinstance(error, (DLEngineError, np.linalg.LinAlgError)) or op.name.startswith("_"):
        return error
    if isinstance(error, IndexError) and not isinstance(error, ValueError):
        return error
    got = []
    for name, a in zip(op.arrays, arrays, strict=False):
        parts = a if isinstance(a, list) else [a]
        shown = [f"{tuple(b.shape)} {b.dtype}" if hasattr(b, "dtype") else repr(b) for b in parts[:8]]
        got.append(f"{name} {', '.join(shown)}")
    kind = ShapeError if isinstance(error, ValueError) else DTypeError
    return kind(f"{op.name}: {str(error).strip().rstrip('.')}; got {'; '.join(got)}")


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
    arrays: int | None = None,
    result: Any = None,
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
    arrays: int | None = None,
    result: Any = None,
) -> Any:
    """Make a differentiable function on tensors out of an op text (see the module's docstring).

    needs: names of the arguments (and "y", the outputs, or "y1", output 1 of 0, 1 ...) whose values the pullbacks use, one
    string for all or one per array; the default guards everything. view: the result may share the first argument's storage. promotes: "join"
    (integers meeting floats take their dtype) or "float" (integers become floats in any case). complex: the pullbacks
    hold for complex values too, in PyTorch's conjugate convention; otherwise their gradients are refused. linear: a kernel
    closed under differentiation. none_cotangents: a missing cotangent of one of several outputs arrives as None instead of
    zeros. constants: positions of outputs that no gradient flows through (integer and boolean ones need not be named).
    name: where it is not the text's own. arrays: how many leading parameters are arrays, where the `/` does not say it.
    result: the NamedTuple of the outputs.
    """

    def decorate(text: Callable[..., Any]) -> Callable[..., Any]:
        declared = Op(text, needs, view, promotes, complex, none_cotangents, constants, name, arrays, result)
        if linear:
            LINEAR.add(declared.name)
        call = _caller(declared)
        if promotes is not None and len(declared.arrays) == 2 and not (declared.consts or view or linear):
            call = _documented(_unrolled(declared, call), declared, text)
        OPS[declared.name] = call
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
                if promotes is not None:  # elementwise: a list is no array here
                    raise _refuse(op, a)
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
        xp = spaces()[kind]
        if promotes is not None:
            x = arrays[0]
            holder: Any = x if type(x) is kind else arrays[-1]
            dtype = holder.dtype
            if dtype not in FLOATS or not (mixed or n_arrays == 1 or dtype == arrays[-1].dtype):
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
        except (ValueError, TypeError) as e:
            told = _explained(op, arrays, e)
            if told is e:
                raise
            raise told from e
        finally:
            unquiet(token)
        if type(y) is tuple:
            return _outputs(op, xp, kind, args, consts, nested, y, pull, record)
        if type(y) is not kind:
            y = _array(xp, y)
        out = wrap(y)
        if op.view:
            _share(out, args)
        if record and is_inexact(y):
            node = _record(op, xp, args, consts, nested, pull)
            node.shapes = (y.shape,)
            node.dtypes = (y.dtype,)
            if -1 in op.guards[node.need]:
                node.guards.append(out._version)
            if not op.complex:
                _refuse_complex(op, node, (y,))
            if anomaly.get():
                node.trace = _trace(op, (y,))
            node.seq = next_sequence()
            out._node = node
            out._requires_grad = True
        return out

    return _documented(call, op, text)


def _documented(call: Callable[..., Any], op: Op, text: Callable[..., Any]) -> Callable[..., Any]:
    """Give a caller its op's name, docstring and signature."""
    call.__name__ = op.name
    call.__qualname__ = op.name
    call.__doc__ = text.__doc__
    call.__module__ = text.__module__
    signature = inspect.signature(text)
    shown = [p for p in list(signature.parameters.values())[1:] if p.name != "save"]
    call.__signature__ = signature.replace(parameters=shown, return_annotation=inspect.Signature.empty)  # type: ignore[attr-defined]
    call.op = op  # type: ignore[attr-defined]
    return call


def _unrolled(op: Op, general: Callable[..., Any]) -> Callable[..., Any]:
    """The caller of an elementwise op of two arrays, its commonest case written out: real floats of one dtype, the second
    perhaps a number. All else goes the general way. Tiny ops spend most of their time here: this takes a third off it.
    """
    text, guards, guarded = op.text, op.guards, op.guarded

    def call(*args: Any, **consts: Any) -> Any:
        if len(args) != 2 or consts:
            return general(*args, **consts)
        a, b = args
        if not isinstance(a, TensorBase):
            return general(a, b)
        x1 = a._array
        dtype = x1.dtype
        needs1 = a._requires_grad
        if isinstance(b, TensorBase):
            x2 = b._array
            needs2 = b._requires_grad
            if type(x2) is not type(x1) or x2.dtype is not dtype:
                return general(a, b)
        elif type(b) is float or type(b) is int:
            x2 = b
            needs2 = False
        else:
            return general(a, b)
        record = needs1 or needs2
        if dtype not in REAL_FLOATS or (record and (not recording.get() or anomaly.get())):
            return general(a, b)
        xp = spaces()[type(x1)]
        token = quiet()
        try:
            y, pull = text(xp, x1, x2)
        except (ValueError, TypeError):
            return general(a, b)  # which says what was wrong in words
        finally:
            unquiet(token)
        if type(y) is not type(x1):
            y = _array(xp, y)
        out = wrap(y)
        if record and y.dtype in REAL_FLOATS:
            node = Node()
            parent = a._node
            input1 = a if parent is None else (parent, a._index, ref(a))
            if x2 is b:
                input2 = b
            else:
                parent = b._node
                input2 = b if parent is None else (parent, b._index, ref(b))
            need = (needs1, needs2)
            slots = guards.get(need)
            if slots is None:
                slots = guarded(need)
            held: list[list[int]] = []
            for slot in slots:
                if slot == 0:
                    held.append(a._version)
                elif slot < 0:
                    held.append(out._version)
                elif x2 is not b:
                    held.append(b._version)
            node.op = op
            node.xp = xp
            node.consts = consts
            node.inputs = [input1, input2]
            node.need = need
            if pull is None:
                node.refusal = _refusal(op)
                node.pull = None
            else:
                node.pull = [pull[0] if needs1 else None, pull[1] if needs2 else None]
            node.guards = held
            node.shapes = (y.shape,)
            node.dtypes = (dtype,)
            node.seq = next_sequence()
            out._node = node
            out._requires_grad = True
        return out

    return call


def _refusal(op: Op) -> str:
    return f"{op.name} has no derivative; detach() its argument, or use a differentiable op"


def _record(op: Op, xp: Any, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, pull: Any) -> Node:
    """The node of an op that was just computed, but for what belongs to its outputs. Hot: no comprehension, no call too many."""
    node = Node()
    flat: Sequence[Any] = args
    if nested:
        flat, node.layout = flatten(args)
    inputs: list[Any] = []
    wanted: list[bool] = []
    pulls: Any = []
    each = type(pull) is tuple and not nested
    for i, a in enumerate(flat):
        if isinstance(a, TensorBase):
            parent = a._node
            inputs.append(a if parent is None else (parent, a._index, ref(a)))
            needed = a._requires_grad
        else:
            inputs.append(a)
            needed = False
        wanted.append(needed)
        if each:
            pulls.append(pull[i] if needed else None)
    if each:
        pull = pulls
    elif pull is None:
        node.refusal = _refusal(op)
    elif not nested and len(wanted) == 1:
        pull = [pull]
    need = tuple(wanted)
    guards: list[list[int]] = []
    for slot in op.guards.get(need) or op.guarded(need):
        if slot >= 0 and isinstance(flat[slot], TensorBase):
            guards.append(flat[slot]._version)
    node.op = op
    node.xp = xp
    node.consts = consts
    node.inputs = inputs
    node.need = need
    node.pull = pull
    node.guards = guards
    return node


def _outputs(
    op: Op, xp: Any, kind: type, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, ys: tuple[Any, ...], pull: Any,
    record: bool,
) -> Any:  # fmt: skip
    """The tensors of an op with several outputs."""
    ys = tuple([y if type(y) is kind else _array(xp, y) for y in ys])
    outs = tuple([wrap(y) for y in ys])
    if op.view:
        for out in outs:
            _share(out, args)
    differentiable = [i for i, y in enumerate(ys) if is_inexact(y) and i not in op.constants]
    if record and differentiable:
        node = _record(op, xp, args, consts, nested, pull)
        node.single = False
        node.shapes = tuple([y.shape for y in ys])
        node.dtypes = tuple([y.dtype if i in differentiable else None for i, y in enumerate(ys)])
        for i in differentiable:
            outs[i]._node, outs[i]._index, outs[i]._requires_grad = node, i, True
        slots = op.guards[node.need]
        if slots and slots[0] < 0:
            node.guards += [out._version for i, out in enumerate(outs) if -1 in slots or -2 - i in slots]
        if not op.complex:
            _refuse_complex(op, node, ys)
        if anomaly.get():
            node.trace = _trace(op, ys)
        node.seq = next_sequence()
    return op.pack(outs)


def _array(xp: Any, y: Any) -> Any:
    """A result that is not of its arguments' array type: a NumPy scalar, or an array that to_device moved."""
    return y if hasattr(y, "__dlpack__") and not isinstance(y, np.generic) else xp.asarray(y)


def _refuse_complex(op: Op, node: Node, ys: tuple[Any, ...]) -> None:
    """An op whose pullbacks were not shown to hold for complex values raises in backward rather than be wrong."""
    dtypes = [s[0].dtypes[s[1]] if type(s) is tuple else s._array.dtype for s, n in zip(node.inputs, node.need, strict=True) if n]
    if any(is_complex_dtype(d) for d in (*dtypes, *(y.dtype for y in ys))):
        node.refusal = f"{op.name} has no derivative for complex values; work on real and imaginary parts"


def _share(out: Any, args: tuple[Any, ...]) -> None:
    """Let a view and its base count writes together."""
    source = args[0]
    y, x = out._array, source._array
    if y is x or not hasattr(y, "base") or y.base is not None and (y.base is x or y.base is x.base):
        out._version = source._version
        out._view = True


def _devices(op: Op, args: tuple[Any, ...]) -> DeviceError:
    flat, _ = flatten(args)
    found = [backend.device_of(a._array) for a in flat if isinstance(a, TensorBase)]
    return DeviceError(f"{op.name}: arguments are on different devices ({', '.join(found)}); move them with x.to(device)")


def _trace(op: Op, ys: tuple[Any, ...]) -> str:
    """Anomaly mode: the user's line that called the op; a NaN that appears here is reported at once."""
    here = next((f for f in reversed(traceback.extract_stack()) if "dlengine" not in f.filename and "/engine/" not in f.filename), None)
    line = f"{here.filename}:{here.lineno}: {here.line}" if here else "unknown line"
    for a in ys:
        if is_inexact(a) and bool((a != a).any() if hasattr(a, "any") else False):
            raise GradientError(f"anomaly: {op.name} made a NaN in its forward at {line}")
    return line
