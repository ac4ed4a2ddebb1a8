"""What a step's Python code can read: tensors, and numbers and objects of which a replay must know whether they have changed.

A replay does not run the step's Python code. So everything that this code reaches through its closure, its globals and the
objects in them is noted: modules and optimizers whole, other objects by the names that the code contains. A replay compares
it by identity, numbers by value; if something has changed, the step is recorded anew.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from threading import local
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from weakref import ref

import numpy as np

from ..autograd.base import TensorBase
from ..generator import Generator
from ..nn import Module
from ..optim import Optimizer
from .places import ATOMS, MISSING, Places, attribute, content, is_buffer, is_stream

_FOREIGN = frozenset(("numpy", "scipy", "numba", "llvmlite", "cupy")) | sys.stdlib_module_names
_OURS = "dlengine"
_LIKE_USERS = ("dlengine.recipes", "dlengine.benchmarks", "dlengine.training.trainer")
_BY_NAME = frozenset(("getattr", "vars", "__dict__", "attrgetter", "globals", "eval", "exec"))
"""Ways to reach an attribute whose name the code does not contain: then all attributes count."""

_UNUSED = frozenset("__init__ __new__ __del__ __repr__ __str__ __reduce__ __reduce_ex__ __getstate__ __setstate__".split())
"""Methods that a step does not call without naming them."""

_CONTAINERS = frozenset(("collections", "queue", "weakref", "configparser", "functools", "types"))
"""Modules of Python whose objects hold what a step may read by methods, which do not name the attributes that they read."""

_BAGS = (SimpleNamespace, Namespace, local)
"""Objects that are their attributes and nothing else."""

_ENVIRONMENT = frozenset(("environ", "getenv", "environb"))
_PER_REPLAY = frozenset(("lr", "momentum", "dampening", "weight_decay", "betas", "eps", "initial_lr"))
"""Settings of an optimizer that are read anew before each replay."""


class Reach(Places):
    """What a step reaches.

    Attributes
    ----------
    tensors : list of Tensor
        All tensors.
    refusals : list of str
        What no replay can follow, such as an iterator.
    """

    def __init__(self, step: Any) -> None:
        super().__init__()
        self.tensors: list[Any] = []
        self._called: dict[int, str] = {}
        self._names: set[str] = set()
        self._seen: dict[int, Any] = {}
        self._open: list[tuple[Any, str]] = []
        self._noted: set[tuple[int, Any]] = set()
        self._todo: list[tuple[Any, str]] = [(step, getattr(step, "__name__", type(step).__name__))]
        while self._todo or self._reopened():
            while self._todo:
                self._visit(*self._todo.pop())
        if self._names & _ENVIRONMENT:
            self.note_whole("os.environ", os.environ)
        self.begin()

    def name(self, t: Any) -> str:
        """How the step's code comes to a tensor."""
        return self._called.get(id(t), "a tensor that the step computes with")

    # ------------------------------------------------------------------ walking
    def _visit(self, value: Any, what: str) -> None:
        if value is MISSING or isinstance(value, (*ATOMS, BuiltinFunctionType)) or id(value) in self._seen:
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
            if _is_users(type(value)):  # its own attributes and methods count too
                self._open.append((value, what))
                self._class(value)
        elif isinstance(value, ModuleType):
            if not _is_ours(value.__name__) and _root(value.__name__) not in _FOREIGN:
                self._open.append((value, what))
        elif isinstance(value, type):
            if _is_users(value):
                self._open.append((value, what))
            self._class(value)
        else:
            self._object(value, what)

    def _object(self, value: Any, what: str) -> None:
        if hasattr(type(value), "__wrapped__") or "__wrapped__" in getattr(value, "__dict__", ()):
            self._todo.append((value.__wrapped__, what))
        if isinstance(value, (Generator, np.ufunc)) or (_is_ours(type(value).__module__) and hasattr(type(value), "unchanging")):
            return  # generators go on by themselves
        if is_buffer(value):
            self.note_array(what, value)
        elif is_stream(value):
            self.note_stream(what, value)
        elif isinstance(value, (ref, ContextVar)):
            held = self.note_answer(what, value if isinstance(value, ref) else partial(value.get, MISSING))
            self._todo.append((held, what))
        elif isinstance(value, Iterator):
            self.refusals.append(f"{what} is an iterator, which a replay would not advance; pass the step what it gives")
        elif isinstance(value, Optimizer):
            self._optimizer(value, what)
        elif isinstance(value, Module) or (_is_ours(type(value).__module__) and hasattr(value, "__dict__")):
            self._all_of(vars(value), what)
            self._class(value)
        elif not isinstance(value, _BAGS) and any(c.__module__ in _CONTAINERS for c in type(value).__mro__):
            self._all_of(getattr(value, "__dict__", {}), what)
            self._slots_of(value, what, _slots(type(value)))
            self._class(value)
        else:
            self._open.append((value, what))
            self._class(value)

    def _tensor(self, t: Any, what: str) -> None:
        self.tensors.append(t)
        self._called[id(t)] = what
        if t._hooks is not None:
            self._all_of(t._hooks, f"the hooks of {what}")
        elif t.needs_grad:
            self.note_answer(f"the hooks of {what}", attribute(t, "_hooks"))

    def _container(self, value: Any, what: str) -> None:
        if isinstance(value, (dict, MappingProxyType)):
            self._all_of(value, what)
            return
        if not isinstance(value, tuple):
            self.note_whole(what, value)
        for i, inner in enumerate(value):
            self._todo.append((inner, f"{what}[{i}]"))

    def _all_of(self, holder: Any, what: str) -> None:
        """Note all that a dictionary holds."""
        self.note_whole(what, holder)
        for name, inner in holder.items():
            self._todo.append((inner, f"{what}.{name}" if isinstance(name, str) else f"{what}[...]"))

    def _one_of(self, holder: Any, key: Any, what: str) -> None:
        """Note one entry of a dictionary."""
        if (id(holder), key) not in self._noted:
            self._noted.add((id(holder), key))
            self._todo.append((self.note_entry(what, holder, key), what))

    def _slots_of(self, value: Any, what: str, names: set[str]) -> None:
        """Note attributes that lie in an object itself."""
        for name in names:
            if (id(value), name) not in self._noted:
                self._noted.add((id(value), name))
                self._todo.append((self.note_answer(f"{what}.{name}", attribute(value, name)), f"{what}.{name}"))

    def _optimizer(self, value: Any, what: str) -> None:
        """An optimizer: its settings, apart from those that each replay reads, and which arrays its state holds."""
        for name in vars(value):
            if name == "param_groups":
                self.note_whole(f"{what}.param_groups", value.param_groups)
                for group in value.param_groups:
                    self._seen[id(group)] = group
                    for key in group:
                        if key not in _PER_REPLAY or not value.replays:
                            self._one_of(group, key, f"{what}.{key}")
            elif name == "state":
                self._one_of(vars(value), "state", f"{what}.state")
                self._seen[id(value.state)] = value.state
                self.note_whole(f"{what}.state", value.state)
                for state in value.state.values():
                    self._seen[id(state)] = state
                    for key, held in state.items():
                        if isinstance(held, TensorBase):
                            self._one_of(state, key, f"{what}.state")
            elif name not in ("schedules", "defaults"):
                self._one_of(vars(value), name, f"{what}.{name}")
        self._class(value)

    def _function(self, f: FunctionType, what: str) -> None:
        if hasattr(f, "op") and hasattr(f, "__wrapped__"):  # an op: its definition is what counts
            self._todo.append((f.__wrapped__, what))
            return
        ours = _is_ours(f.__module__)
        for cell, name in zip(f.__closure__ or (), f.__code__.co_freevars, strict=True):
            if not ours or isinstance(content(cell), (FunctionType, MethodType, partial, Module)):
                self._todo.append((self.note_answer(name, partial(content, cell)), name))
        if ours or (_root(f.__module__) in _FOREIGN and not _is_wrapper(f)):
            return
        self._open.append((f, what))
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            self.note_answer(what, attribute(f, part))
        names = set(_names(f.__code__))
        self._names |= names
        for name in names & f.__globals__.keys():
            self._one_of(f.__globals__, name, name)
        self._todo += [(sys.modules[name], name) for name in names & sys.modules.keys()]  # it may import them when it runs
        self._todo += [(part, f"a default of {f.__name__}") for part in (f.__defaults__, f.__kwdefaults__)]

    def _class(self, value: Any) -> None:
        """The classes of an object that are the user's: their methods and attributes, as far as they are named."""
        self.note_class(value)
        for base in type(value).__mro__:
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
                elif name in _slots(type(value)):
                    self._slots_of(value, what, {name})
        return len(self._noted) > before or bool(self._todo)

    def _of_class(self, kind: Any, name: str, what: str) -> None:
        """An attribute of a class: methods are read, and compared like all else."""
        key = (id(kind), name)
        if key in self._noted:
            return
        self._noted.add(key)
        value = self.note_entry(f"{what}.{name}", vars(kind), name)
        for inner in (value, *[getattr(value, part, None) for part in ("fget", "__func__", "func")]):
            self._todo.append((inner, f"{what}.{name}"))


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
