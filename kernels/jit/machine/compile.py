"""The one way from a Python function to machine code, shared by every kernel of this set.

Two decorators, and plain Python below both:

- `jit` makes an entry point: what a launcher calls from Python. It may use `prange`.
- `inner` marks a function that entry points call. To Python it stays an ordinary function.

Because inner functions stay ordinary, `interpreted()` runs any kernel as plain Python all the way down, with NumPy
checking every index. What Python cannot run (vector intrinsics) is an ordinary function too, with its machine code as
an overload.

Options, the same everywhere: IEEE NaN and infinities are kept, sums may be reordered and multiply-adds contracted. With
`exact=True` nothing is reordered or contracted, which is what makes random numbers bit-equal to the other kernel sets.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import numba
import numba.extending
import numpy as np
from numba.core import config as numba_config
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import register_jitable

from ...late import hold_at_fork
from ...types import Array
from . import pool, shares
from .entries import MISSED, entry
from .fork import layer_module, survive_fork
from .store import Store

F = TypeVar("F", bound=Callable[..., Any])
config: Any = numba_config  # which its type hints leave empty

FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}  # never "nnan" or "ninf": isnan would be folded away
PARALLEL = {"prange": True} | dict.fromkeys(
    ("comprehension", "fusion", "inplace_binop", "numpy", "reduction", "setitem", "stencil"), False
)  # only the loops that say so: whole-array expressions inside a thread's share must stay serial

PATIENCE, MORE_PATIENCE = 512, 8
"""Calls of a kernel after which a short way to it pays, and how many times as many go by until others are looked for."""

_interpreted: ContextVar[bool] = ContextVar("interpreted", default=False)
_form_lock = threading.RLock()
_layer_lock = threading.RLock()
_layer_is_safe = False


@contextmanager
def interpreted() -> Iterator[None]:
    """Run kernels as plain Python inside this context: slow, every index checked, every line seen by coverage."""
    token = _interpreted.set(True)
    try:
        yield
    finally:
        _interpreted.reset(token)


is_interpreted = _interpreted.get
"""Whether interpreted() is in force."""


def thread_count(units: int) -> int:
    """How many threads share this many units of work. Kernels take it as an argument: asking inside defeats the cache."""
    if units <= 1:  # asking Numba takes longer than a small kernel
        return 1
    if _interpreted.get():
        return min(2, units)
    return min(start_threads()(), units)


SHARE = 5_000
"""Nanoseconds of work that a thread must have to do: one that is awake begins within 1,000; to wake one costs 7,000."""


def threads_for(units: int, nanoseconds: float) -> int:
    """How many threads share this many units of work, which one thread would do in so many nanoseconds."""
    return 1 if nanoseconds < 2 * SHARE else thread_count(min(units, int(nanoseconds // SHARE)))


@cache
def start_threads() -> Callable[[], int]:
    """Start the workers that share loops: our own (see pool.py), or Numba's where that cannot run or the user has chosen.

    Returns what says how many threads this one may use: Numba's number, without the lock that numba.get_num_threads takes.
    """
    return ctypes.PYFUNCTYPE(ctypes.c_int)(threads_asked_at())


_asked_at: list[int] = []
_starting = threading.RLock()
hold_at_fork(_layer_lock, _form_lock, global_compiler_lock, _starting)  # a child has no half-started threads either


def threads_asked_at() -> int:
    """Where that function is, in C; its threads have been started."""
    with _starting:  # several threads may call their first kernel at once
        if not _asked_at:
            numba.get_num_threads()  # links Numba's layer, which ours must come after
            survive_fork(layer())
            _asked_at.append(int(layer_module(str(numba.threading_layer())).get_num_threads))
    return _asked_at[0]


def layer() -> str:
    """What shares loops: "own", or Numba's omp, tbb or workqueue, which are known when threads have been started."""
    return "own" if pool.supported() and config.THREADING_LAYER == "default" else str(numba.threading_layer())


def in_parallel(function: Callable[..., Any], *args: Any) -> Any:
    """Call machine code that may enter the layer of threads, which must have been started.

    Two threads entering the workqueue layer at once abort the process; the others take care of themselves.
    """
    global _layer_is_safe
    if _layer_is_safe:
        return function(*args)
    with _layer_lock:
        result = function(*args)
        _layer_is_safe = layer() != "workqueue"
    return result


def dense(x: Array) -> Array:
    """x as a C-contiguous, aligned array that Numba types as writable, so that each kernel compiles once per dtype.

    Copies only where the layout demands it. A read-only array comes back as a view on the same memory: kernels never
    write to their inputs.
    """
    flags = x.flags
    if flags.carray and x.dtype.isnative:  # all of it in one question
        return x
    if not x.dtype.isnative:
        return np.array(x, x.dtype.newbyteorder("="), order="C")
    if not flags.c_contiguous or not flags.aligned:
        return laid_out(x)
    return x if flags.writeable else np.asarray(_Writable(x))


def laid_out(x: Array) -> Array:
    """A copy of x in the order of its axes, whose memory is dense."""
    y = np.empty(x.shape, x.dtype)
    if x.nbytes >= LARGE and writers:
        writers[0](y, x)
    else:
        y[...] = x
    return y


LARGE = 1 << 16
"""Bytes from which on copies may be faster than NumPy's on one thread, for some layouts."""

writers: list[Callable[[Array, Array], None]] = []
"""What copies one large array to another, once that is loaded (generated/copies.py)."""


def flat(x: Array) -> Array:
    """The elements of an array in one row, as `dense` gives them."""
    x = dense(x)
    return x if x.ndim == 1 else x.reshape(-1)


class _Writable:
    """A read-only array under an interface that does not say so; keeps the array alive."""

    def __init__(self, array: Array) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.array = array


class Kernel:
    """A compiled entry point. Compiles on its first call for each dtype, or loads what an earlier process compiled.

    The loops of a kernel with prange are cut out of it (see shares.py): the thread that calls runs them where there is one
    part, the pool where there are several. A kernel of another form is left to Numba and compiled in two, each when it is first
    needed: for several threads, and for one. The first wakes a thread of the pool even for one share of work, which takes 20 us
    on an idle machine and 70 on a busy one, where the arithmetic on a small array takes less than one.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any], parallel: bool, flat: bool = False) -> None:
        self.py_func = function
        self.flat = flat
        self.parallel = parallel
        self.options = options
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        self.threads_at = names.index("threads") if parallel and "threads" in names else None
        self.outlined = shares.outlined(function, options) if self.threads_at is not None else None
        self.dispatcher = self._compiled("outlined" if self.outlined else "parallel" if parallel else "serial")
        self._serial: Callable[..., Any] | None = None
        self.entries: tuple[Callable[..., Any], ...] = ()
        """Short ways to what is compiled, one for each signature; see entries.py."""
        self._waits, self._patience = PATIENCE, PATIENCE

    def _compiled(self, form: str) -> Any:
        njit: Any = numba.njit  # which its type hints give a narrower argument `parallel`
        dispatcher = njit(parallel=PARALLEL if form == "parallel" else False, **self.options)(self.outlined or self.py_func)
        dispatcher._cache = Store(self.py_func, form)
        return dispatcher

    def _serial_form(self) -> Callable[..., Any]:
        """The form for one thread, made once: machine code that lost a race of two threads would be unloaded under its users."""
        with _form_lock:
            serial = self._serial
            if serial is None:
                start_threads()  # loading any code of Numba may load the library, which reads its settings only once
                serial = self._serial = self.dispatcher if self.outlined else self._compiled("serial")
            return serial

    def __call__(self, *args: Any) -> Any:
        if not _interpreted.get():
            for quick in self.entries:
                found = quick(*args)
                if found is not MISSED:
                    return found
        found = self._dispatched(*args)
        self._waits -= 1
        if self._waits <= 0:
            self._enter()
        return found

    def _enter(self) -> None:
        """Make short ways to all that has been compiled: this is called often enough to pay for them."""
        self._patience *= MORE_PATIENCE
        self._waits = self._patience
        if self.parallel and not self.outlined:  # the form for one thread is another
            return
        try:
            single = self.threads_at if self.threads_at is not None and layer() == "workqueue" else None  # see in_parallel
            made = [entry(compiled, single, self.flat) for compiled in [*self.dispatcher.overloads.values()]]
        except (AttributeError, ImportError, OSError, RuntimeError):  # a foreign Python, NumPy or Numba
            return
        self.entries = tuple([quick for quick in made if quick is not None])

    def _dispatched(self, *args: Any) -> Any:
        if self.flat:
            args = tuple([a.reshape(-1) if type(a) is np.ndarray and a.ndim != 1 else a for a in args])
        serial = self._serial
        if serial is not None and args[self.threads_at] == 1 and not _interpreted.get():  # type: ignore[index]
            return serial(*args)
        if _interpreted.get():
            with np.errstate(all="ignore"):  # machine code does not warn either
                return self.py_func(*args)
        if self.threads_at is not None and args[self.threads_at] == 1:
            return self._serial_form()(*args)
        if not self.parallel:
            return self.dispatcher(*args)
        if not _layer_is_safe:
            start_threads()  # before the code of a parallel loop is linked
        return in_parallel(self.dispatcher, *args)


def jit(*, parallel: bool = True, exact: bool = False, flat: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Make an entry point. parallel: whether it uses prange. exact: keep the order and rounding of every operation.

    flat: whether all arrays that it takes are vectors, in whose place it is given dense arrays of any shape.
    """
    return lambda function: Kernel(function, _options(exact), parallel, flat)


def inner(*, exact: bool = False, inline: bool = False) -> Callable[[F], F]:
    """Mark a function for use inside entry points; Python can go on calling it.

    A loop that stores its results must be exact: it becomes vector code that runs only where the arrays lie far enough
    apart in memory, beside scalar code for where they do not, and with licence to reorder the two round differently.
    """
    options = _options(exact) | ({"forceinline": True} if inline else {})

    def mark(function: F) -> F:
        register_jitable(**options)(function)
        return function

    return mark


def intrinsic(function: Callable[..., Any]) -> Any:
    """Define a function of compiled code by its machine code: numba.extending.intrinsic, typed as what callers call."""
    return numba.extending.intrinsic(function)


def _options(exact: bool) -> dict[str, Any]:
    return {"fastmath": False if exact else FASTMATH, "error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}


@inner()
def signed(index: Any) -> Any:
    """The index of a parallel loop, for large functions that take it.

    It is unsigned inside the loop and signed where types are worked out: a function that is given it as it is gets compiled
    twice, which took a quarter of the time that the recurrent kernels need.
    """
    return np.int64(index)
