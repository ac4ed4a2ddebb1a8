"""How functions come under PyTorch's names: the class of their results, keywords, ``out=``, and the methods of tensors.

A tensor of this namespace is an engine's tensor of a subclass. The engine's functions take it and return plain tensors, whose
class is then changed here: no memory is touched, and the engine knows nothing of it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import backend
from ...autograd.base import recording, written
from ...ops.index import become
from .engine import dl

Function = Callable[..., Any]

Plain: Any = dl.Tensor
FUNCTIONS: dict[str, Function] = {}
"""torch.NAME for every name."""
METHODS: dict[str, Function] = {}
"""Tensor.NAME for every name that is also a method, the tensor being the first argument."""
CLASSES: dict[type, type] = {dl.Tensor: dl.Tensor}
"""The engine's classes of tensors and those of this namespace; filled by `tensor` and `nn.parameter`."""
OWN: set[type] = set()
"""Those of this namespace."""


def own(value: Any) -> Any:
    """Give tensors that the engine made this namespace's class, also inside tuples, lists and dicts."""
    kind = type(value)
    if kind is Plain or kind in CLASSES:
        value.__class__ = CLASSES[kind]
    elif kind in OWN:
        return value
    elif isinstance(value, (tuple, list)):
        for part in value:
            own(part)
    elif kind is dict:
        for part in value.values():
            own(part)
    return value


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of any class."""
    return isinstance(value, Plain)


def refuse(name: str, why: str) -> NotImplementedError:
    """The error for what PyTorch has and dlengine has not."""
    return NotImplementedError(f"torch.{name}: {why}")


_RENAMED = {"axis": "dim", "keepdims": "keepdim", "x": "input", "self": "input", "x1": "input", "x2": "other", "a": "input"}
"""The second names of arguments that PyTorch takes for NumPy's sake."""


def lifted(f: Function, result: Function = own) -> Function:
    """A function with PyTorch's class of results, its second names of arguments, and ``out=``."""
    parameters = inspect.signature(f).parameters
    known = frozenset(parameters)
    listed = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    listed = {"shape": "size"}.get(listed or "", listed)
    renamed = {old: new for old, new in _RENAMED.items() if new in known and old not in known}
    second = {*renamed, listed, *(() if "out" in known else ("out",)), *(("shape",) if listed == "size" else ())}

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        if not options:
            return result(f(*args))
        if second.isdisjoint(options):
            return result(f(*args, **options))
        out = options.pop("out", None) if "out" not in known else None
        if listed in options:
            args = (*args, options.pop(listed))
        elif listed == "size" and "shape" in options:
            args = (*args, options.pop("shape"))
        for old in renamed.keys() & options.keys():
            options[renamed[old]] = options.pop(old)
        found = result(f(*args, **options))
        return found if out is None else written_to(out, found)

    return call


def written_to(out: Any, found: Any) -> Any:
    """Results in the tensors that the caller gave for them."""
    if isinstance(found, tuple):
        for place, value in zip(out, found, strict=True):
            written_to(place, value)
        return type(found)(*out) if hasattr(found, "_fields") else tuple(out)
    if out.requires_grad or (found.requires_grad and dl.is_grad_enabled()):
        raise RuntimeError("functions with out=... arguments don't support automatic differentiation")
    if kind_of(found.dtype) > kind_of(out.dtype):
        raise RuntimeError(f"result type {found.dtype} can't be cast to the desired output type {out.dtype}")
    if out.shape != found.shape:
        resized(out, found.shape)
    out[...] = found
    return out


def resized(t: Any, shape: Sequence[int]) -> Any:
    """A tensor with memory of another shape, as PyTorch's out= and resize_ make it; what fits of the old values stays."""
    kept = dl.reshape(t.detach(), (-1,))
    new = dl.zeros(int(np.prod(shape)), dtype=t.dtype, device=t.device)
    n = min(new.shape[0], kept.shape[0])
    if n:
        new[:n] = kept[:n]
    t.array = dl.reshape(new, tuple(shape)).array
    return t


def aliasing(found: Any, base: Any, array: Any) -> Any:
    """A result that is a view of base's memory, as PyTorch's is; array holds its values. None: a copy, which refuses writes."""
    if array is None:
        if isinstance(found.array, np.ndarray):
            found.array.flags.writeable = False
    else:
        found.array = array
    found.version, found._view = base.version, True
    return found


def define(
    *names: str, method: bool = True, function: bool = True, tensors: bool = True
) -> Callable[[Function], Function]:
    """Enter a function under PyTorch's names, its own by default, as torch.NAME and Tensor.NAME.

    tensors: whether it gives any."""

    def decorate(f: Function) -> Function:
        call = lifted(f) if tensors else f
        for name in names or (f.__name__.removesuffix("_of"),):
            if function:
                FUNCTIONS[name] = call
            if method:
                METHODS[name] = call
        return call

    return decorate


def table(functions: dict[str, Function], *, method: bool = True) -> None:
    """Enter functions whose arguments are already PyTorch's."""
    for name, f in functions.items():
        define(name, method=method)(f)


def in_place(*names: str) -> None:
    """Enter ``NAME_`` for methods: the value is computed and then written to the tensor."""
    for name in names:
        METHODS[name + "_"] = assigning(METHODS[name], name + "_")


def assigning(f: Function, name: str) -> Function:
    """The in-place form of a function of a tensor."""

    @functools.wraps(f)
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return assign(self, f(self, *args, **options), name)

    method.__name__, method.assigned = name, f  # type: ignore[attr-defined]
    return method


_ORDER = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}


def kind_of(dtype: Any) -> int:
    """The category of a dtype in PyTorch's promotion: booleans, integers, floats, complex numbers."""
    return _ORDER[dtype.kind]


def assign(t: Any, new: Any, name: str) -> Any:
    """Write a result to a tensor, under PyTorch's rules for operations in place."""
    if new is t:
        return t
    a, b = t.array, new.array
    if type(a) is type(b) is np.ndarray and a.dtype is b.dtype and a.shape == b.shape:
        if not ((t.needs_grad or new.needs_grad) and recording.get()) and a.flags.writeable:
            backend.space_of(a)  # refuses where a step is recorded
            a[...] = b
            written(t)
            return t
    if new.shape != t.shape:
        raise RuntimeError(f"{name}: output with shape {list(t.shape)} doesn't match the broadcast shape {list(new.shape)}")
    if new.dtype != t.dtype:
        if kind_of(new.dtype) > kind_of(t.dtype):
            raise RuntimeError(f"{name}: result type {new.dtype} can't be cast to the desired output type {t.dtype}")
        new = dl.astype(new, t.dtype)
    if dl.is_grad_enabled() and t.is_leaf and t.requires_grad:
        raise RuntimeError(f"{name}: a leaf Variable that requires grad is being used in an in-place operation.")
    if not (dl.is_grad_enabled() and (new.requires_grad or t.requires_grad)):
        Plain.__setitem__(t, ..., new)
        return t
    if t._view and sys.getrefcount(t.version) <= HELD_ONCE:
        t._view = False  # a view of memory that nobody else sees any more
    become(t, dl.clone(new) if new._view else new, name)
    return t


def _held_once() -> int:
    class Holder:
        __slots__ = ("cell",)
        cell: list[int]

    one = Holder()
    one.cell = [0]
    return sys.getrefcount(one.cell)


HELD_ONCE = _held_once()
"""What getrefcount says of the version cell of a tensor that shares its memory with no other."""


_OF_NUMPY = (np.ndarray, np.generic)


def demoted(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands under PyTorch's rule that a tensor without axes does not raise the dtype of one with axes in its category."""
    if isinstance(a, _OF_NUMPY):
        a = dl.asarray(a)
    if isinstance(b, _OF_NUMPY):
        b = dl.asarray(b)
    if isinstance(a, Plain) and isinstance(b, Plain):
        x, y = a.array, b.array
        if x.dtype is not y.dtype and x.dtype != y.dtype and (x.ndim == 0) != (y.ndim == 0):
            if y.ndim == 0 and kind_of(b.dtype) <= kind_of(a.dtype):
                b = dl.astype(b, a.dtype)
            elif x.ndim == 0 and kind_of(a.dtype) <= kind_of(b.dtype):
                a = dl.astype(a, b.dtype)
            elif max(kind_of(a.dtype), kind_of(b.dtype)) == 3:  # a complex number keeps the width of a floating tensor
                a, b = (_as_complex(a, b), b) if y.ndim == 0 else (a, _as_complex(b, a))
    return a, b


def _as_complex(wide: Any, number: Any) -> Any:
    """A floating tensor as complex numbers of its width, beside a complex number that is then cast to the same."""
    return wide if kind_of(wide.dtype) < 2 else dl.astype(wide, np.result_type(wide.dtype, np.complex64))


def sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes or axes given one by one or as one sequence."""
    listed = given[0] if len(given) == 1 and type(given[0]) in (tuple, list) else given
    if {*map(type, listed)} == {int}:
        return tuple(listed)
    if len(given) == 1 and not isinstance(given[0], int | np.integer):
        if given[0] is None:
            return ()
        if isinstance(given[0], Plain) and given[0].ndim == 0:
            return (int(given[0]),)
        return tuple(int(n) for n in given[0])
    return tuple(int(n) for n in given)


def axis_or_all(dim: Any) -> Any:
    """The axes of a reduction: PyTorch's empty list means all."""
    if dim is None or isinstance(dim, int):
        return dim
    return tuple(dim) or None
