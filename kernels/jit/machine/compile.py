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

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import numba
import numba.extending
import numpy as np
from numba.extending import register_jitable

from ...types import Array
from .fork import survive_fork
from .store import Store

F = TypeVar("F", bound=Callable[..., Any])

FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}  # never "nnan" or "ninf": isnan would be folded away
PARALLEL = {"prange": True} | dict.fromkeys(
    ("comprehension", "fusion", "inplace_binop", "numpy", "reduction", "setitem", "stencil"), False
)  # only the loops that say so: whole-array expressions inside a thread's share must stay serial

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
    start_threads()
    return min(int(numba.get_num_threads()), units)


SHARE = 10_000
"""Nanoseconds of work that a thread must have to do: waking one takes 1 to 5 on an idle machine, and far more on a busy one."""


def threads_for(units: int, nanoseconds: float) -> int:
    """How many threads share this many units of work, which one thread would do in so many nanoseconds."""
    return 1 if nanoseconds < 2 * SHARE else thread_count(min(units, int(nanoseconds // SHARE)))


@cache
def start_threads() -> None:
    """Start Numba's workers, with less patience for the GNU OpenMP layer unless the user has set some.

    By default they spin for milliseconds after each parallel region. Where other processes want the cores, a spinning
    worker uses up its time slice and the next region waits for its turn: a step of 0.77 ms that shared two cores with
    another took 8.3 ms with 10,000 turns, 1.8 with 1000, 1.24 with 300 and 1.11 with 100; alone it took 2 % longer with
    100 than with 300. The library reads the variable once, when it is loaded.
    """
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = "300"
    numba.get_num_threads()
    if not chosen:
        del os.environ["GOMP_SPINCOUNT"]
    survive_fork(numba.threading_layer(), _layer_lock)


def in_parallel(function: Callable[..., Any], *args: Any) -> Any:
    """Call machine code that may enter the layer of threads, which must have been started.

    Two threads entering the workqueue layer at once abort the process; the others take care of themselves.
    """
    global _layer_is_safe
    if _layer_is_safe:
        return function(*args)
    with _layer_lock:
        result = function(*args)
        _layer_is_safe = numba.threading_layer() != "workqueue"
    return result


def dense(x: Array) -> Array:
    """x as a C-contiguous, aligned array that Numba types as writable, so that each kernel compiles once per dtype.

    Copies only where the layout demands it. A read-only array comes back as a view on the same memory: kernels never
    write to their inputs.
    """
    flags = x.flags
    if flags.carray and x.dtype.isnative:  # all of it in one question
        return x
    if not flags.c_contiguous or not flags.aligned or not x.dtype.isnative:
        return np.array(x, x.dtype.newbyteorder("="), order="C")
    return x if flags.writeable else np.asarray(_Writable(x))


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

    A kernel with prange is compiled in two forms, each when it is first needed: for several threads, and for one. The first
    wakes a thread of the pool even for one share of work, which takes 20 us on an idle machine and 70 on a busy one, where the
    arithmetic on a small array takes less than one.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any], parallel: bool) -> None:
        self.py_func = function
        self.parallel = parallel
        self.options = options
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        self.threads_at = names.index("threads") if parallel and "threads" in names else None
        self.dispatcher = self._compiled("parallel" if parallel else "serial")
        self._serial: Callable[..., Any] | None = None

    def _compiled(self, form: str) -> Any:
        njit: Any = numba.njit  # which its type hints give a narrower argument `parallel`
        dispatcher = njit(parallel=PARALLEL if form == "parallel" else False, **self.options)(self.py_func)
        dispatcher._cache = Store(self.py_func, form)
        return dispatcher

    def _serial_form(self) -> Callable[..., Any]:
        """The form for one thread, made once: machine code that lost a race of two threads would be unloaded under its users."""
        with _form_lock:
            serial = self._serial
            if serial is None:
                start_threads()  # loading any code of Numba may load the library, which reads its settings only once
                serial = self._serial = self._compiled("serial")
            return serial

    def __call__(self, *args: Any) -> Any:
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


def jit(*, parallel: bool = True, exact: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Make an entry point. parallel: whether it uses prange. exact: keep the order and rounding of every operation."""
    return lambda function: Kernel(function, _options(exact), parallel)


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
