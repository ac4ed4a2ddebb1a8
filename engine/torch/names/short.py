"""Short ways of names: small calls that record nothing, answered without the functions between a name and its kernel.

A name asks, after some calls, for its entry in the modules of WAYS: MAKERS["cat"] is given `Tools` and returns a function of the
name's arguments, which answers the commonest calls, or returns None. See dlengine.autograd.short, which compares the first
answer bit for bit with what the name itself gave, and asks the name for all that has no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from dlengine.kernels.late import imported

from ... import backend
from ...autograd.base import tensor_class
from ...autograd.declaration import Op
from ...autograd.fp_errors import QUIET, SET, restore_fp_errors
from ...autograd.short import WRONG, Short
from ...autograd.small import function_for, leaf_maker, small_calls
from ...backend.switch import default_policy, scoped
from .core import assigning

Answer = Callable[..., Any]

FLOATS = (np.dtype("float32"), np.dtype("float64"))
WAYS = ("short_elementwise", "short_views", "short_places", "short_reductions", "short_creation")
"""The modules that have makers, beside this one."""


class Tools(NamedTuple):
    """What makers need: the namespace; what makes a leaf of an array; what gives the array of a tensor that needs no gradient,
    else None; what makes a view of a tensor and an array that shows its memory; what broadcasts a tensor, or returns None."""

    xp: Any
    leaf: Answer
    held: Answer
    view: Answer
    shown: Answer

    def of(self, op: Op) -> Answer | None:
        """What answers an op's small calls, with tensors of PyTorch's class."""
        found: Answer | None = function_for(op, self.xp, _class())
        return found

    def quietly(self, f: Answer) -> Answer:
        """A function during which NumPy does not tell of Inf and NaN."""

        def call(*args: Any, **options: Any) -> Any:
            token = SET(QUIET)
            try:
                return f(*args, **options)
            finally:
                restore_fp_errors(token)

        return call


def _class() -> type:
    found: type = import_module(".tensor", __package__).Tensor
    return found


def _tools(xp: Any) -> Tools:
    cls = _class()
    views, shown = small_calls().views(cls), small_calls().broadcast(cls)
    if views is None or shown is None or backend.default_device() != "cpu":
        raise RuntimeError("tensors lie in memory in another way, or are made elsewhere")
    held, view = views
    return Tools(xp, leaf_maker(cls), held, view, shown)


class Ways(NamedTuple):
    """The short ways of a name: the first, one for what that leaves, and one for calls that may be recorded, which gives what the
    engine's op gives. Each may be missing, and may return None."""

    bound: Answer | None
    rest: Answer | None = None
    recorded: Answer | None = None


class _Way(Short):
    """The short way of a name: see Ways."""

    __slots__ = ("recorded", "rest")

    def __init__(self, name: str, module: str) -> None:
        super().__init__(name, module)
        self.rest: Answer | None = None
        self.recorded: Answer | None = None

    def find(self, xp: Any) -> Any:
        made = imported(f".{self.module}", __package__).MAKERS[self.name](_tools(xp))
        found, self.rest, self.recorded = made if isinstance(made, Ways) else (made, None, None)
        return found or _nothing

    def ready(self, y: Any) -> bool:
        return True

    def tried(self, found: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        for f in (None if options and self.rest is not None else found, self.rest, self.recorded):
            y = None if f is None else f(*args, **options)
            if y is not None:
                return _owned(y)
        return None


def _nothing(*args: Any, **options: Any) -> None:
    """Of a name of which nothing but recorded calls has a short way."""


_CLASS: list[type] = []
_PLAIN: Any = tensor_class[0]


def _owned(y: Any) -> Any:
    """A result with PyTorch's class, which what an op gives has not yet."""
    if type(y) is _PLAIN:
        if not _CLASS:
            _CLASS.append(_class())
        y.__class__ = _CLASS[0]
    return y


def shortened(name: str, module: str, f: Answer) -> Answer:
    """A name's function, or a tensor's method, that asks its short ways first."""
    way = _Way(name, module)

    @wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        policy = scoped()
        if policy is None and default_policy:
            policy = default_policy[0]
        if way.policy is policy is not None:
            try:
                y = None
                if way.recorded is None or not args[0].needs_grad:
                    if not options or way.rest is None:  # the first may be a function of C, which takes no names
                        y = way.bound(*args, **options)
                    if y is None and way.rest is not None:
                        y = way.rest(*args, **options)
                if y is None and way.recorded is not None:
                    y = way.recorded(*args, **options)
                    if type(y) is _PLAIN:
                        y.__class__ = _CLASS[0]
            except WRONG:
                y = None
            return f(*args, **options) if y is None else y
        y = f(*args, **options)
        way.waits -= 1
        if way.waits <= 0 and policy is not None:
            way.bind(policy, args, options, y)
        return y

    call.short = way  # type: ignore[attr-defined]
    return call


def operator(method: Answer, f: Answer, reflected: bool = False) -> Answer:
    """An operator of two arguments that asks the short ways of a name's function first."""
    way: _Way | None = getattr(f, "short", None)
    if way is None:
        return method

    def call(self: Any, other: Any) -> Any:
        policy = scoped()
        if policy is None and default_policy:
            policy = default_policy[0]
        if way.policy is policy is not None:
            a, b = (other, self) if reflected else (self, other)
            try:
                y = None
                if not self.needs_grad:
                    y = way.bound(a, b)
                    if y is None and way.rest is not None:
                        y = way.rest(a, b)
                if y is None and way.recorded is not None:
                    y = way.recorded(a, b)
                    if type(y) is _PLAIN:
                        y.__class__ = _CLASS[0]
            except WRONG:
                y = None
            return method(self, other) if y is None else y
        y = method(self, other)
        way.waits -= 1
        if way.waits <= 0 and policy is not None:
            way.bind(policy, (other, self) if reflected else (self, other), {}, y)
        return y

    call.__name__ = method.__name__
    return call


_DONE: dict[Answer, Answer] = {}
"""What functions of names have become."""


def shorten(functions: dict[str, Answer], methods: dict[str, Answer] | None = None) -> None:
    """Give names their short ways. An entry "Tensor.NAME" is for a method whose arguments are others than the function's."""
    methods = {} if methods is None else methods
    for module in WAYS:
        for entry in import_module(f".{module}", __package__).MAKERS:
            name = entry.removeprefix("Tensor.")
            f = methods.get(name) if name is not entry else functions.get(name, methods.get(name))
            if f is not None and f not in _DONE and not hasattr(f, "short"):
                _DONE[f] = shortened(entry, module, f)
    for names in (functions, methods):
        for name, f in names.items():
            source: Any = getattr(f, "assigned", None)  # what a function in place computes
            names[name] = assigning(_DONE[source], name) if source in _DONE else _DONE.get(f, f)
