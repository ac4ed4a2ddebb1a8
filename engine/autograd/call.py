"""Calling an op: arguments to arrays, the text read with the backend's namespace, the result wrapped and recorded."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from sys import modules
from typing import Any
from weakref import ref

import numpy as np

from .. import backend
from ..backend import spaces
from ..errors import BadIndexError, DeviceError, DLEngineError, DTypeError, LinAlgError, NumberTooLarge, ShapeError
from .base import TensorBase, flatten, recording, touched, wrap
from .declaration import Op
from .promotion import FLOATS, REAL_FLOATS, is_inexact, kept, promote
from .quiet import quiet, unquiet
from .record import anomaly, make_node, record

_SCALARS = frozenset((int, float, bool, complex, type(None)))


class ForeignType(DTypeError):
    """An argument of a class that dlengine does not know: an operator then lets that class answer."""


def caller(op: Op) -> Callable[..., Any]:
    """The function that users call: any arguments that the op takes."""
    text, n_arrays, promotes, save, dtyped = op.text, len(op.arrays), op.promotes, op.save, op.dtyped

    def call(*args: Any, **consts: Any) -> Any:
        if len(args) != n_arrays:
            args, consts = op.bind(args, consts)
        if n_arrays == 1 and isinstance(args[0], TensorBase):  # most ops; arrays_of would say the same
            x = args[0]._array
            arrays, kind, needed, mixed, nested = [x], type(x), args[0]._requires_grad, False, False
        else:
            arrays, kind, needed, mixed, nested = arrays_of(op, args)
        xp = spaces()[kind]
        if xp.several:
            follow(op, args, arrays)
        if promotes is not None:
            x = arrays[0]
            holder: Any = x if type(x) is kind else arrays[-1]
            dtype = holder.dtype
            if dtype not in FLOATS or not (mixed or n_arrays == 1 or dtype == arrays[-1].dtype):
                arrays = promote(xp, arrays, promotes)
        if needed and not recording.get():
            needed = False
            note_touched(args)
        settings = consts
        if dtyped and consts.get("dtype") is not None:
            settings = {**consts, "dtype": xp.dtype(consts["dtype"])}
        token = quiet()
        try:
            y, pull = text(xp, *arrays, **settings, save=needed) if save else text(xp, *arrays, **settings)
            if "ml_dtypes" in modules:  # else there is no bfloat16
                y = kept(arrays, consts, y)
        except (ValueError, TypeError, IndexError, OverflowError) as e:
            told = explained(op, arrays, e)
            if told is e:
                raise
            raise told from e
        finally:
            unquiet(token)
        if type(y) is tuple:
            return several(op, xp, kind, args, consts, nested, y, pull, needed)
        if type(y) is not kind:
            y = array(xp, y)
        out = wrap(y)
        if op.view:
            share(out, args)
        if needed and is_inexact(y):
            record(op, xp, args, consts, nested, pull, (out,), (y.dtype,), True)
        return out

    return call


def several(
    op: Op, xp: Any, kind: type, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, ys: tuple[Any, ...], pull: Any,
    needed: bool,
) -> Any:  # fmt: skip
    """The tensors of an op with several outputs."""
    outs = [wrap(y if type(y) is kind else array(xp, y)) for y in ys]
    if op.view:
        for out in outs:
            share(out, args)
    if needed:
        dtypes = [t._array.dtype if is_inexact(t._array) and i not in op.constants else None for i, t in enumerate(outs)]
        if any(d is not None for d in dtypes):
            record(op, xp, args, consts, nested, pull, outs, tuple(dtypes), False)
    return op.pack(outs)


def arrays_of(op: Op, args: tuple[Any, ...]) -> tuple[list[Any], type, bool, bool, bool]:
    """The arguments as arrays and numbers, lists of them spread out in place; all arrays are of one type.

    Also that type, whether any tensor requires a gradient, whether there are numbers among them, and whether there are lists.
    """
    arrays: list[Any] = []
    kind: type | None = None
    needed = mixed = nested = False
    for a in args:
        if isinstance(a, TensorBase):
            x = a._array
            arrays.append(x)
            if kind is None:
                kind = type(x)
            elif type(x) is not kind:
                raise devices(op, args)
            if a._requires_grad:
                needed = True
        elif type(a) in _SCALARS:
            arrays.append(a)
            if a is not None:
                mixed = True
        elif isinstance(a, np.generic):
            arrays.append(a.item())
            mixed = True
        elif isinstance(a, (list, tuple)):
            if op.promotes is not None:  # elementwise: a list is no array here
                raise refuse(op, a)
            nested = True
            kind, needs = list_of(op, args, a, arrays, kind)
            needed = needed or needs
        else:
            raise refuse(op, a)
    if kind is None:
        if nested and not any(args):
            raise ShapeError(f"{op.name}: the list of tensors ({op.arrays[0]}) is empty")
        raise refuse(op, args[0] if args else None)
    return arrays, kind, needed, mixed, nested


def list_of(
    op: Op, args: tuple[Any, ...], values: Sequence[Any], arrays: list[Any], kind: type | None
) -> tuple[type | None, bool]:
    """Append a list argument's arrays and numbers, as a list; the arrays' type, and whether any requires a gradient."""
    inner: list[Any] = []
    needed = False
    for b in values:
        if isinstance(b, TensorBase):
            x = b._array
            if kind is None:
                kind = type(x)
            elif type(x) is not kind:
                raise devices(op, args)
            needed = needed or b._requires_grad
            inner.append(x)
        elif type(b) in _SCALARS:
            inner.append(b)
        else:
            raise refuse(op, b)
    arrays.append(inner)
    return kind, needed


def note_touched(args: tuple[Any, ...]) -> None:
    """Tell a running checkpoint which tensors requiring gradients an unrecorded op saw."""
    leaves = touched.get()
    if leaves is not None:
        leaves.update((a, None) for a in flatten(args)[0] if isinstance(a, TensorBase) and a._requires_grad)


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
        needed = needs1 or needs2
        if dtype not in REAL_FLOATS or (needed and (not recording.get() or anomaly.get())):
            return general(a, b)
        xp = spaces()[type(x1)]
        if xp.several:
            return general(a, b)
        token = quiet()
        try:
            y, pull = text(xp, x1, x2)
        except (ValueError, TypeError, IndexError, OverflowError):
            return general(a, b)  # which says what was wrong in words
        finally:
            unquiet(token)
        if type(y) is not type(x1):
            y = array(xp, y)
        out = wrap(y)
        if needed and y.dtype in REAL_FLOATS:
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
            if pull is not None:
                pull = [pull[0] if needs1 else None, pull[1] if needs2 else None]
            parent = a._node
            inputs = [a if parent is None else (parent, a._index, ref(a)), b]
            if x2 is not b and b._node is not None:
                inputs[1] = (b._node, b._index, ref(b))
            make_node(op, xp, consts, inputs, need, pull, held, (out,), (dtype,))
        return out

    return call


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
    if isinstance(error, DLEngineError) or op.name.startswith("_"):
        return error
    text = str(error).strip().rstrip(".")
    if isinstance(error, np.linalg.LinAlgError):
        shapes = ", ".join(f"{tuple(a.shape)} {a.dtype}" for a in arrays if hasattr(a, "shape"))
        return LinAlgError(f"{op.name}: {text}; got {shapes}")
    if isinstance(error, IndexError) and text.startswith(f"{op.name}:"):
        return BadIndexError(text)
    unknown = re.search(r"unexpected keyword argument '(\w+)'", text)
    if isinstance(error, TypeError) and unknown is not None:
        return DTypeError(f"{op.name}: {_unknown_argument(op, unknown[1])}")
    got = []
    for name, a in zip(op.arrays, arrays, strict=False):
        parts = a if isinstance(a, list) else [a]
        shown = [f"{tuple(b.shape)} {b.dtype}" if hasattr(b, "dtype") else repr(b) for b in parts[:8]]
        got.append(f"{name} {', '.join(shown)}")
    if isinstance(error, OverflowError):
        return NumberTooLarge(f"{op.name}: {text}; got {'; '.join(got)}; convert the tensor first, with astype")
    kind = ShapeError if isinstance(error, ValueError) else BadIndexError if isinstance(error, IndexError) else DTypeError
    return kind(f"{op.name}: {text}; got {'; '.join(got)}")


_NAMES_ELSEWHERE = {"dim": ("axis", "axes"), "dims": ("axes", "axis"), "keepdim": ("keepdims",), "unbiased": ("correction",)}
"""PyTorch's names of arguments, and the array API's."""


def _unknown_argument(op: Op, name: str) -> str:
    """What to write in place of an argument that an op does not have."""
    known = [p for p in inspect.signature(op.text).parameters if p not in ("xp", "save")]
    here = next((n for n in _NAMES_ELSEWHERE.get(name, get_close_matches(name, known, 1)) if n in known), None)
    way = f"write {here}" if here is not None else f"it has {', '.join(known)}"
    return f"there is no argument {name!r}; {way}"


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
