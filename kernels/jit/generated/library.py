"""NumPy's own code for one function as the loop of a generated kernel, where its vector library is faster than the code here.

NumPy computes such a function on one thread. Called for a range of elements, its loop is shared by threads like any other, and
an element has the same bits whoever computes it. An object file only names a loop; where it is, the process says.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from ...generated.evaluate import function_of
from ...generated.expression import Expression
from .vectors import I64, POINTER


class _Ufunc(ctypes.Structure):
    """NumPy's public struct PyUFuncObject, up to the types of its loops."""

    _fields_ = [
        ("head", ctypes.c_byte * object.__basicsize__), ("nin", ctypes.c_int), ("nout", ctypes.c_int), ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int), ("functions", ctypes.POINTER(ctypes.c_void_p)), ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int), ("reserved", ctypes.c_int), ("name", ctypes.c_char_p), ("types", ctypes.POINTER(ctypes.c_char)),
    ]  # fmt: skip


def loop_at(function: np.ufunc, place: int) -> tuple[int, int]:
    """Where a function's loop for its types at that place is, and what it is given beside the arrays; 0 for nothing."""
    held = _Ufunc.from_address(id(function))
    return held.functions[place] or 0, (held.data[place] or 0) if held.data else 0


@dataclass(frozen=True)
class Library:
    """One loop of NumPy: its name in machine code, and whether it is given data beside the arrays."""

    name: str
    data: bool


@cache
def library(root: Expression) -> Library | None:
    """NumPy's loop for a formula of one function of inputs of the same dtype; None where it is not to be found."""
    function = function_of(root)
    if function is None or {e.dtype for e in root.args} != {root.dtype}:
        return None
    count, letters = function.nargs, root.dtype.char * len(root.args) + "->" + root.dtype.char
    held = _Ufunc.from_address(id(function))
    sizes = held.nin, held.nout, held.nargs, held.ntypes
    if letters not in function.types or sizes != (function.nin, function.nout, count, function.ntypes):
        return None
    if held.name != function.__name__.encode():
        return None  # another NumPy lays its functions out in another way
    place = function.types.index(letters)
    if {*held.types[place * count : (place + 1) * count]} != {root.dtype.num}:
        return None
    name = f"dlengine_numpy_{function.__name__}_{root.dtype.char}"
    loop, data = loop_at(function, place)
    llvm.add_symbol(name, loop)
    if data:
        llvm.add_symbol(f"{name}_data", data)
    return Library(name, bool(data))


def write_library(module: Any, found: Library, formula: Any, name: str) -> None:
    """Write `range(arrays, lo, hi)`, as loops.py describes it, for dense arrays and single numbers."""
    word = ir.PointerType(I64)
    body = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType(POINTER), I64, I64]), name=name)
    loop = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType(POINTER), word, word, POINTER]), name=found.name)
    b = ir.IRBuilder(body.append_basic_block("start"))
    table, lo, hi = body.args
    count = len(formula.inputs) + 1
    arrays, steps, size = b.alloca(POINTER, count), b.alloca(I64, count), b.alloca(I64)
    for i, mode in enumerate((*formula.modes, "f")):
        step = ir.Constant(I64, formula.dtype.itemsize if mode == "f" else 0)
        base = b.load(b.gep(table, [ir.Constant(I64, i)]))
        b.store(b.gep(b.bitcast(base, POINTER), [b.mul(lo, step)]), b.gep(arrays, [ir.Constant(I64, i)]))
        b.store(step, b.gep(steps, [ir.Constant(I64, i)]))
    b.store(b.sub(hi, lo), size)
    data: Any = ir.Constant(POINTER, None)
    if found.data:
        data = b.bitcast(ir.GlobalVariable(module, ir.IntType(8), name=f"{found.name}_data"), POINTER)
    b.call(loop, [arrays, size, steps, data])
    b.ret_void()
