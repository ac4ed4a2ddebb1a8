"""Calling an op: arguments to arrays, the text read with the backend's namespace, the result wrapped and recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from .. import backend
from ..backend import spaces
from ..errors import BadIndexError, DeviceError, DLEngineError, DTypeError, ShapeError
from .base import Node, TensorBase, flatten, next_sequence, recording, touched, wrap
from .declaration import Op
from .promotion import FLOATS, REAL_FLOATS, is_inexact, promote
from .quiet import quiet, unquiet
from .record import anomaly, recorded, refusal, refuse_complex, trace

_SCALARS = frozenset((int, float, bool, complex, type(None)))


class ForeignType(DTypeError):
    """An argument of a class that dlengine does not know: an operator then lets that class answer."""


def caller(op: Op) -> Callable[..., Any]:
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
                    raise devices(op, args)
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
                    raise refuse(op, a)
                nested = True
                inner = []
                for b in a:
                    if isinstance(b, TensorBase):
                        x = b._array
                        if kind is None:
                            kind = type(x)
                        elif type(x) is not kind:
                            raise devices(op, args)
                        record = record or b._requires_grad
                        inner.append(x)
                    elif type(b) in _SCALARS:
                        inner.append(b)
                    else:
                        raise refuse(op, b)
                arrays.append(inner)
            else:
                raise refuse(op, a)
        if kind is None:
            if nested and not any(args):
                raise ShapeError(f"{op.name}: the list of tensors ({op.arrays[0]}) is empty")
            raise refuse(op, args[0] if args else None)
        xp = spaces()[kind]
        if xp.several:
            follow(op, args, arrays)
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
        except (ValueError, TypeError, IndexError) as e:
            told = explained(op, arrays, e)
            if told is e:
                raise
            raise told from e
        finally:
            unquiet(token)
        if type(y) is tuple:
            return outputs(op, xp, kind, args, consts, nested, y, pull, record)
        if type(y) is not kind:
            y = array(xp, y)
        out = wrap(y)
        if op.view:
            share(out, args)
        if record and is_inexact(y):
            node = recorded(op, xp, args, consts, nested, pull)
            node.shapes = (y.shape,)
            node.dtypes = (y.dtype,)
            if -1 in op.guards[node.need]:
                node.guards.append(out._version)
            if not op.complex:
                refuse_complex(op, node, (y,))
            if anomaly.get():
                node.trace = trace(op, (y,))
            node.seq = next_sequence()
            out._node = node
            out._requires_grad = True
        return out

    return call


def unrolled(op: Op, general: Callable[..., Any]) -> Callable[..., Any]:
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
        if xp.several:
            return general(a, b)
        token = quiet()
        try:
            y, pull = text(xp, x1, x2)
        except (ValueError, TypeError, IndexError):
            return general(a, b)  # which says what was wrong in words
        finally:
            unquiet(token)
        if type(y) is not type(x1):
            y = array(xp, y)
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
                node.refusal = refusal(op)
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


def outputs(
    op: Op, xp: Any, kind: type, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, ys: tuple[Any, ...], pull: Any,
    record: bool,
) -> Any:  # fmt: skip
    """The tensors of an op with several outputs."""
    ys = tuple([y if type(y) is kind else array(xp, y) for y in ys])
    outs = tuple([wrap(y) for y in ys])
    if op.view:
        for out in outs:
            share(out, args)
    differentiable = [i for i, y in enumerate(ys) if is_inexact(y) and i not in op.constants]
    if record and differentiable:
        node = recorded(op, xp, args, consts, nested, pull)
        node.single = False
        node.shapes = tuple([y.shape for y in ys])
        node.dtypes = tuple([y.dtype if i in differentiable else None for i, y in enumerate(ys)])
        for i in differentiable:
            outs[i]._node, outs[i]._index, outs[i]._requires_grad = node, i, True
        slots = op.guards[node.need]
        if slots and slots[0] < 0:
            node.guards += [out._version for i, out in enumerate(outs) if -1 in slots or -2 - i in slots]
        if not op.complex:
            refuse_complex(op, node, ys)
        if anomaly.get():
            node.trace = trace(op, ys)
        node.seq = next_sequence()
    return op.pack(outs)


def array(xp: Any, y: Any) -> Any:
    """A result that is not of its arguments' array type: a NumPy scalar, or an array that to_device moved."""
    return y if hasattr(y, "__dlpack__") and not isinstance(y, np.generic) else xp.asarray(y)


def share(out: Any, args: tuple[Any, ...]) -> None:
    """Let a view and its base count writes together."""
    source = args[0]
    y, x = out._array, source._array
    if y is x or not hasattr(y, "base") or y.base is not None and (y.base is x or y.base is x.base):
        out._version = source._version
        out._view = True


def refuse(op: Op, value: Any) -> DTypeError:
    what = f"{type(value).__module__}.{type(value).__name__}"
    mend = "; make a tensor of it: dl.asarray(x)" if hasattr(value, "__array__") or isinstance(value, (list, tuple)) else ""
    kind = DTypeError if mend else ForeignType
    return kind(f"{op.name}: expected a tensor or a Python number ({', '.join(op.arrays)}), got {what}{mend}")


def explained(op: Op, arrays: Sequence[Any], error: Exception) -> Exception:
    """An array library's complaint as one of ours, naming the op and what it got."""
    if isinstance(error, (DLEngineError, np.linalg.LinAlgError)) or op.name.startswith("_"):
        return error
    text = str(error).strip().rstrip(".")
    if isinstance(error, IndexError) and text.startswith(f"{op.name}:"):
        return BadIndexError(text)
    got = []
    for name, a in zip(op.arrays, arrays, strict=False):
        parts = a if isinstance(a, list) else [a]
        shown = [f"{tuple(b.shape)} {b.dtype}" if hasattr(b, "dtype") else repr(b) for b in parts[:8]]
        got.append(f"{name} {', '.join(shown)}")
    kind = ShapeError if isinstance(error, ValueError) else BadIndexError if isinstance(error, IndexError) else DTypeError
    return kind(f"{op.name}: {text}; got {'; '.join(got)}")


def follow(op: Op, args: tuple[Any, ...], arrays: Sequence[Any]) -> None:
    """Compute on the GPU that the arguments are on."""
    flat = [b for a in arrays for b in (a if isinstance(a, list) else [a]) if hasattr(b, "device")]
    if any(a.device.id != flat[0].device.id for a in flat):
        raise devices(op, args)
    backend.make_current(flat[0])


def devices(op: Op, args: tuple[Any, ...]) -> DeviceError:
    flat, _ = flatten(args)
    found = [backend.device_of(a._array) for a in flat if isinstance(a, TensorBase)]
    return DeviceError(f"{op.name}: arguments are on different devices ({', '.join(found)}); move them with x.to(device)")
