"""A compiled kernel as a C function of its own, which costs less to call than Numba's dispatcher.

The dispatcher works out the type of every argument and makes a counted holder for the memory of each array, which takes 0.3 to
0.6 us; the arithmetic on 1,000 numbers takes less. The function here looks whether its arguments are of the types for which the
kernel was compiled, hands their addresses and sizes to the machine code, and returns MISSED where anything else comes. What it
needs of the process and of the kernel lies in a table that is passed as `self`, so that the code, which is the same for all
kernels with arguments of these kinds, can be kept on disk.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numba.core import types as numba_types
from numba.np.numpy_support import as_dtype

types: Any = numba_types  # which its type hints leave empty

MISSED: Any = NotImplemented
"""What such a function returns where its arguments are not those that it takes."""

UNLOCKED = 4096
"""From this many elements of all arrays together on, Python's lock is released meanwhile."""

MOST_AXES, MOST_RESULTS = 4, 8

RETURNED_NONE = -2
"""What Numba's machine code answers where it has no result; 0 where it has one, else an error."""

_WORDS = (
    "ndarray", "int", "float", "none", "true", "false", "incref", "as_long", "save", "restore", "no_memory", "missed",
    "from_long", "from_float", "new_tuple", "set_item", "code",
)  # fmt: skip
"""The head of a table; what `_own_words` says of each argument follows."""

_FLOAT_AT, _ITEMS_AT = 16, 24
"""Where a Python float keeps its value, and a tuple its items."""


def entry(compiled: Any, single: int | None, flat: bool = False) -> Callable[..., Any] | None:
    """A function for a kernel that Numba has compiled; None for arguments or results of other kinds than are known here.

    Parameters
    ----------
    compiled : numba.core.compiler.CompileResult
        The kernel for one signature.
    single : int, optional
        The place of an argument that must be the integer 1.
    flat : bool
        Whether the elements of an array in any shape are taken where a vector is.
    """
    signature, machine = compiled.signature, import_module("dlengine.kernels.jit.generated.machine")
    kinds, returns = [_kind(argument) for argument in signature.args], _returned(signature.return_type)
    parts = [part for kind in kinds for part in kind.split("_")]
    if "" in parts or returns is None:
        return None
    native = compiled.target_context.call_conv.get_function_type(signature.return_type, signature.args)
    if [_plain(native.return_type), *map(_plain, native.args)] != ["i32", "ptr", "ptr", *_handed(parts)]:
        return None  # another Numba hands arguments on in another way
    place = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    if not place:
        return None
    if single is not None:
        kinds[single] = "1"
    if flat:
        kinds = ["f1" if kind == "a1" else kind for kind in kinds]
    words = [*_process(), place, *[word for argument in signature.args for word in _own_words(argument)]]
    found: Callable[..., Any] = machine.as_function(_place(tuple(kinds), tuple(returns)), struct.pack(f"={len(words)}Q", *words))
    return found


@cache
def _place(kinds: tuple[str, ...], returns: tuple[str, ...]) -> int:
    """Where the code for arguments and results of these kinds is."""
    name = "_".join(["dlengine_entry", *kinds, "gives", *returns])
    linked = import_module("dlengine.kernels.jit.generated.machine").linked
    return int(linked(name, _text(name, kinds, returns), (name,), shown=False)[0])


def _kind(argument: Any) -> str:
    """What an argument is: an array of so many axes, an integer, a float, a boolean, None; "" for all else.

    A named tuple is T and the number of its fields, followed by what these are.
    """
    if isinstance(argument, types.BaseNamedTuple):
        fields = [_kind(field) for field in argument]
        return "_".join([f"T{len(fields)}", *fields]) if fields else ""
    if type(argument) is types.Array:
        dense = argument.layout == "C" and argument.aligned and argument.mutable and 1 <= argument.ndim <= MOST_AXES
        number = isinstance(argument.dtype, (types.Integer, types.Float, types.Boolean))
        return f"a{argument.ndim}" if dense and number else ""
    return {types.int64: "i", types.float64: "d", types.boolean: "b", types.none: "n"}.get(argument, "")


def _own_words(argument: Any) -> list[int]:
    """What a table says of an argument: a named tuple's class, an array's dtype and the size of its elements."""
    if isinstance(argument, types.BaseNamedTuple):
        return [id(argument.instance_class), *[word for field in argument for word in _own_words(field)]]
    if not isinstance(argument, types.Array):
        return []
    dtype = as_dtype(argument.dtype)
    return [id(dtype), dtype.itemsize]


def _returned(result: Any) -> list[str] | None:
    """The kinds of the numbers that a kernel returns, "t" before those of a tuple; None for other results."""
    if result == types.none:
        return []
    parts = ["t", *map(_kind, result.types)] if isinstance(result, types.BaseTuple) else [_kind(result)]
    return parts if {*parts} <= {"t", "i", "d", "b"} and parts != ["t"] and len(parts) <= MOST_RESULTS else None


def _plain(kind: Any) -> str:
    return "ptr" if str(kind).endswith("*") else str(kind)


def _handed(kinds: list[str]) -> list[str]:
    """The types of what the machine code of a kernel is given, as Numba spreads its arguments out, fields of tuples too."""
    found: list[str] = []
    for kind in kinds:
        if kind[0] == "T":
            continue
        number = {"i": "i64", "d": "double", "b": "i8", "n": "ptr"}.get(kind)
        found += [number] if number else ["ptr", "ptr", "i64", "i64", "ptr", *["i64"] * 2 * int(kind[1:])]
    return found


class _Text:
    """The lines of a function in LLVM IR, with blocks that go on where a condition holds and else miss."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0
        self.sizes: list[str] = []
        self.words = len(_WORDS)

    def put(self, text: str) -> str:
        """A line with a result; gives its name."""
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def do(self, *lines: str) -> None:
        """Lines without a result; those that end in a colon begin a block."""
        self.lines += [line if line.endswith(":") else f"  {line}" for line in lines]

    def require(self, condition: str) -> None:
        self.count += 1
        self.do(f"br i1 {condition}, label %go{self.count}, label %miss", f"go{self.count}:")

    def field(self, pointer: str, offset: int, kind: str = "ptr") -> str:
        """What an object keeps at a place."""
        return self.put(f"load {kind}, ptr {self.put(f'getelementptr i8, ptr {pointer}, i64 {offset}')}")

    def word(self, place: str | int) -> str:
        """A word of the table."""
        return self.field("%self", _layout().BYTES_AT + 8 * (place if isinstance(place, int) else _WORDS.index(place)))

    def type_is(self, o: str, word: str) -> None:
        self.require(self.put(f"icmp eq ptr {self.field(o, _layout().TYPE_AT)}, {self.word(word)}"))

    def argument(self, o: str, parts: Iterator[str]) -> list[str]:
        """An argument as Numba hands it on; of a named tuple, which must be of its class, the fields one by one."""
        kind = next(parts)
        if kind[0] != "T":
            return self.array(o, kind) if kind[0] in "af" else [self.number(o, kind)]
        self.require(self.put(f"icmp eq ptr {self.field(o, _layout().TYPE_AT)}, {self.word(self.words)}"))
        self.words += 1
        return [part for i in range(int(kind[1:])) for part in self.argument(self.field(o, _ITEMS_AT + 8 * i), parts)]

    def array(self, o: str, kind: str) -> list[str]:
        """An array as Numba hands it on: who holds the memory and who shows it, sizes, address, shape, strides."""
        at, axes, place = _layout(), int(kind[1:]), self.words
        self.words += 2
        descr, flags = self.word(place), at.DENSE | at.WRITEABLE
        self.require(self.put(f"call i1 @fits(ptr {o}, ptr {self.word('ndarray')}, ptr {descr}, i32 {flags})"))
        size = self.put(f"call i64 @size(ptr {o})")
        self.sizes.append(size)
        item = self.put(f"ptrtoint ptr {self.word(place + 1)} to i64")
        if kind[0] == "f":
            numbers = [size, item]
        else:
            self.require(self.put(f"icmp eq i32 {self.field(o, at.NDIM_AT, 'i32')}, {axes}"))
            dims, strides = self.field(o, at.DIMS_AT), self.field(o, at.DIMS_AT + 8)
            numbers = [self.field(start, 8 * i, "i64") for start in (dims, strides) for i in range(axes)]
        address = self.field(o, at.DATA_AT)
        return ["ptr null", f"ptr {o}", f"i64 {size}", f"i64 {item}", f"ptr {address}", *[f"i64 {n}" for n in numbers]]

    def number(self, o: str, kind: str) -> str:
        """A number, a boolean or None."""
        if kind == "n":
            self.require(self.put(f"icmp eq ptr {o}, {self.word('none')}"))
            return "ptr null"
        if kind == "b":
            yes = self.put(f"icmp eq ptr {o}, {self.word('true')}")
            no = self.put(f"icmp eq ptr {o}, {self.word('false')}")
            self.require(self.put(f"or i1 {yes}, {no}"))
            return f"i8 {self.put(f'zext i1 {yes} to i8')}"
        self.type_is(o, "float" if kind == "d" else "int")
        if kind == "d":
            return f"double {self.field(o, _FLOAT_AT, 'double')}"
        value = self.put(f"call i64 {self.word('as_long')}(ptr {o}, ptr %over)")
        self.require(self.put(f"icmp eq i32 {self.put('load i32, ptr %over')}, 0"))
        if kind == "1":
            self.require(self.put(f"icmp eq i64 {value}, 1"))
        return f"i64 {value}"

    def one(self, o: str) -> str:
        """An object, counted once more."""
        self.do(f"call void {self.word('incref')}(ptr {o})")
        return o

    def result(self, place: str, kind: str) -> str:
        """The number at a place as an object."""
        if kind == "b":
            truth = self.put(f"icmp ne i8 {self.put(f'load i8, ptr {place}')}, 0")
            return self.one(self.put(f"select i1 {truth}, ptr {self.word('true')}, ptr {self.word('false')}"))
        type_, make = ("i64", "from_long") if kind == "i" else ("double", "from_float")
        return self.put(f"call ptr {self.word(make)}({type_} {self.put(f'load {type_}, ptr {place}')})")


def _text(name: str, kinds: Sequence[str], returns: Sequence[str]) -> str:
    """The IR of a function of arguments of these kinds."""
    t = _Text()
    t.require(t.put(f"icmp eq i64 %count, {len(kinds)}"))
    handed = ["ptr %result", "ptr %error"]
    for k, kind in enumerate(kinds):
        handed += t.argument(t.field("%given", 8 * k), iter(kind.split("_")))
    total = "0"
    for size in t.sizes:
        total = t.put(f"add i64 {total}, {size}")
    code = t.word("code")
    t.do(f"%many = icmp sge i64 {total}, {UNLOCKED}", "br i1 %many, label %unlock, label %run", "unlock:")
    t.do(f"%saved = call ptr {t.word('save')}()", "store ptr %saved, ptr %state", "br label %run", "run:")
    t.do(f"%status = call i32 {code}({', '.join(handed)})", "br i1 %many, label %lock, label %done", "lock:")
    t.do("%held = load ptr, ptr %state", f"call void {t.word('restore')}(ptr %held)", "br label %done", "done:")
    t.do("%whole = icmp eq i32 %status, 0", f"%empty = icmp eq i32 %status, {RETURNED_NONE}", "%fine = or i1 %whole, %empty")
    t.do("br i1 %fine, label %give, label %fail", "give:")
    if not returns:
        t.do(f"ret ptr {t.one(t.word('none'))}")
    elif returns[0] != "t":
        t.do(f"ret ptr {t.result('%result', returns[0])}")
    else:
        _tuple(t, returns[1:])
    t.do("fail:")
    t.do(f"%lack = call ptr {t.word('no_memory')}()", "ret ptr null", "miss:")
    t.do(f"ret ptr {t.one(t.word('missed'))}")
    slots = ["%result = alloca i64, i64 8", "%error = alloca ptr", "%over = alloca i32", "%state = alloca ptr"]
    head = [f"define ptr @{name}(ptr %self, ptr %given, i64 %count) {{", "start:", *[f"  {slot}" for slot in slots]]
    return "\n".join([_layout().helpers(), *head, *t.lines, "}"])


def _tuple(t: _Text, kinds: Sequence[str]) -> None:
    """Return a tuple of the numbers that the machine code has written."""
    types_ = ", ".join([{"i": "i64", "d": "double", "b": "i8"}[kind] for kind in kinds])
    t.do(f"%tuple = call ptr {t.word('new_tuple')}(i64 {len(kinds)})", "%made = icmp ne ptr %tuple, null")
    t.do("br i1 %made, label %fill, label %lost", "lost:", "ret ptr null", "fill:")
    for i, kind in enumerate(kinds):
        place = t.put(f"getelementptr {{{types_}}}, ptr %result, i32 0, i32 {i}")
        part = t.result(place, kind)
        t.put(f"call i32 {t.word('set_item')}(ptr %tuple, i64 {i}, ptr {part})")
    t.do("ret ptr %tuple")


@cache
def _layout() -> Any:
    """Where objects keep what; RuntimeError where that is not so in this process."""
    layout = import_module("dlengine.kernels.jit.generated.entry")
    layout._check_layout()
    pair = (1.5, 2)
    if ctypes.c_double.from_address(id(pair[0]) + _FLOAT_AT).value != pair[0]:
        raise RuntimeError("this Python lays out its numbers in another way")
    if list((ctypes.c_size_t * 2).from_address(id(pair) + _ITEMS_AT)) != [*map(id, pair)]:
        raise RuntimeError("this Python lays out its tuples in another way")
    a = np.zeros((2, 3), np.float32)
    strides = ctypes.c_size_t.from_address(id(a) + layout.DIMS_AT + 8).value
    if list((ctypes.c_int64 * 2).from_address(strides)) != [*a.strides]:
        raise RuntimeError("this NumPy lays out its arrays in another way")
    return layout


@cache
def _process() -> tuple[int, ...]:
    """The words of a table up to "code"."""
    api = ctypes.pythonapi

    def address(function: Any) -> int:
        return ctypes.cast(function, ctypes.c_void_p).value or 0

    held = {
        "ndarray": id(np.ndarray), "int": id(int), "float": id(float), "none": id(None), "true": id(True), "false": id(False),
        "incref": address(api.Py_IncRef), "as_long": address(api.PyLong_AsLongLongAndOverflow),
        "save": address(api.PyEval_SaveThread), "restore": address(api.PyEval_RestoreThread),
        "no_memory": address(api.PyErr_NoMemory), "missed": id(MISSED), "from_long": address(api.PyLong_FromLongLong),
        "from_float": address(api.PyFloat_FromDouble), "new_tuple": address(api.PyTuple_New),
        "set_item": address(api.PyTuple_SetItem),
    }  # fmt: skip
    return tuple([held[word] for word in _WORDS[:-1]])
