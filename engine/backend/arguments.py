"""The arguments of a kernel call that is not the common one: brought into the form that kernels are written for, or refused.

The common call, native floats of one dtype and fitting shapes, never gets here: see dispatch.py. The rules are those that
dlengine.kernels.declaration states.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dlengine.kernels.declaration import Argument
from dlengine.kernels.ranges import in_range

from ..default_dtype import get_default_dtype
from ..errors import BadIndexError, ConfigError, DeviceError, DTypeError, ShapeError

_LARGEST = np.iinfo(np.int64).max


@dataclass(eq=False, slots=True)
class Saved:
    """What a forward kernel left for its gradient, which only the same implementation can read, with the same arguments.

    maker: the namespace it was called through. native: whether the kernel of its set answered, and not the reference.
    """

    values: Any
    maker: Any
    native: bool
    dtype: Any
    shapes: tuple[Any, Any]
    lengths: Any
    reverse: bool

    def check(self, xp: Any, name: str, given: dict[str, Any]) -> None:
        """Raise where a gradient is asked for with other arguments than the forward call had, as far as they can be seen."""
        forward = name.removesuffix("_grad")
        if self.maker is not xp:
            raise DTypeError(f"{name}: residuals are of {self.maker}, expected those of {xp}")
        if self.shapes != (given["x"].shape, given["h0"].shape):
            now = (given["x"].shape, given["h0"].shape)
            raise ShapeError(f"{name}: x and h0 had shapes {self.shapes} in {forward}, now {now}")
        lengths = given["lengths"]
        same = lengths is self.lengths or (
            lengths is not None and self.lengths is not None and bool(xp.all(lengths == self.lengths))
        )
        if not same or self.reverse != given["reverse"]:
            raise ConfigError(f"{name}: lengths and reverse must be those that {forward} was called with")


def prepared(xp: Any, name: str, arguments: tuple[Argument, ...], values: list[Any]) -> tuple[list[Any], Any]:
    """The values of a call with arrays of one dtype and native layout of bytes, and that dtype.

    Raises DTypeError, ShapeError or DeviceError, which name the kernel, the argument, what was expected and what came.
    """
    values = _arrays(xp, name, arguments, values)
    saved = _saved(name, arguments, values)
    dtype = _common_dtype(xp, name, arguments, values) if saved is None else saved.dtype
    for place, argument in enumerate(arguments):
        if argument.is_array:
            values[place] = _each(argument, values[place], partial(_converted, xp, name, argument, dtype))
    check_shapes(name, arguments, values)
    if saved is not None:
        saved.check(xp, name, {a.name: v for a, v in zip(arguments, values, strict=True)})
    return values, dtype


def _saved(name: str, arguments: tuple[Argument, ...], values: list[Any]) -> Saved | None:
    for argument, value in zip(arguments, values, strict=True):
        if argument.kind == "saved":
            if not isinstance(value, Saved):
                raise DTypeError(
                    f"{name}: {argument.name} must be what {name.removesuffix('_grad')} returned last, got {type(value).__name__}"
                )
            return value
    return None


def first_place(bad: Any) -> tuple[int, ...]:
    """Where a boolean array on the CPU is first True."""
    bad = np.asarray(bad)
    return tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))


def check_range(name: str, argument: Argument, ids: Any, size: int, spared: Any = None) -> None:
    """Refuse integers of a host array outside 0 ... size - 1, but for one value. Raises BadIndexError."""
    if in_range(ids, size):
        return
    wrong = (ids < 0) | (ids >= size)
    if spared is not None:
        wrong &= ids != spared
    if wrong.any():
        at = first_place(wrong)
        but = "" if spared is None else f" or {spared}"
        raise BadIndexError(f"{name}: {argument.name}{list(at)} is {ids[at]}, expected 0 ... {size - 1}{but}")


def bound_of(argument: Argument, arguments: tuple[Argument, ...], values: list[Any]) -> int:
    """How many values an argument of integers may have."""
    known = {a.name: v for a, v in zip(arguments, values, strict=True)}
    for other, value in zip(arguments, values, strict=True):
        if other.is_array and not other.listed and value is not None:
            _fits(other.shape, value.shape, known)
    return int(_number(argument.bound, known))


def check_shapes(name: str, arguments: tuple[Argument, ...], values: list[Any]) -> None:
    """Raise ShapeError for the first array whose shape is not the declared one."""
    known = {a.name: v for a, v in zip(arguments, values, strict=True)}
    order = sorted(zip(arguments, values, strict=True), key=lambda pair: pair[0].shape.startswith("="))
    for argument, value in order:
        if argument.name == "axis" and not -values[0].ndim <= value < values[0].ndim:
            raise BadIndexError(f"{name}: axis {value} is out of range for shape {values[0].shape}")
        if not argument.is_array or value is None:
            continue
        if argument.listed:
            _check_list(name, argument, value, known)
        elif not _fits(argument.shape, value.shape, known):
            raise ShapeError(f"{name}: {argument.name} must be {_expected(argument.shape, known)}, got shape {value.shape}")


def _check_list(name: str, argument: Argument, value: list[Any], known: dict[str, Any]) -> None:
    like = known[argument.shape[1:]] if argument.shape.startswith("=") else value
    if not value or len(value) != len(like):
        raise ShapeError(f"{name}: {argument.name} must be a list of {len(like) or 'some'} arrays, got {len(value)}")
    for i, (a, b) in enumerate(zip(value, like, strict=True)):
        if a.shape != b.shape:
            raise ShapeError(f"{name}: {argument.name}[{i}] must have shape {b.shape}, got {a.shape}")


def _fits(spec: str, shape: tuple[int, ...], known: dict[str, Any]) -> bool:
    """Whether a shape is the declared one; binds letters that are not known yet."""
    if spec == "...":
        return True
    if spec.startswith("="):
        return bool(shape == known[spec[1:]].shape)
    if spec.endswith("_shape"):
        return bool(shape == _attribute(spec, known))
    items = spec.split(",") if spec else []
    stars = [i for i, item in enumerate(items) if item[0] == "*"]
    if stars:
        spread = len(shape) - len(items) + 1
        if spread < 0:
            return False
        letter = items[stars[0]][1:]
        part = shape[stars[0] : stars[0] + spread]
        wanted = known.setdefault(letter, part)
        if getattr(wanted, "shape", wanted) != part:
            return False
        shape = (*shape[: stars[0]], *shape[stars[0] + spread :])
        items.pop(stars[0])
    if len(shape) != len(items):
        return False
    for item, size in zip(items, shape, strict=True):
        if item not in known and item.isalpha() and len(item) == 1:
            known[item] = size
        elif _number(item, known) != size:
            return False
    return True


def _number(item: str, known: dict[str, Any]) -> Any:
    """A size by its declaration: a letter, 4H, g.K, or a constant's name."""
    if "." in item:
        return _attribute(item, known)
    times, letter = re.fullmatch(r"(\d*)(\w+)", item).groups()  # type: ignore[union-attr]
    value = known.get(letter)
    return None if value is None else int(times or 1) * value


def _attribute(spec: str, known: dict[str, Any]) -> Any:
    owner, attribute = spec.split(".")
    return getattr(known[owner], attribute)


def _expected(spec: str, known: dict[str, Any]) -> str:
    """The declared shape, with the sizes that are known."""
    if spec.startswith("="):
        return f"of the shape of {spec[1:]}, {known[spec[1:]].shape}"
    if spec.endswith("_shape"):
        return f"of shape {_attribute(spec, known)}"
    sizes = []
    for item in spec.split(","):
        value = known.get(item[1:]) if item[:1] == "*" else _number(item, known) if item else None
        shape = getattr(value, "shape", value)
        sizes.append("..." if shape is None else ",".join(map(str, shape)) if isinstance(shape, tuple) else str(shape))
    return f"({spec})=({','.join(sizes)})"


def _each(argument: Argument, value: Any, function: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    return [function(a) for a in value] if argument.listed else function(value)


def _arrays(xp: Any, name: str, arguments: tuple[Argument, ...], values: list[Any]) -> list[Any]:
    """The values, every array argument an array (or a list of them) of one library."""
    found: list[type] = []

    def checked(argument: Argument, a: Any) -> Any:
        if isinstance(a, np.generic):  # what NumPy's own functions make of 0-d arrays
            a = np.asarray(a)
        elif isinstance(a, np.ndarray) and type(a) is not np.ndarray and not isinstance(a, np.ma.MaskedArray):
            a = a.view(np.ndarray)
        if isinstance(a, np.ma.MaskedArray) or not (hasattr(a, "dtype") and hasattr(a, "shape")):
            what = f"{type(a).__module__}.{type(a).__name__}"
            raise DTypeError(f"{name}: {argument.name} must be an array, got {what}; make one with xp.asarray")
        ours = xp.library.array_type()
        if ours is not None and type(a) is not ours:
            kinds = f"{type(a).__module__}.{type(a).__name__}, expected {ours.__module__}.{ours.__name__}"
            raise DeviceError(f"{name}: {argument.name} is a {kinds}; move it there first")
        found.append(type(a))
        if type(a) is not found[0]:
            kinds = " and ".join(sorted({f"{k.__module__}.{k.__name__}" for k in found}))
            raise DeviceError(f"{name}: {argument.name} is of another library than the arrays before it ({kinds}); move it")
        return a

    made = []
    for argument, value in zip(arguments, values, strict=True):
        if not argument.is_array:
            made.append(value)
        elif value is None and not argument.optional:
            raise DTypeError(f"{name}: {argument.name} must be an array, got None")
        elif argument.listed and value is not None and not isinstance(value, (list, tuple)):
            raise DTypeError(f"{name}: {argument.name} must be a list of arrays, got {type(value).__name__}")
        else:
            made.append(_each(argument, value, partial(checked, argument)))
    return made


def _members(arguments: tuple[Argument, ...], values: list[Any], kinds: str) -> Iterator[tuple[Argument, Any]]:
    for argument, value in zip(arguments, values, strict=True):
        if argument.kind in kinds.split() and value is not None:
            yield from ((argument, a) for a in (value if argument.listed else [value]))


def kind_of(dtype: Any) -> str:
    """f for floating, bfloat16 included, c for complex, i for integers, b for booleans, else nothing."""
    if isinstance(dtype, np.dtype):
        kind = "f" if dtype.kind == "V" and dtype.name == "bfloat16" else dtype.kind
        return {"u": "i"}.get(kind, kind) if kind in "fciub" else ""
    text = str(dtype)  # a library with dtypes of its own
    words = (("bool", "b"), ("complex", "c"), ("float", "f"), ("int", "i"))
    return next((kind for word, kind in words if word in text), "")


def _common_dtype(xp: Any, name: str, arguments: tuple[Argument, ...], values: list[Any]) -> Any:
    """The dtype that a call computes in; None if it takes integers as they are."""
    members = list(_members(arguments, values, "float number follows"))
    for argument, a in members:
        if not kind_of(a.dtype):
            raise DTypeError(f"{name}: {argument.name} must be numbers, got dtype {a.dtype}; convert it with astype")
    floating = [(argument, a) for argument, a in members if kind_of(a.dtype) in "fc"]
    leading = [a.dtype for argument, a in floating if argument.kind != "follows"] or [a.dtype for _, a in floating]
    if leading:
        return _native(_joined(xp, leading))
    if any(argument.kind != "number" for argument, _ in members):
        return xp.dtype(get_default_dtype())
    return None


def _joined(xp: Any, dtypes: list[Any]) -> Any:
    different = list(dict.fromkeys(dtypes))
    if len(different) == 1:
        return different[0]
    try:
        return xp.result_type(*different)
    except TypeError:  # bfloat16 and float16: neither holds the other
        return xp.float32


def _native(dtype: Any) -> Any:
    return dtype.newbyteorder("=") if isinstance(dtype, np.dtype) and not dtype.isnative else dtype


def places_of(xp: Any) -> frozenset[Any]:
    """The dtypes in which the kernels of a namespace take flat places."""
    narrow = xp.kernels is not None and xp.kernels.name == "cuda"
    return frozenset(map(np.dtype, ("int16", "int32", "int64") if narrow else ("int64",)))


def _converted(xp: Any, name: str, argument: Argument, dtype: Any, a: Any) -> Any:
    """An array in the dtype of the call, or of its own kind."""
    if argument.kind in ("int", "place"):
        if argument.kind == "place" and isinstance(a.dtype, np.dtype) and _native(a.dtype) in places_of(xp):
            return a if _native(a.dtype) is a.dtype else xp.astype(a, _native(a.dtype))
        if argument.written and a.dtype != xp.int64:
            raise DTypeError(f"{name}: {argument.name} is written in place and must be int64, got {a.dtype}")
        if kind_of(a.dtype) != "i":
            raise DTypeError(f"{name}: {argument.name} must be integers, got {a.dtype}; use astype(dl.int64)")
        if str(a.dtype).endswith("uint64"):  # what int64 does not hold is out of every range
            a = xp.minimum(a, xp.asarray(_LARGEST, dtype=a.dtype))
        return a if a.dtype == xp.int64 and _native(a.dtype) is a.dtype else xp.astype(a, xp.int64)
    if argument.kind == "scalar":
        if a.shape != () or kind_of(a.dtype) not in ("f", "i"):
            raise ShapeError(f"{name}: {argument.name} must be one real number, 0-d, got shape {a.shape} {a.dtype}")
        return xp.astype(a, xp.float64 if dtype == xp.float64 else xp.float32)
    wanted = _native(a.dtype) if dtype is None else dtype
    if a.dtype == wanted:
        return a
    if argument.written:
        raise DTypeError(f"{name}: {argument.name} is written in place and must be {wanted} as the others, got {a.dtype}")
    if kind_of(a.dtype) == "c" and kind_of(wanted) == "f":
        raise DTypeError(f"{name}: {argument.name} must be {wanted}, got {a.dtype}, whose imaginary part would be lost")
    return xp.astype(a, wanted)
