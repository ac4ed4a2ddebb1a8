"""Calling an op: arguments to arrays, the text read with the backend's namespace, the result wrapped and recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from sys import modules
from typing import Any

import numpy as np

from .. import backend
from ..backend import spaces
from ..backend.arguments import kind_of
from ..backend.library import Unrecorded
from ..errors import ArgumentError, BadIndexError, DeviceError, DLEngineError, DTypeError, LinAlgError, NumberTooLarge, ShapeError
from ..recording import answer
from .base import TensorBase, flatten, recording, touched, wrap
from .declaration import Op
from .fp_errors import ignore_fp_errors, restore_fp_errors
from .promotion import FLOATS, is_inexact, kept, promote
from .record import carries_gradient, record

_SCALARS = frozenset((int, float, bool, complex, type(None)))


class ForeignType(DTypeError):
    """An argument of a class that dlengine does not know: an operator then lets that class answer."""


def caller(op: Op) -> Callable[..., Any]:
    """The function that users call: any arguments that the op takes. It does not hold itself, and so goes with the op."""
    definition, n_arrays, promotes, special = op.text, len(op.arrays), op.promotes, op.save or op.dtyped or bool(op.axes)

    def call(*args: Any, **consts: Any) -> Any:
        if len(args) != n_arrays:
            args, consts = op.bind(args, consts)
        try:
            if n_arrays == 1 and isinstance(args[0], TensorBase):  # most ops; arrays_of would say the same
                x = args[0].array
                arrays, kind, needed, mixed, nested = [x], type(x), args[0].needs_grad, False, False
            else:
                arrays, kind, needed, mixed, nested = arrays_of(op, args)
            xp = spaces()[kind]
        except Unrecorded as met:  # a step is recorded, and has not met these tensors before
            met.recorder.adopt(args)
            return caller(op)(*args, **consts)
        if xp.several:
            compute_on_gpu_of(op, args, arrays)
        if promotes is not None and (n_arrays > 1 or mixed or arrays[0].dtype not in FLOATS):
            arrays = promoted(xp, arrays, kind, promotes, mixed)
        if needed and not recording.get():
            needed = False
            note_touched(args)
        settings = settings_of(op, xp, consts, needed) if special else consts
        token = ignore_fp_errors()
        try:
            found = None if nested else answer(op, arrays, consts, xp.generator)
            y, pull = definition(xp, *arrays, **settings) if found is None else found
            if "ml_dtypes" in modules:  # else there is no bfloat16
                y = kept(arrays, consts, y)
        except (ValueError, TypeError, IndexError, OverflowError) as e:
            again = renamed(op, consts)
            if again is not None:
                return caller(op)(*args, **again)
            raise explained(op, arrays, consts, e) from e
        finally:
            restore_fp_errors(token)
        if type(y) is tuple:
            outs = [wrap(v if type(v) is kind else array(xp, v)) for v in y]
            return several(op, xp, args, consts, nested, outs, pull, needed)
        if type(y) is not kind:
            y = array(xp, y)
        out = wrap(y)
        if op.view:
            share(out, args)
        if needed and is_inexact(y):
            record(op, xp, args, consts, nested, pull, out)
        return out

    return returning(op, call) if op.same else call


def returning(op: Op, call: Callable[..., Any]) -> Callable[..., Any]:
    """The function that returns its argument itself where the op changes nothing."""

    def same(*args: Any, **consts: Any) -> Any:
        if len(args) != 1 or consts:
            args, consts = op.bind(args, consts)
        x, own = args[0], op.text is op.original  # a definition in the place of the op's own may do more
        return x if own and isinstance(x, TensorBase) and kind_of(x.array.dtype) in [*op.same] else call(x, **consts)

    return same


def settings_of(op: Op, xp: Any, consts: dict[str, Any], needed: bool) -> dict[str, Any]:
    """An op's constants as its definition takes them: with the library's own dtype, and with save; axes are no booleans."""
    for name in op.axes:
        if holds_bool(consts.get(name)):
            raise no_integer(op.name, name, consts[name])
    if op.dtyped and consts.get("dtype") is not None:
        consts = {**consts, "dtype": xp.dtype(consts["dtype"])}
    return {**consts, "save": needed} if op.save else consts


def promoted(xp: Any, arrays: list[Any], kind: Any, mode: str, mixed: bool) -> list[Any]:
    """An elementwise op's arguments in dtypes that the array library then treats as wanted; mixed: with numbers among them."""
    first, last = arrays[0], arrays[-1]
    dtype = first.dtype if type(first) is kind else last.dtype
    if dtype in FLOATS and (len(arrays) == 1 or (not mixed and dtype == last.dtype)):  # nothing to do, the commonest case
        return arrays
    return promote(xp, arrays, mode)


def several(
    op: Op, xp: Any, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, outs: list[TensorBase], pull: Any, needed: bool
) -> Any:
    """What an op with several outputs returns: its tensors, recorded if that is needed."""
    if op.view:
        source = args[0]
        x, version = source.array, source.version
        for out in outs:  # as share() has it, for many
            y = out.array
            if y is x or not hasattr(y, "base") or y.base is not None and (y.base is x or y.base is x.base):
                out.version = version
                out._view = True
    if needed and any(carries_gradient(op, i, out) for i, out in enumerate(outs)):
        record(op, xp, args, consts, nested, pull, outs)
    return op.pack(outs)


def arrays_of(op: Op, args: tuple[Any, ...]) -> tuple[list[Any], type, bool, bool, bool]:
    """The arguments as arrays and numbers, lists of them spread out in place; all arrays are of one type.

    Also that type, whether any tensor requires a gradient, whether there are numbers among them, and whether there are lists.
    """
    arrays: list[Any] = []
    kind: type | None = None
    needed = mixed = nested = nothing = False
    for a in args:
        if isinstance(a, TensorBase):
            x = a.array
            arrays.append(x)
            if kind is None:
                kind = type(x)
            elif type(x) is not kind:
                raise devices(op, args)
            if a.needs_grad:
                needed = True
        elif type(a) in _SCALARS:
            arrays.append(a)
            if a is not None:
                mixed = True
            else:
                nothing = True
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
    if nothing and any(a is None and name in op.required for name, a in zip(op.arrays, args, strict=False)):
        raise refuse(op, None)
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
            x = b.array
            if kind is None:
                kind = type(x)
            elif type(x) is not kind:
                raise devices(op, args)
            needed = needed or b.needs_grad
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
        leaves.update((a, None) for a in flatten(args)[0] if isinstance(a, TensorBase) and a.needs_grad)


def array(xp: Any, y: Any) -> Any:
    """A result that is not of its arguments' array type: a NumPy scalar, or an array that to_device moved."""
    return y if hasattr(y, "__dlpack__") and not isinstance(y, np.generic) else xp.asarray(y)


def share(out: Any, args: tuple[Any, ...]) -> None:
    """Let a view and its base count writes together."""
    source = args[0]
    y, x = out.array, source.array
    if y is x or not hasattr(y, "base") or y.base is not None and (y.base is x or y.base is x.base):
        out.version = source.version
        out._view = True


def holds_bool(value: Any) -> bool:
    """Whether a value is True or False, or a list or tuple with such in it."""
    return isinstance(value, (bool, np.bool_)) or (isinstance(value, (list, tuple)) and any(map(holds_bool, value)))


def no_integer(op: str, name: str, value: Any) -> DTypeError:
    """The error for True or False where integers are asked for."""
    wanted = "integers" if isinstance(value, (list, tuple)) else "an integer"
    meant = [int(v) if holds_bool(v) else v for v in value] if isinstance(value, (list, tuple)) else int(value)
    shown = tuple(meant) if isinstance(meant, list) else meant
    return DTypeError(f"{op}: {name} must be {wanted}, got {value!r}; write {name}={shown!r} if that is meant")


def refuse(op: Op, value: Any) -> DTypeError:
    what = f"{type(value).__module__}.{type(value).__name__}"
    mend = "; make a tensor of it: dl.asarray(x)" if hasattr(value, "__array__") or isinstance(value, (list, tuple)) else ""
    kind = DTypeError if mend else ForeignType
    return kind(f"{op.name}: expected a tensor or a Python number ({', '.join(op.arrays)}), got {what}{mend}")


def explained(op: Op, arrays: Sequence[Any], consts: dict[str, Any], error: Exception) -> Exception:
    """An array library's complaint as one of ours, naming the op and what it got."""
    if isinstance(error, DLEngineError) or op.name.startswith("_"):
        return error
    text = str(error).strip().rstrip(".")
    if isinstance(error, np.linalg.LinAlgError):
        shapes = ", ".join(f"{tuple(a.shape)} {a.dtype}" for a in arrays if hasattr(a, "shape"))
        return LinAlgError(f"{op.name}: {text}; got {shapes}")
    if isinstance(error, IndexError) and text.startswith(f"{op.name}:"):
        return BadIndexError(text)
    unknown = next((name for name in consts if name not in op.consts), None)
    if unknown is not None:
        return ArgumentError(f"{op.name}: {unknown_argument(unknown, [n for n in (*op.arrays, *op.consts) if n != 'save'])}")
    missing = [name for name in op.consts if name not in consts and name not in op.defaults and name != "save"]
    if missing:
        return ArgumentError(f"{op.name}: the argument {missing[0]!r} is missing")
    flag = next((n for n, v in consts.items() if holds_bool(v) and not isinstance(op.defaults.get(n), bool)), None)
    if flag is not None and isinstance(error, TypeError) and "integer" in text:
        return no_integer(op.name, flag, consts[flag])
    got = []
    for name, a in zip(op.arrays, arrays, strict=False):
        parts = a if isinstance(a, list) else [a]
        shown = [f"{tuple(b.shape)} {b.dtype}" if hasattr(b, "dtype") else repr(b) for b in parts[:8]]
        got.append(f"{name} {', '.join(shown)}")
    if isinstance(error, OverflowError):
        return NumberTooLarge(f"{op.name}: {text}; got {'; '.join(got)}; convert the tensor first, with astype")
    kind = ShapeError if isinstance(error, ValueError) else BadIndexError if isinstance(error, IndexError) else DTypeError
    return kind(f"{op.name}: {text}; got {'; '.join(got)}")


def renamed(op: Op, consts: dict[str, Any]) -> dict[str, Any] | None:
    """The keywords under the op's own names where some are PyTorch's, else None. Asked only after the op has refused them."""
    found: dict[str, Any] = {}
    for name, value in consts.items():
        usual = op.defaults.get
        free = (n for n in NAMES_ELSEWHERE.get(name, ()) if n in op.consts and consts.get(n, usual(n)) is usual(n))
        here = None if name in op.consts else next(free, None)
        if here is None:
            found.setdefault(name, value)
        else:
            found[here] = float(value) if name == "unbiased" else tuple(value) if isinstance(value, list) else value
    return None if found.keys() == consts.keys() else found


NAMES_ELSEWHERE = {"dim": ("axis", "axes"), "dims": ("axes", "axis"), "keepdim": ("keepdims",), "unbiased": ("correction",)}
"""PyTorch's names of arguments, and the array API's."""


def unknown_argument(name: str, known: Sequence[str]) -> str:
    """What to write in place of an argument that a function does not have."""
    here = next((n for n in NAMES_ELSEWHERE.get(name, get_close_matches(name, known, 1)) if n in known), None)
    way = f"write {here}" if here is not None else f"it has {', '.join(known)}"
    if here is None and name in ("dtype", "out"):  # as np.mean(t) passes to the tensor's method
        way += "; NumPy's functions do not take tensors: use those of dlengine, or np.asarray(t.detach())"
    return f"there is no argument {name!r}; {way}"


class Again:
    """What makes a call be tried once more, with the arrays that its tensors have by now."""

    @staticmethod
    def adopt(tensors: Any) -> None:
        """Nothing is left to do."""


def compute_on_gpu_of(op: Op, args: tuple[Any, ...], arrays: Sequence[Any]) -> None:
    """Compute on the GPU of the arguments, which must be one."""
    flat = [b for a in arrays for b in (a if isinstance(a, list) else [a]) if hasattr(b, "device")]
    if any(a.device.id != flat[0].device.id for a in flat):
        raise devices(op, args)
    backend.make_current(flat[0])


def devices(op: Op, args: tuple[Any, ...]) -> Exception:
    """What to raise for arguments of several array types."""
    flat, _ = flatten(args)
    tensors = [a for a in flat if isinstance(a, TensorBase)]
    for kind in {type(a.array) for a in tensors}:
        spaces()[kind]  # raises Unrecorded where a step is recorded, here or in another thread
    if {type(a.array) for a in tensors} == {np.ndarray}:  # it has just ended
        return Unrecorded(Again)
    found = [backend.device_of(a.array) for a in flat if isinstance(a, TensorBase)]
    return DeviceError(f"{op.name}: arguments are on different devices ({', '.join(found)}); move them with x.to(device)")
