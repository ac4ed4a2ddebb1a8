"""The entry point of a generated kernel: what Python calls with arrays, as a C function without a wrapper.

    entry(input 0, ..., output, threads)            # or, by rows: entry(..., output, threads, rows, elements of a row)
    entry(..., elements of a row, table, ...)       # a table of int64 for each input of mode t or u

A kernel that reduces is called by rows, and its output has one element for each of them.

It looks at every argument before it reads a pointer out of it: the type is numpy.ndarray itself, the dtype the right object,
the memory dense and aligned, the output writeable, the shapes and sizes those of the mode. Where anything else comes it does
nothing and returns False, and True when the output is written. All that it needs of the process (types, dtypes, functions)
lies in a table, a bytes object that Python passes as `self`, so the code can be kept on disk.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from ...generated.expression import DTYPES
from .entry_code import HELPERS
from .loops import PITCHES, Formula
from .reductions import PART

BYTES_AT = 32
"""Where a bytes object of CPython keeps its bytes."""

TYPE_AT, DATA_AT, NDIM_AT, DIMS_AT, STRIDES_AT, DESCR_AT, FLAGS_AT = 8, 16, 24, 32, 40, 56, 64
"""Where an ndarray keeps its type, data pointer, number of axes, shape, strides, dtype and flags: NumPy's public struct."""

ALIGNED, WRITEABLE = 0x100, 0x400
DENSE = 0x1 | ALIGNED
"""NumPy's flags: DENSE is C_CONTIGUOUS, too."""

UNLOCKED = 32768
"""From this many elements on, Python's lock is released during the loop."""

ENTRIES = (
    "ndarray", *DTYPES, "int", "true", "false", "parallel", "as_long", "save", "restore", "incref"
)  # fmt: skip

_WORDS = (
    ("DIMS", DIMS_AT), ("NDIM", NDIM_AT), ("TYPE", TYPE_AT), ("DESCR", DESCR_AT), ("FLAGS", FLAGS_AT), ("STRIDES", STRIDES_AT),
)  # fmt: skip


class _Text:
    """Lines of LLVM IR, with blocks that go on where a condition holds and else refuse."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def put(self, text: str) -> str:
        """A line with a result; gives its name."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def require(self, condition: str) -> None:
        self.count += 1
        self.lines += [f"  br i1 {condition}, label %go{self.count}, label %refuse", f"go{self.count}:"]

    def field(self, pointer: str, offset: int, kind: str = "ptr") -> str:
        at = self.put(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        return self.put(f"load {kind}, ptr {at}")


def helpers() -> str:
    """The IR of functions that look at arrays: `size` of one, whether two are `alike` in shape, whether one is a matrix of dense
    rows (`in_rows`), whether one `fits`."""
    text = HELPERS
    for word, offset in _WORDS:
        text = text.replace(f"i64 {word}", f"i64 {offset}")
    return text


def entry_text(formula: Formula, name: str) -> str:
    """The IR of `name`, the entry point, and `name_share`, one thread's part; both use `name_range`."""
    count = len(formula.inputs) + 1
    shared = helpers()
    if formula.reduction:
        shared += "declare ptr @malloc(i64)\ndeclare void @free(ptr)\n"
    return f"{shared}\n{_share(name, count, formula.by_rows)}\n{_entry(formula, name, count)}"


def _share(name: str, count: int, by_rows: bool) -> str:
    """What the pool of threads calls with a run of share numbers; shares of elements are whole cache lines."""
    return f"""
define void @{name}_share(ptr %args, ptr %sizes, ptr %steps, ptr %arrays) {{
  %n.at = getelementptr ptr, ptr %arrays, i64 {count + 1}
  %n = load i64, ptr %n.at
  %threads.at = getelementptr ptr, ptr %arrays, i64 {count + 2}
  %threads = load i64, ptr %threads.at
  %first.64 = load ptr, ptr %args
  %first = ptrtoint ptr %first.64 to i64
  %many = load i64, ptr %sizes
  %next = add i64 %first, %many
  %lo.n = mul i64 %first, %n
  %lo.cut = udiv i64 %lo.n, %threads
  %lo = and i64 %lo.cut, {-1 if by_rows else -64}
  %hi.n = mul i64 %next, %n
  %hi.cut = udiv i64 %hi.n, %threads
  %hi.whole = and i64 %hi.cut, {-1 if by_rows else -64}
  %last = icmp uge i64 %next, %threads
  %hi = select i1 %last, i64 %n, i64 %hi.whole
  call void @{name}_range(ptr %arrays, i64 %lo, i64 %hi)
  ret void
}}"""


def _entry(formula: Formula, name: str, count: int) -> str:
    t = _Text()
    numbered = count + (3 if formula.by_rows else 1)
    looked_up = [i for i, mode in enumerate(formula.modes) if mode in "tu"]
    wanted = numbered + len(looked_up)
    t.require(t.put(f"icmp eq i64 %count, {wanted}"))
    base = t.put(f"getelementptr i8, ptr %self, i64 {BYTES_AT}")
    held = {word: t.field(base, 8 * i) for i, word in enumerate(ENTRIES)}
    objects = [t.field("%given", 8 * k) for k in range(wanted)]
    for dtype, o, mode in zip((*[e.dtype for e in formula.inputs], formula.dtype), objects, (*formula.modes, "y"), strict=False):
        flags = {"y": DENSE | WRITEABLE, "p": ALIGNED}.get(mode, DENSE)
        t.require(t.put(f"call i1 @fits(ptr {o}, ptr {held['ndarray']}, ptr {held[dtype.name]}, i32 {flags})"))
    out = objects[count - 1]
    size = t.put(f"call i64 @size(ptr {out})")
    numbers = []
    for o in objects[count:numbered]:
        t.require(t.put(f"icmp eq ptr {t.field(o, TYPE_AT)}, {held['int']}"))
        numbers.append(t.put(f"call i64 {held['as_long']}(ptr {o})"))
    check = _rows_fit if formula.reduction else _sizes_fit
    units, size = check(t, formula, objects, size, numbers)
    for i, o in zip(looked_up, objects[numbered:], strict=True):
        t.require(t.put(f"call i1 @fits(ptr {o}, ptr {held['ndarray']}, ptr {held['int64']}, i32 {DENSE})"))
        t.require(t.put(f"icmp eq i64 {t.put(f'call i64 @size(ptr {o})')}, {units}"))
        at = t.put(f"getelementptr ptr, ptr %arrays, i64 {count - 1 + PITCHES + i}")
        t.do(f"store ptr {t.field(o, DATA_AT)}, ptr {at}")
    # Nothing to do for no elements; what follows may divide.
    t.do(f"%empty = icmp eq i64 {size}, 0")
    t.do("br i1 %empty, label %done, label %work")
    t.lines.append("work:")
    _run(t, name, [objects[k] for k in range(count)], (units, numbers), held, size, "gather" if formula.reduction else "done")
    if formula.reduction:
        _gather(t, name, count, numbers[1])
    return "\n".join([
        f"define ptr @{name}(ptr %self, ptr %given, i64 %count) {{",
        "start:",
        f"  %arrays = alloca ptr, i64 {2 * count - 2 + PITCHES}",
        "  %base = alloca ptr", "  %parts = alloca i64", "  %step = alloca i64",
        *t.lines,
        "refuse:",
        f"  %false.at = getelementptr i8, ptr %self, i64 {BYTES_AT + 8 * ENTRIES.index('false')}",
        "  %false = load ptr, ptr %false.at",
        "  br label %end",
        "done:",
        "  br label %end",
        "end:",
        f"  %answer = phi ptr [%false, %refuse], [{held['true']}, %done]",
        f"  %incref.at = getelementptr i8, ptr %self, i64 {BYTES_AT + 8 * ENTRIES.index('incref')}",
        "  %incref = load ptr, ptr %incref.at",
        "  call void %incref(ptr %answer)",
        "  ret ptr %answer",
        "}",
    ])  # fmt: skip


def _sizes_fit(t: _Text, formula: Formula, objects: list[str], size: str, numbers: list[str]) -> tuple[str, str]:
    """Require what the modes say of shapes and sizes, and at least one thread.

    Gives how many elements or rows there are to share out, and how many elements.
    """
    t.require(t.put(f"icmp sgt i64 {numbers[0]}, 0"))
    units = size
    if formula.by_rows:
        rows, n = numbers[1:]
        t.require(t.put(f"icmp sgt i64 {rows}, 0"))
        t.require(t.put(f"icmp sgt i64 {n}, 0"))
        t.require(t.put(f"icmp eq i64 {t.put(f'urem i64 {size}, {rows}')}, 0"))
        t.require(t.put(f"icmp eq i64 {t.put(f'udiv i64 {size}, {rows}')}, {n}"))
        units = rows
    out = objects[len(formula.inputs)]
    for o, mode in zip(objects, formula.modes, strict=False):
        if mode == "f":
            t.require(t.put(f"call i1 @alike(ptr {o}, ptr {out})"))
        elif mode == "p":
            item = formula.inputs[objects.index(o)].dtype.itemsize
            t.require(t.put(f"call i1 @in_rows(ptr {o}, i64 {units}, i64 {numbers[-1]}, i64 {item})"))
            pitch = t.field(t.field(o, STRIDES_AT), 0, "i64")
            place = len(formula.inputs) + PITCHES + objects.index(o)
            t.do(f"store i64 {pitch}, ptr {t.put(f'getelementptr ptr, ptr %arrays, i64 {place}')}")
        elif mode not in "tu":
            expected = {"s": "1", "r": numbers[-1], "c": units}[mode]
            t.require(t.put(f"icmp eq i64 {t.put(f'call i64 @size(ptr {o})')}, {expected}"))
    return units, size


def _rows_fit(t: _Text, formula: Formula, objects: list[str], size: str, numbers: list[str]) -> tuple[str, str]:
    """The same where rows are reduced, and memory for their parts, which are shared out."""
    for v in numbers:
        t.require(t.put(f"icmp sgt i64 {v}, 0"))
    _, rows, n = numbers
    t.require(t.put(f"icmp eq i64 {size}, {rows}"))
    t.require(t.put(f"icmp ule i64 {n}, {t.put(f'udiv i64 {1 << 56}, {rows}')}"))
    whole = t.put(f"mul i64 {rows}, {n}")
    for o, mode in zip(objects, formula.modes, strict=False):
        expected = {"f": whole, "s": "1", "r": n, "c": rows}[mode]
        t.require(t.put(f"icmp eq i64 {t.put(f'call i64 @size(ptr {o})')}, {expected}"))
    parts = t.put(f"udiv i64 {t.put(f'add i64 {n}, {PART - 1}')}, {PART}")
    units = t.put(f"mul i64 {rows}, {parts}")
    count = len(formula.inputs) + 1
    t.do(f"store i64 {parts}, ptr {t.put(f'getelementptr ptr, ptr %arrays, i64 {count + 3}')}")
    place = t.put(f"getelementptr ptr, ptr %arrays, i64 {count + 4}")
    t.do(f"store ptr null, ptr {place}")
    t.do(f"%one.part = icmp eq i64 {parts}, 1")
    t.do("br i1 %one.part, label %placed, label %scratch")
    t.lines.append("scratch:")
    memory = t.put(f"call ptr @malloc(i64 {t.put(f'mul i64 {units}, 8')})")
    t.do(f"store ptr {memory}, ptr {place}")
    t.do(f"%lacking = icmp eq ptr {memory}, null")
    t.do("br i1 %lacking, label %refuse, label %placed")
    t.lines.append("placed:")
    return units, whole


def _run(
    t: _Text, name: str, objects: list[str], counts: tuple[str, list[str]], held: dict[str, str], size: str, after: str
) -> None:
    """Fill the table of addresses and call the loop, here or in the pool of threads; after: the block that follows."""
    units, numbers = counts
    for k, o in enumerate(objects):
        t.do(f"store ptr {t.field(o, DATA_AT)}, ptr {t.put(f'getelementptr ptr, ptr %arrays, i64 {k}')}")
    last = numbers[2] if len(numbers) > 1 else "0"
    for k, v in enumerate((last, units, numbers[0]), start=len(objects)):
        t.do(f"store i64 {v}, ptr {t.put(f'getelementptr ptr, ptr %arrays, i64 {k}')}")
    many, large = t.put(f"icmp sgt i64 {numbers[0]}, 1"), t.put(f"icmp sge i64 {size}, {UNLOCKED}")
    t.do(f"br i1 {t.put(f'or i1 {many}, {large}')}, label %unlocked, label %locked")
    t.lines.append("locked:")
    t.do(f"call void @{name}_range(ptr %arrays, i64 0, i64 {units})")
    t.do(f"br label %{after}")
    t.lines.append("unlocked:")
    t.do(f"%state = call ptr {held['save']}()")
    t.do(f"br i1 {many}, label %shared, label %alone")
    t.lines.append("shared:")
    t.do("store ptr null, ptr %base")
    t.do(f"store i64 {numbers[0]}, ptr %parts")
    t.do("store i64 1, ptr %step")
    threads = t.put(f"trunc i64 {numbers[0]} to i32")
    t.do(
        f"call void {held['parallel']}(ptr @{name}_share, ptr %base, ptr %parts, ptr %step, ptr %arrays, i64 0, i64 1, "
        f"i32 {threads})"
    )
    t.do("br label %lock")
    t.lines.append("alone:")
    t.do(f"call void @{name}_range(ptr %arrays, i64 0, i64 {units})")
    t.do("br label %lock")
    t.lines.append("lock:")
    t.do(f"call void {held['restore']}(ptr %state)")
    t.do(f"br label %{after}")


def _gather(t: _Text, name: str, count: int, rows: str) -> None:
    """Put the parts of rows together."""
    t.lines.append("gather:")
    t.do("br i1 %one.part, label %done, label %gathered")
    t.lines.append("gathered:")
    t.do(f"call void @{name}_combine(ptr %arrays, i64 0, i64 {rows})")
    place = t.put(f"getelementptr ptr, ptr %arrays, i64 {count + 4}")
    t.do(f"call void @free(ptr {t.put(f'load ptr, ptr {place}')})")
    t.do("br label %done")


def process_table(bfloat16: bool) -> bytes:
    """The table of this process, to be made when its threads have been started; bfloat16: whether there is that dtype.

    Raises RuntimeError on a foreign layout.
    """
    _check_layout()
    api = ctypes.pythonapi

    def address(function: Any) -> int:
        return ctypes.cast(function, ctypes.c_void_p).value or 0

    held = {
        "ndarray": id(np.ndarray), "int": id(int), "true": id(True), "false": id(False),
        "parallel": llvm.address_of_symbol("numba_parallel_for"),
        "as_long": address(api.PyLong_AsLong), "save": address(api.PyEval_SaveThread),
        "restore": address(api.PyEval_RestoreThread), "incref": address(api.Py_IncRef),
    }  # fmt: skip
    held |= {name: id(np.dtype(name)) if name != "bfloat16" or bfloat16 else 0 for name in DTYPES}
    return struct.pack(f"={len(ENTRIES)}Q", *[held[word] or 0 for word in ENTRIES])


def _check_layout() -> None:
    """Objects must lie in memory as the entry point reads them: another Python or NumPy might lay them out differently."""
    x = np.zeros((3, 5), np.float32)

    def word(o: Any, offset: int, kind: Any = ctypes.c_size_t) -> Any:
        return kind.from_address(id(o) + offset).value

    dims, strides = word(x, DIMS_AT), word(x, STRIDES_AT)
    fine = (
        ctypes.sizeof(ctypes.c_void_p) == 8
        and (word(x, TYPE_AT), word(x, DATA_AT), word(x, DESCR_AT)) == (id(np.ndarray), x.ctypes.data, id(np.dtype("f4")))
        and word(x, NDIM_AT, ctypes.c_int32) == 2
        and list((ctypes.c_int64 * 2).from_address(dims)) == [3, 5]
        and list((ctypes.c_int64 * 2).from_address(strides)) == [20, 4]
        and word(x, FLAGS_AT, ctypes.c_int32) & (DENSE | WRITEABLE) == DENSE | WRITEABLE
        and ctypes.string_at(id(b"dlengine") + BYTES_AT, 8) == b"dlengine"
    )
    if not fine:
        raise RuntimeError("this Python or NumPy lays out its objects in another way; formulas are computed by NumPy")
