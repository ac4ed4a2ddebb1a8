"""A call of one of NumPy's elementwise functions for small arrays, as a C function from tensors to a tensor.

NumPy's loop over 16 numbers takes 0.05 us; asking NumPy for it takes 0.3, and the Python between a tensor and NumPy 1.0. The
function here looks at its arguments, makes the result and calls NumPy's own loop, so that every bit is as NumPy has it:

    one(x) or two(a, b)           # a tensor, or None where Python has to look at the call

Arguments are tensors of any class, need no gradient, hold dense float32 or float64 arrays, two of them of one shape; one of
two may be a Python number. What it needs of the process (types, loops, places in memory) lies in a table that is passed as
`self`, so that the code, which is the same for all functions, can be kept on disk.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from string import Template
from typing import Any

import numpy as np

from . import machine
from .entry import BYTES_AT, DATA_AT, DENSE, DESCR_AT, DIMS_AT, FLAGS_AT, NDIM_AT, TYPE_AT, helpers
from .library import loop_at
from .small_calls_code import CODE as CALLS
from .small_chains_code import CODE as CHAINS
from .small_chains_code import PLACES, STEP
from .small_tensor_code import CODE as TENSORS

MOST = 4096
"""Elements beyond which the time around a loop does not matter."""

_EXACT = 1 << 24
"""Integers up to here are float32 values, too."""

_FLOAT_AT = 16
"""Where a Python float keeps its value."""

_STRIDES_AT, _BASE_AT, _KIND_AT = 40, 48, 24
"""Where an array keeps its strides and the object whose memory it shows, and a dtype its letter of kind."""

_VIEW = sys.intern("_view")

_MEMBER_AT, _OFFSET_AT = 40, 16
"""Where the descriptor of a slot keeps its PyMemberDef, and that the place of the slot in an object."""

_UFUNC_TYPES_AT = 64
"""Where a ufunc keeps the letters of its loops' types: NumPy's public struct."""

_NEW_FROM_DESCR, _SET_BASE_OBJECT = 94, 282
"""The places of PyArray_NewFromDescr and PyArray_SetBaseObject among NumPy's C functions."""

_PARENT_AT = 256
"""Where a class keeps the one it is derived from."""

_LENGTH_AT, _ITEMS_AT = 16, 24
"""Where a tuple keeps its length and its items."""

_NAMES = ("one", "two", "leaf", "range", "total", "held", "view", "broadcast", "wide", "chain", "select1", "select4", "select8")

SLOTS = ("array", "node", "needs_grad", "version")

_WORDS = (
    "tensor", "ndarray", "float", "int", "none", "false", "zero", "incref", "decref", "alloc", "list", "set_item", "new_array",
    "as_long", "set_attr", "view", "true", "tuple", "set_base", *SLOTS, "numbers",
    "threads", "from_long", "vectorcall", "result",
    *[f"{word}{size}" for size in (4, 8) for word in ("descr", "most", "loop", "data", "result", "itemsize", "least")],
)  # fmt: skip

def bound(ufunc: np.ufunc, cls: type, most: tuple[int, int], numbers: bool) -> Callable[..., Any] | None:
    """A ufunc of one or two arguments as a function of tensors; None where this process lays out its objects in another way.

    Parameters
    ----------
    ufunc : numpy.ufunc
        What is called.
    cls : type
        The class of the result, a class of tensors with the slots of SLOTS.
    most : tuple of int
        The number of elements of float32 and of float64 from which on Python is asked.
    numbers : bool
        Whether one of two arguments may be a Python number.
    """
    loops = [_loop(ufunc, letter, limit) for letter, limit in zip("fd", most, strict=True)]
    return bound_loops(loops, cls, _BY_COUNT[ufunc.nin], numbers)


def generated(found: Mapping[int, tuple[int, int, Any]], cls: type, count: int) -> Callable[..., Any] | None:
    """The same of generated code for dense arrays of one shape.

    Parameters
    ----------
    found : mapping of int to tuple
        For itemsize 4, 8 or both: the place of the code for a range of elements (`machine.Request.range`), the most elements, and
        the dtype of the result.
    cls : type
        The class of the result.
    count : int
        The number of arguments: 1 or 2.
    """
    loop = place_of("range")
    words = [(most, loop, place, id(dtype), dtype.itemsize) for place, most, dtype in _both(found)]
    return bound_loops([w if w[2] else None for w in words], cls, _BY_COUNT[count], False)


def wide(found: Mapping[int, tuple[Any, int, int, Any]], cls: type, threads: int) -> Callable[..., Any] | None:
    """Generated kernels of large dense arrays of one shape, shared by threads, from tensors to a tensor.

    Parameters
    ----------
    found : mapping of int to tuple
        For itemsize 4, 8 or both: the kernel's entry point (machine.py keeps them all), the elements from which on it is called,
        the elements that each thread should have, and the dtype of the result.
    cls : type
        The class of the result.
    threads : int
        The place of a C function that says how many threads this one may use.
    """
    shared, api = _process(cls), ctypes.pythonapi
    if shared is None:
        return None
    held = dict(shared, threads=threads)
    for word, called in (("from_long", api.PyLong_FromLongLong), ("vectorcall", api.PyObject_Vectorcall)):
        held[word] = ctypes.cast(called, ctypes.c_void_p).value or 0
    for size, (entry, least, grain, dtype) in found.items():
        words = {"descr": id(np.dtype(f"f{size}")), "most": sys.maxsize, "loop": id(entry), "data": grain, "result": id(dtype)}
        held |= {f"{word}{size}": value for word, value in (words | {"least": least}).items()}
    function: Callable[..., Any] = machine.as_function(place_of("wide"), _table(held))
    return function


def total(found: Mapping[int, tuple[int, int, Any]], cls: type, counted: bool) -> Callable[..., Any] | None:
    """Of one argument, reduced to one number by generated code; counted: whether that takes the number of elements."""
    words = [(most, 0, place, id(dtype), dtype.itemsize) for place, most, dtype in _both(found)]
    return bound_loops([w if w[2] else None for w in words], cls, "total", counted)


def _both(found: Mapping[int, tuple[int, int, Any]]) -> list[tuple[int, int, Any]]:
    return [found.get(size, (0, 0, np.dtype("f4"))) for size in (4, 8)]


def bound_loops(loops: Sequence[Any], cls: type, name: str, numbers: int) -> Callable[..., Any] | None:
    """One of the functions of _NAMES, with the words of the table that belong to float32 and to float64; None for a dtype that it
    does not take. numbers: what the word of that name says."""
    shared = _process(cls)
    if shared is None or not any(loops):
        return None
    held = dict(shared, numbers=int(numbers))
    for size, found in zip((4, 8), loops, strict=True):
        words = ("most", "loop", "data", "result", "itemsize")
        held |= {f"{word}{size}": value for word, value in zip(words, found or (0,) * 5, strict=True)}
        held[f"descr{size}"] = id(np.dtype(f"f{size}")) if found else 0
    how = machine.ONE_OBJECT if name == "total" else machine.FASTCALL
    function: Callable[..., Any] = machine.as_function(place_of(name), _table(held), how)
    return function


def leaf(cls: type) -> Callable[[Any], Any] | None:
    """What makes a tensor that needs no gradient around an array, whatever its type; None where that cannot be."""
    held = _process(cls)
    return None if held is None else machine.as_function(place_of("leaf"), _table(held), machine.ONE_OBJECT)


def views(cls: type) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]] | None:
    """Two functions for views: `held` gives the array of a tensor that needs no gradient, else None; `view` is given a tensor and
    an array that an op made of its array, and makes a tensor of that, which counts writes with the other where memory is shared.
    """
    shared = _process(cls)
    if shared is None:
        return None
    table = _table(shared)
    return machine.as_function(place_of("held"), table, machine.ONE_OBJECT), machine.as_function(place_of("view"), table)


def broadcast(cls: type) -> Callable[[Any, Any], Any] | None:
    """What shows a tensor in a shape to which it broadcasts, or returns None; None where that cannot be."""
    held = _process(cls)
    return None if held is None else machine.as_function(place_of("broadcast"), _table(held))


def _table(held: dict[str, int]) -> bytes:
    return struct.pack(f"={len(_WORDS)}Q", *[held.get(word, 0) for word in _WORDS])


def _loop(ufunc: np.ufunc, letter: str, most: int) -> tuple[int, int, int, int, int] | None:
    """The most elements, a ufunc's loop for a dtype, what that is given, and the dtype of the result with its itemsize."""
    inputs = letter * ufunc.nin
    for i, kinds in enumerate(ufunc.types):
        given, _, result = kinds.partition("->")
        if given == inputs and result in (letter, "?"):
            dtype = np.dtype(result)
            return min(most, MOST), *loop_at(ufunc, i), id(dtype), dtype.itemsize
    return None


def _pointer(at: int) -> int:
    return ctypes.c_size_t.from_address(at).value


@cache
def _process(cls: type) -> dict[str, int] | None:
    """The words of the table that are the same for all functions; None on a foreign layout."""
    api, math = ctypes.pythonapi, import_module("numpy._core._multiarray_umath")

    def address(function: Any) -> int:
        return ctypes.cast(function, ctypes.c_void_p).value or 0

    pointer = api.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_size_t, [ctypes.py_object, ctypes.c_char_p]
    held = {
        "tensor": id(_array_slot(cls).__objclass__), "result": id(cls), "ndarray": id(np.ndarray), "float": id(float),
        "int": id(int), "none": id(None), "false": id(False), "zero": id(0),
        "incref": address(api.Py_IncRef), "decref": address(api.Py_DecRef),
        "alloc": address(api.PyType_GenericAlloc), "list": address(api.PyList_New), "set_item": address(api.PyList_SetItem),
        "new_array": _pointer(pointer(math._ARRAY_API, None) + 8 * _NEW_FROM_DESCR),
        "as_long": address(api.PyLong_AsLongLongAndOverflow), "set_attr": address(api.PyObject_SetAttr), "view": id(_VIEW),
        "true": id(True), "tuple": id(tuple), "set_base": _pointer(pointer(math._ARRAY_API, None) + 8 * _SET_BASE_OBJECT),
    }  # fmt: skip
    for name in SLOTS:
        held[name] = _pointer(_pointer(id(getattr(cls, name)) + _MEMBER_AT) + _OFFSET_AT)
    return held if _usual(cls, held) else None


def _array_slot(cls: Any) -> Any:
    """The descriptor of a tensor's array, whose class every class of tensors is derived from."""
    return cls.array


def _usual(cls: type, places: dict[str, int]) -> bool:
    """Whether tensors, Python floats and ufuncs lie in memory as the code here reads them."""
    t: Any = object.__new__(cls)
    marks = [object() for _ in SLOTS]
    for name, mark in zip(SLOTS, marks, strict=True):
        setattr(t, name, mark)
    slots = all(_pointer(id(t) + places[name]) == id(mark) for name, mark in zip(SLOTS, marks, strict=True))
    letters = ctypes.string_at(_pointer(id(np.exp) + _UFUNC_TYPES_AT), 2 * np.exp.ntypes)
    number = ctypes.c_double.from_address(id(_NUMBER) + _FLOAT_AT).value == _NUMBER
    a = np.zeros((2, 3), np.float32)
    pair = (a, cls)
    items = [_pointer(id(pair) + at) for at in (_LENGTH_AT, _ITEMS_AT, _ITEMS_AT + 8)] == [2, id(a), id(cls)]
    strides = ctypes.c_int64.from_address(_pointer(id(a) + _STRIDES_AT)).value == a.strides[0]
    bases = _pointer(id(a[0]) + _BASE_AT) == id(a) and ctypes.string_at(id(a.dtype) + _KIND_AT, 1) == b"f"
    parent = _pointer(id(cls) + _PARENT_AT) == id(cls.__base__)
    same = parent and slots and number and items and strides and bases
    return same and letters[:1] == np.dtype(np.exp.types[0][0]).num.to_bytes()


_NUMBER = 0.1875


_BY_COUNT = {1: "one", 2: "two"}


def place_of(name: str) -> int:
    """Where a function of _NAMES is."""
    return _addresses()[_NAMES.index(name)]


@cache
def _addresses() -> tuple[int, ...]:
    """Where the functions of _NAMES are."""
    name = "dlengine_small_calls"
    return machine.linked(name, _text(name), tuple([f"{name}_{function}" for function in _NAMES]))


def _text(name: str) -> str:
    places = {
        "NAME": name, "BYTES": BYTES_AT, "TYPE": TYPE_AT, "DATA": DATA_AT, "NDIM": NDIM_AT, "DIMS": DIMS_AT, "DESCR": DESCR_AT,
        "FLAGS": FLAGS_AT, "BASE": _BASE_AT, "STRIDES": _STRIDES_AT, "LENGTH": _LENGTH_AT, "ITEMS": _ITEMS_AT,
        "KIND": _KIND_AT, "PARENT": _PARENT_AT, "FLOAT": _FLOAT_AT, "EXACT": _EXACT, "DENSE": DENSE,
        "PLACES": PLACES, "STEP": STEP,
    }  # fmt: skip
    return helpers() + Template(TENSORS + CALLS + CHAINS).substitute(places | {word: i for i, word in enumerate(_WORDS)})
