"""Parallel loops that survive a fork.

A forked child has none of its parent's worker threads. The OpenMP layer ends such a child at its first parallel loop, and
others wait for the missing threads for ever. So machine code is linked to a function of ours instead of the layer's: it
passes each loop on to the layer, and in a forked child runs its parts one after the other. The parts are cut as before, so
a child computes the same bits.

It is native code, since a loop may be entered without Python's lock, and costs one comparison per parallel loop.
"""

from __future__ import annotations

import ctypes
import os
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
from numba.core import config as numba_config

from . import pool

config: Any = numba_config  # which its type hints leave empty


_forked = ctypes.c_int32(0)
"""Whether this process is a forked child; read by the native code."""

_PARALLEL_FOR = """
define void @dlengine_parallel_for(
    ptr %loop, ptr %args, ptr %sizes, ptr %steps, ptr %data, i64 %inner, i64 %arrays, i32 %threads) {{
entry:
  %flag = load volatile i32, ptr inttoptr (i64 {flag} to ptr)
  %forked = icmp ne i32 %flag, 0
  br i1 %forked, label %serial, label %shared
shared:
  %layer = inttoptr i64 {layer} to ptr
  {before}
  call void %layer(ptr %loop, ptr %args, ptr %sizes, ptr %steps, ptr %data, i64 %inner, i64 %arrays, i32 %threads)
  {after}
  ret void
serial:
  call void %loop(ptr %args, ptr %sizes, ptr %steps, ptr %data)
  ret void
}}
"""
"""parallel_for of numba/np/ufunc (omppool.cpp): %sizes[0] parts; %loop runs as many as it is told, %steps apart in %args."""

_BEFORE = "%get = inttoptr i64 {get} to ptr\n  %before = call i32 %get()"
_AFTER = "%set = inttoptr i64 {set} to ptr\n  call void %set(i32 %before)"
"""Numba's layers leave %threads as the calling thread's number of threads; a small share of work must not lower it for good."""

_engine: Any = None  # owns the native code, which is called until the process ends


def layer_module(layer: str) -> Any:
    """Numba's module of its layer omp, tbb or workqueue."""
    return import_module(f"numba.np.ufunc.{ {'omp': 'omppool', 'tbb': 'tbbpool'}.get(layer, layer) }")


def survive_fork(layer: str) -> None:
    """Link all code that is compiled or loaded from now on to the loop above; to be called once, when the layer has started.

    layer: tbb, omp or workqueue of Numba, or "own" for our pool.
    """
    global _engine
    if layer == "own":
        address, get, set_again = pool.start(int(config.NUMBA_NUM_THREADS) - 1), "", ""
    else:
        module = layer_module(layer)
        get, set_again = _BEFORE.format(get=module.get_num_threads), _AFTER.format(set=module.set_num_threads)
        address = module.parallel_for
    text = _PARALLEL_FOR.format(flag=ctypes.addressof(_forked), layer=address, before=get, after=set_again)
    llvm.initialize_native_target()  # Numba does it too, when it first compiles
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    _engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    _engine.finalize_object()
    llvm.add_symbol("numba_parallel_for", _engine.get_function_address("dlengine_parallel_for"))

    def after_in_child() -> None:
        _forked.value = 1

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=after_in_child)
