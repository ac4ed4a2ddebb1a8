"""Public functions that answer their commonest small calls at once, from tensors to a tensor.

    @short("short_pools")
    def max_pool1d(x, kernel_size, ...):

Between such a function and the kernel that computes it lie checks, an op and its caller, which take longer than the arithmetic on
1,000 numbers. After some calls the function asks a module of dlengine.ops for a shorter way: MAKERS["max_pool1d"] is given the
backend's namespace and what makes a leaf of an array, and returns a function of the same arguments, which answers calls that
record nothing, or returns None. It is taken only if it gives, bit for bit, what the last call gave. Where it raises what a wrong
argument would raise, the function itself is asked and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from dlengine.kernels.graph_capture import NotCapturable
from dlengine.kernels.late import imported

from ..backend.switch import default_policy, scoped
from ..recording.answers import changed, mode
from ..recording.symbols import NotPointwise
from . import nvtx
from .base import TensorBase
from .declaration import PATIENCE, replaced
from .small import MORE_PATIENCE, leaf_maker

F = TypeVar("F", bound=Callable[..., Any])

UNUSUAL = 4 * PATIENCE
"""How many calls go by after one that has no shorter way."""

_taken: list[Short] = []


class Short:
    """What is known of a function's shorter way. policy: the one under which `bound` answers; None for none."""

    __slots__ = ("bound", "module", "name", "patience", "policy", "waits")

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module
        self.bound: Any = None
        self.policy: Any = None
        self.waits = self.patience = PATIENCE

    def find(self, xp: Any) -> Any:
        """The shorter way under a namespace, or None. Raises what says that there is none here."""
        return imported(f"dlengine.ops.{self.module}").MAKERS[self.name](xp, leaf_maker())

    def ready(self, y: Any) -> bool:
        """Whether a call with this result can be compared."""
        return not any([isinstance(t, TensorBase) and t.needs_grad for t in (y if isinstance(y, tuple) else (y,))])

    def tried(self, found: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What the way that was found gives for a call."""
        return None if found is None else found(*args, **options)

    def release(self) -> None:
        self.policy = None  # bound stays: another thread may be about to call it
        self.waits = self.patience = PATIENCE

    def bind(self, policy: Any, args: tuple[Any, ...], options: dict[str, Any], y: Any) -> None:
        """Look for a shorter way to the result y of a call; if that was recorded, at the next one."""
        if not self.ready(y):
            self.waits = 1
            return
        self.patience *= MORE_PATIENCE
        self.waits = self.patience
        try:
            xp = policy.spaces[np.ndarray]
        except (NotCapturable, NotPointwise):  # a step is recorded, or a formula is read: not the time to look
            self.waits = 1
            return
        if xp.generator != 0 or mode() != "auto" or nvtx.ENABLED:
            return
        launches = xp.kernels.launches
        counted = dict(launches)
        try:
            found = self.find(xp)
            answer = self.tried(found, args, options)
        except (*WRONG, ImportError, OSError, RuntimeError):  # a call that it does not take, or a foreign Python
            return
        finally:
            launches.subtract({name: n - counted.get(name, 0) for name, n in dict(launches).items()})  # looking is no call
        if answer is None:  # an unusual call; others may be usual
            self.waits = UNUSUAL
        elif _alike(answer, y):
            self.bound, self.policy = found, policy
            _taken.append(self)


WRONG = (AttributeError, IndexError, OverflowError, TypeError, ValueError)
"""What wrong arguments raise where nobody looks at them."""


def short(module: str) -> Callable[[F], F]:
    """Let a function answer by its entry in MAKERS of a module of dlengine.ops, once it is called often."""

    def decorate(function: F) -> F:
        return answering(function, Short(function.__name__, module))

    return decorate


def answering(function: F, way: Short) -> F:
    """A function that asks its shorter way first."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        policy = scoped()
        if policy is None and default_policy:
            policy = default_policy[0]
        if way.policy is policy is not None:
            try:
                y = way.bound(*args, **options)
            except WRONG:
                y = None
            return function(*args, **options) if y is None else y
        y = function(*args, **options)
        way.waits -= 1
        if way.waits <= 0 and policy is not None:
            way.bind(policy, args, options, y)
        return y

    call.short = way  # type: ignore[attr-defined]
    return cast(F, call)


def _alike(found: Any, y: Any) -> bool:
    """Whether two results are the same: leaves around arrays that are equal bit for bit."""
    if isinstance(y, tuple):
        return type(found) is type(y) and len(found) == len(y) and all(map(_alike, found, y))
    if not (type(found) is type(y) and isinstance(y, TensorBase)):
        return type(y) is bool and found is y
    if found.needs_grad is not y.needs_grad or found._view != y._view:
        return False
    a, b = found.array, y.array
    return type(a) is type(b) is np.ndarray and (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()


def _release() -> None:
    for way in _taken:
        way.release()
    _taken.clear()


changed.append(_release)
replaced.append(_release)
