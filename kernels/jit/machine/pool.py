"""The threads of parallel loops: a pool whose workers wait awake for a moment, and whose caller never waits for a sleeper.

A loop has a fixed number of parts. The caller publishes it, wakes workers that sleep, and takes the first part and then one
after the other; a worker that comes takes parts too. So a worker that is late, because its core slept or another process has
it, costs the caller nothing but the call that woke it: what it did not take is done. Its caller waits only for parts that a
worker has begun.

A worker that has no more to do looks for the next loop for up to AWAKE nanoseconds, then sleeps: on an idle machine it takes
30 us to wake and 5 to be woken, while one that is awake begins within 1. After loops that come one by one, further apart than
that, it halves its patience each time, so that it does not take time from others; the next two loops in a row restore it. And
for a loop whose parts took less than SHORT when they last ran nobody is woken, unless another came within AWAKE before it.

A worker that finds itself on the core on which the caller published its loop goes to another core for good. Linux wakes it
there where it knows of no idle core, and a virtual machine's Linux does not know of any that its host has put to sleep: the two
then took turns, and a loop took twice the time that one thread needs. Where the process has that core alone, the worker sleeps.

It is native code without Python's lock, and needs threads, semaphores and the clock of Linux; elsewhere Numba's layers do it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from typing import Any

import llvmlite.binding as llvm

from .pool_code import TEXT

AWAKE = 200_000
"""Nanoseconds for which a worker looks for the next loop at most. A call that has to wake one takes up to 60 us longer: with
50_000, loops of 40 us that once met a sleeping worker came too late for it ever after."""

LEAST = 1_000
"""Nanoseconds for which it looks at least."""

SHORT = 15_000
"""Nanoseconds of a part that is too short to wake anyone for, unless loops come one after the other."""

PAUSES = 4000
"""Turns for which the caller waits for parts that workers have begun, before it sleeps: about 100 us."""

_PAUSE = {"x86_64": ("llvm.x86.sse2.pause", "", ""), "aarch64": ("llvm.aarch64.hint", "i32", "i32 1")}
"""What a turn of waiting does: LLVM's function, the type of its argument, and the argument."""

_SLEEPS = 1 << 16


def supported() -> bool:
    """Whether this system has what the pool is made of."""
    return sys.platform == "linux" and platform.machine() in _PAUSE and ctypes.sizeof(ctypes.c_void_p) == 8


def text() -> str:
    """The pool in LLVM's language."""
    pause, kind, turn = _PAUSE[platform.machine()]
    words = {"pause": pause, "kind": kind, "turn": turn, "sleeps": _SLEEPS}
    words |= {"awake": AWAKE, "least": LEAST, "short": SHORT, "pauses": PAUSES}
    found = TEXT
    for word, value in words.items():
        found = found.replace(f"{{{word}}}", str(value))
    return found


_engine: Any = None  # owns the native code, in which the workers stay until the process ends


def start(workers: int) -> int:
    """Start so many workers, once in a process, and give the address of dlengine_pool. Raises OSError."""
    global _engine
    llvm.initialize_native_target()  # Numba does it too, when it first compiles
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0)  # it waits more than it computes
    _engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text()), machine)
    _engine.finalize_object()
    if ctypes.CFUNCTYPE(ctypes.c_int)(_engine.get_function_address("dlengine_pool_ready"))():
        raise OSError("the system has no semaphores for the threads of kernels")
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_engine))  # at the end of the process a worker may still be in its code
    worker = ctypes.c_void_p(_engine.get_function_address("dlengine_worker"))
    create = ctypes.CDLL(None).pthread_create
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # signals are for Python's threads
    try:
        for _ in range(workers):
            thread = ctypes.c_ulong()
            if status := create(ctypes.byref(thread), None, worker, None):
                raise OSError(status, f"a thread for kernels cannot be started: {os.strerror(status)}")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return int(_engine.get_function_address("dlengine_pool"))
