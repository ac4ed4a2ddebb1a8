"""What a step's Python code can read: tensors, and numbers and objects of which a replay must know whether they have changed.

A replay does not run the step's Python code. So everything that this code reaches through its closure, its globals and the
objects in them is noted: modules and optimizers whole, other objects by the names that the code contains. A replay compares
it by identity, numbers by value; if something has changed, the step is recorded anew.
"""

from __future__ import annotations

import random
import sys
from array import array
from collections import UserDict, UserList, deque
from collections.abc import Iterator
from functools import partial
from operator import is_
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..generator import Generator
from ..nn import Module
from ..optim import Optimizer

_ATOMS = (bool, int, float, complex, str, bytes, type(None), type(...), np.dtype, np.generic, range, slice)
_FOREIGN = frozenset(("numpy", "scipy", "numba", "llvmlite", "cupy")) | sys.stdlib_module_names
_OURS = "dlengine"
WHOLE, SAMPLED = 1 << 20, 1 << 12
"""Bytes up to which an array of NumPy that the step reaches is compared as a whole, and the elements compared of a larger one."""

_LIKE_USERS = ("dlengine.recipes", "dlengine.benchmarks", "dlengine.training.trainer")
_BY_NAME = frozenset(("getattr", "vars", "__dict__", "attrgetter", "globals", "eval", "exec"))
"""Ways to reach an attribute whose name the code does not contain: then all attributes count."""

_UNUSED = frozenset("__init__ __new__ __del__ __repr__ __str__ __reduce__ __reduce_ex__ __getstate__ __setstate__".split())
"""Methods that a step does not call without naming them."""

_MISSING = object()
_PER_REPLAY = frozenset(("lr", "momentum", "dampening", "weight_decay", "betas", "eps", "initial_lr"))
"""Settings of an optimizer that are read anew before each replay."""


class Reach:
    """What a step reaches.

    Attributes
    ----------
    tensors : list of Tensor
        All tensors.
    refusals : list of str
        What no replay can follow, such as an iterator.
    """

    def __init__(self, step: Any) -> None:
        self.tensors: list[Any] = []
        self.refusals: list[str] = []
        self._names: set[str] = set()
        self._seen: dict[int, Any] = {}
        self._open: list[tuple[Any, str]] = []
        self._whole: list[tuple[str, Any, list[Any]]] = []
        self._single: list[tuple[str, Any, Any, Any]] = []
        self._cells: list[tuple[str, CellType, Any]] = []
        self._arrays: list[tuple[str, Any, Any]] = []
        self._slotted: list[tuple[str, Any, str, Any]] = []
        self._noted: set[tuple[int, Any]] = set()
        self._streams: list[tuple[str, Any]] = []
        self._todo: list[tuple[Any, str]] = [(step, getattr(step, "__name__", type(step).__name__))]
        while self._todo or self._reopened():
            while self._todo:
                self._visit(*self._todo.pop())
        self._randomness = self._random_states()

    # ------------------------------------------------------------------ asking
    def changed(self) -> str | None:
        """What has changed since, or None."""
        for what, holder, values in self._whole:
            now = holder.values() if type(holder) is dict else holder
            if len(holder) != len(values) or not all(map(is_, now, values)):
                if not _equal(list(now), values):
                    return what
        for what, holder, key, value in self._single:
            now = holder.get(key, _MISSING)
            if now is not value and not _equal([now], [value]):
                return what
        for what, holder, key, value in self._slotted:
            now = getattr(holder, key, _MISSING)
            if now is not value and not _equal([now], [value]):
                return what
        for what, held, numbers in self._arrays:
            if _numbers(held) != numbers:
                return what
        for what, cell, value in self._cells:
            now = _content(cell)
            if now is not value and not _equal([now], [value]):
                return what
        return None

    def drawn(self) -> str | None:
        """Which of the random streams outside dlengine has advanced since, or None."""
        for what, before, now in zip(
            ["Python's random", "numpy.random", *[what for what, _ in self._streams]],
            self._randomness,
            self._random_states(),
            strict=True,
        ):
            if before != now:
                return what
        return None

    @property
    def size(self) -> int:
        """How many places are compared."""
        return sum(len(values) for _, _, values in self._whole) + len(self._single) + len(self._cells) + len(self._slotted)

    # ------------------------------------------------------------------ walking
    def _visit(self, value: Any, what: str) -> None:
        if isinstance(value, (*_ATOMS, BuiltinFunctionType)) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, TensorBase):
            self._tensor(value, what)
        elif isinstance(value, FunctionType):
            self._function(value, what)
        elif isinstance(value, MethodType):
            self._todo += [(value.__self__, what.rpartition(".")[0] or "self"), (value.__func__, what)]
        elif isinstance(value, partial):
            self._todo += [(value.func, what), (value.args, what), (value.keywords, what)]
        elif isinstance(value, (list, tuple, deque, dict, MappingProxyType, set, frozenset)):
            self._container(value, what)
        elif isinstance(value, ModuleType):
            if not _is_ours(value.__name__) and _root(value.__name__) not in _FOREIGN:
                self._open.append((value, what))
        elif isinstance(value, type):
            if _is_users(value):
                self._open.append((value, what))
        else:
            self._object(value, what)

    def _object(self, value: Any, what: str) -> None:
        if hasattr(type(value), "__wrapped__") or "__wrapped__" in getattr(value, "__dict__", ()):
            self._todo.append((value.__wrapped__, what))
        if isinstance(value, (Generator, np.ufunc)) or (_is_ours(type(value).__module__) and hasattr(type(value), "unchanging")):
            return  # generators go on by themselves
        if isinstance(value, (np.ndarray, bytearray, array)):
            self._arrays.append((what, value, _numbers(value)))
            return
        if isinstance(value, (np.random.Generator, np.random.RandomState, random.Random)):
            self._streams.append((what, value))
        elif isinstance(value, Iterator):
            self.refusals.append(f"{what} is an iterator, which a replay would not advance; pass the step what it gives")
        elif isinstance(value, Optimizer):
            self._optimizer(value, what)
        elif isinstance(value, Module) or (_is_ours(type(value).__module__) and hasattr(value, "__dict__")):
            self._all_of(vars(value), what)
            self._class(type(value), what)
        elif isinstance(value, (UserDict, UserList)):
            self._todo.append((value.data, what))
            self._class(type(value), what)
        else:
            self._open.append((value, what))
            self._class(type(value), what)

    def _tensor(self, t: Any, what: str) -> None:
        self.tensors.append(t)
        if t._hooks is not None:
            self._all_of(t._hooks, f"the hooks of {what}")

    def _container(self, value: Any, what: str) -> None:
        if isinstance(value, (dict, MappingProxyType)):
            self._all_of(value, what)
            return
        if not isinstance(value, tuple):
            self._whole.append((what, value, list(value)))
        for i, inner in enumerate(value):
            self._todo.append((inner, f"{what}[{i}]"))

    def _all_of(self, holder: Any, what: str) -> None:
        """Note all that a dictionary holds."""
        self._whole.append((what, holder if type(holder) is dict else dict(holder), list(holder.values())))
        for name, inner in holder.items():
            self._todo.append((inner, f"{what}.{name}" if isinstance(name, str) else f"{what}[...]"))

    def _one_of(self, holder: Any, key: Any, what: str) -> None:
        """Note one entry of a dictionary."""
        if (id(holder), key) in self._noted:
            return
        self._noted.add((id(holder), key))
        value = holder.get(key, _MISSING)
        self._single.append((what, holder, key, value))
        if value is not _MISSING:
            self._todo.append((value, what))

    def _optimizer(self, value: Any, what: str) -> None:
        """An optimizer: its settings, apart from those that each replay reads, and which arrays its state holds."""
        for name in vars(value):
            if name == "param_groups":
                self._whole.append((f"{what}.param_groups", value.param_groups, list(value.param_groups)))
                for group in value.param_groups:
                    self._seen[id(group)] = group
                    for key in group:
                        if key not in _PER_REPLAY or not value.replays:
                            self._one_of(group, key, f"{what}.{key}")
            elif name == "state":
                self._one_of(vars(value), "state", f"{what}.state")
                self._seen[id(value.state)] = value.state
                self._whole.append((f"{what}.state", value.state, list(value.state.values())))
                for state in value.state.values():
                    self._seen[id(state)] = state
                    for key, held in state.items():
                        if isinstance(held, TensorBase):
                            self._one_of(state, key, f"{what}.state")
            elif name not in ("schedules", "defaults"):
                self._one_of(vars(value), name, f"{what}.{name}")
        self._class(type(value), what)

    def _function(self, f: FunctionType, what: str) -> None:
        if hasattr(f, "op") and hasattr(f, "__wrapped__"):  # an op: its definition is what counts
            self._todo.append((f.__wrapped__, what))
            return
        if (_is_ours(f.__module__) or _root(f.__module__) in _FOREIGN) and not _is_wrapper(f):
            return
        for cell, name in zip(f.__closure__ or (), f.__code__.co_freevars, strict=True):
            value = _content(cell)
            self._cells.append((name, cell, value))
            if value is not _MISSING:
                self._todo.append((value, name))
        names = set(_names(f.__code__))
        self._names |= names
        for name in names & f.__globals__.keys():
            self._one_of(f.__globals__, name, name)
        self._todo += [(sys.modules[name], name) for name in names & sys.modules.keys()]  # it may import them when it runs
        self._todo += [(d, f"a default of {f.__name__}") for d in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values())]

    def _class(self, kind: type, what: str) -> None:
        """The classes of an object that are the user's: their methods and attributes, as far as they are named."""
        for base in kind.__mro__:
            if _is_users(base) and id(base) not in self._seen:
                self._seen[id(base)] = base
                self._open.append((base, base.__name__))

    def _reopened(self) -> bool:
        """Look again at objects of which only what is named counts: there may be new names. Whether that found anything."""
        before = len(self._noted)
        for value, what in self._open:
            by_name = not isinstance(value, (type, ModuleType)) and self._names & _BY_NAME
            for name in _attributes(value) if by_name else (self._names & _attributes(value)) | _implicit(value):
                holder = getattr(value, "__dict__", {})
                if isinstance(holder, MappingProxyType):
                    self._of_class(value, name, what)
                elif name in holder:
                    self._one_of(holder, name, f"{what}.{name}")
                elif (id(value), name) not in self._noted and name in _slots(type(value)):
                    self._noted.add((id(value), name))
                    held = getattr(value, name, _MISSING)
                    self._slotted.append((f"{what}.{name}", value, name, held))
                    if held is not _MISSING:
                        self._todo.append((held, f"{what}.{name}"))
        return len(self._noted) > before or bool(self._todo)

    def _of_class(self, kind: Any, name: str, what: str) -> None:
        """An attribute of a class: methods are read, and compared like all else."""
        key = (id(kind), name)
        if key in self._noted:
            return
        self._noted.add(key)
        value = vars(kind)[name]
        self._single.append((f"{what}.{name}", vars(kind), name, value))
        for inner in (value, *[getattr(value, part, None) for part in ("fget", "__func__", "func")]):
            self._todo.append((inner, f"{what}.{name}"))

    def _random_states(self) -> list[Any]:
        return [random.getstate(), _numpy_state(np.random.mtrand._rand), *[_stream_state(s) for _, s in self._streams]]


def _numpy_state(state: Any) -> Any:
    name, keys, *rest = state.get_state()
    return name, keys.tobytes(), *rest


def _numbers(held: Any) -> Any:
    """The numbers in a NumPy array or another buffer, from which Python may have read some; of a large one a part."""
    if not isinstance(held, np.ndarray):
        return bytes(held)
    if held.dtype.hasobject:
        return list(map(id, held.reshape(-1)[:SAMPLED]))
    if held.nbytes > WHOLE:
        return held.shape, held.dtype, held.reshape(-1)[:: max(1, held.size // SAMPLED)].tobytes()
    return held.shape, held.dtype, held.tobytes()


def _stream_state(stream: Any) -> Any:
    if isinstance(stream, random.Random):
        return stream.getstate()
    return repr(stream.bit_generator.state) if isinstance(stream, np.random.Generator) else _numpy_state(stream)


def _equal(now: list[Any], before: list[Any]) -> bool:
    """Whether two lists hold the same objects, or equal numbers and strings."""
    if len(now) != len(before):
        return False
    for a, b in zip(now, before, strict=True):
        if a is not b and (type(a) is not type(b) or not isinstance(a, _ATOMS) or repr(a) != repr(b)):
            if not (isinstance(a, MethodType) and isinstance(b, MethodType) and a == b):
                return False
    return True


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _root(name: Any) -> str:
    return name.partition(".")[0] if isinstance(name, str) else ""


def _is_ours(module: Any) -> bool:
    """Whether a module is part of the engine, whose functions read nothing that changes; recipes and the like are users."""
    return _root(module) == _OURS and not module.startswith(_LIKE_USERS)


def _is_users(kind: type) -> bool:
    return not _is_ours(kind.__module__) and _root(kind.__module__) not in ("builtins", *_FOREIGN)


def _is_wrapper(f: FunctionType) -> bool:
    """Whether a function is what a decorator made, so that the decorated one is in its closure."""
    return bool(f.__closure__) and hasattr(f, "__wrapped__") and not _is_ours(f.__module__)


def _slots(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in _as_tuple(base.__dict__.get("__slots__", ()))}


def _as_tuple(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _attributes(value: Any) -> set[str]:
    own = set(vars(value)) if hasattr(value, "__dict__") else set()
    return own if isinstance(value, (type, ModuleType)) else own | _slots(type(value))


def _implicit(value: Any) -> set[str]:
    """The methods of a user's class that are called without their name: by operators, by calls, by Module."""
    if not isinstance(value, type):
        return set()
    functions = {name for name, f in vars(value).items() if isinstance(f, FunctionType)}
    return {name for name in functions if name == "forward" or name.startswith("__")} - _UNUSED


def _names(code: CodeType) -> Iterator[str]:
    """All names that code contains, also as strings, by which getattr() finds attributes."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            yield constant
