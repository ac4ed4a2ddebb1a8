"""Where many arrays lie, noted by one C function: a step of an optimizer asks for hundreds of addresses.

    note(addresses, ends, written, role, role ...)           # True, or False where Python has to look at the arrays

Each role is a list of as many arrays. All must be dense arrays of the dtype of the first, of one size beside one another, and
writeable in the roles whose bits are set in `written`. addresses: (tensors, roles), ends: (tensors + 1,), both int64.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import machine
from .entry import BYTES_AT, DATA_AT, DENSE, DESCR_AT, TYPE_AT, WRITEABLE, helpers, process_table

_LENGTH_AT, _ITEMS_AT = 16, 24
"""Where a list keeps its length and the address of its items."""

_WORDS = ("list", "ndarray", "as_long", "true", "false", "incref")

_NAME = "dlengine_addresses"

_TEXT = """
define internal ptr @word(ptr %self, i64 %k) alwaysinline {
  %base = getelementptr i8, ptr %self, i64 BYTES
  %at = getelementptr ptr, ptr %base, i64 %k
  %w = load ptr, ptr %at
  ret ptr %w
}

define internal ptr @field(ptr %o, i64 %offset) alwaysinline {
  %at = getelementptr i8, ptr %o, i64 %offset
  %w = load ptr, ptr %at
  ret ptr %w
}

define ptr @NAME(ptr %self, ptr %given, i64 %count) {
start:
  %addresses.o = load ptr, ptr %given
  %ends.at = getelementptr ptr, ptr %given, i64 1
  %ends.o = load ptr, ptr %ends.at
  %written.at = getelementptr ptr, ptr %given, i64 2
  %written.o = load ptr, ptr %written.at
  %first.at = getelementptr ptr, ptr %given, i64 3
  %first.o = load ptr, ptr %first.at
  %list = call ptr @word(ptr %self, i64 0)
  %ndarray = call ptr @word(ptr %self, i64 1)
  %as.long = call ptr @word(ptr %self, i64 2)
  %written = call i64 %as.long(ptr %written.o)
  %addresses = call ptr @field(ptr %addresses.o, i64 DATA)
  %ends = call ptr @field(ptr %ends.o, i64 DATA)
  %n.p = call ptr @field(ptr %first.o, i64 LENGTH)
  %n = ptrtoint ptr %n.p to i64
  %roles = sub i64 %count, 3
  %first.list.type = call ptr @field(ptr %first.o, i64 TYPE)
  %first.is.list = icmp eq ptr %first.list.type, %list
  %some = icmp sgt i64 %n, 0
  %filled = and i1 %first.is.list, %some
  br i1 %filled, label %open, label %no
open:
  %first.items = call ptr @field(ptr %first.o, i64 ITEMS)
  %first.array = load ptr, ptr %first.items
  %first.type = call ptr @field(ptr %first.array, i64 TYPE)
  %is.array = icmp eq ptr %first.type, %ndarray
  br i1 %is.array, label %typed, label %no
typed:
  %descr = call ptr @field(ptr %first.array, i64 DESCR)
  store i64 0, ptr %ends
  br label %role
role:
  %r = phi i64 [0, %typed], [%r.next, %counted]
  %more.roles = icmp slt i64 %r, %roles
  br i1 %more.roles, label %look, label %yes
look:
  %place = add i64 %r, 3
  %role.at = getelementptr ptr, ptr %given, i64 %place
  %role.o = load ptr, ptr %role.at
  %role.type = call ptr @field(ptr %role.o, i64 TYPE)
  %is.list = icmp eq ptr %role.type, %list
  %length.p = call ptr @field(ptr %role.o, i64 LENGTH)
  %length = ptrtoint ptr %length.p to i64
  %as.many = icmp eq i64 %length, %n
  %sound = and i1 %is.list, %as.many
  br i1 %sound, label %listed, label %no
listed:
  %items = call ptr @field(ptr %role.o, i64 ITEMS)
  %shifted = lshr i64 %written, %r
  %bit = and i64 %shifted, 1
  %is.written = icmp eq i64 %bit, 1
  %flags = select i1 %is.written, i32 BOTH, i32 DENSE
  %is.first = icmp eq i64 %r, 0
  br label %item
item:
  %i = phi i64 [0, %listed], [%i.next, %noted]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %check, label %counted
check:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %o = load ptr, ptr %item.at
  %fine = call i1 @fits(ptr %o, ptr %ndarray, ptr %descr, i32 %flags)
  br i1 %fine, label %note, label %no
note:
  %row = mul i64 %i, %roles
  %cell = add i64 %row, %r
  %cell.at = getelementptr ptr, ptr %addresses, i64 %cell
  %data = call ptr @field(ptr %o, i64 DATA)
  store ptr %data, ptr %cell.at
  %size = call i64 @size(ptr %o)
  %begin.at = getelementptr i64, ptr %ends, i64 %i
  %begin = load i64, ptr %begin.at
  %end = add i64 %begin, %size
  %i.next = add i64 %i, 1
  %end.at = getelementptr i64, ptr %ends, i64 %i.next
  br i1 %is.first, label %write, label %compare
write:
  store i64 %end, ptr %end.at
  br label %noted
compare:
  %expected = load i64, ptr %end.at
  %same = icmp eq i64 %expected, %end
  br i1 %same, label %noted, label %no
noted:
  br label %item
counted:
  %r.next = add i64 %r, 1
  br label %role
yes:
  %true = call ptr @word(ptr %self, i64 3)
  br label %end.all
no:
  %false = call ptr @word(ptr %self, i64 4)
  br label %end.all
end.all:
  %answer = phi ptr [%true, %yes], [%false, %no]
  %incref = call ptr @word(ptr %self, i64 5)
  call void %incref(ptr %answer)
  ret ptr %answer
}
"""


@cache
def noter() -> Callable[..., bool] | None:
    """The function; None where this process lays out its objects in another way, or LLVM does not know this CPU."""
    try:
        process_table(False)  # which looks at the layout of arrays
        if not _lists_lie_as_expected():
            return None
        text = f"{helpers()}\n{_TEXT}"
        places = {
            "BYTES": BYTES_AT, "DATA": DATA_AT, "LENGTH": _LENGTH_AT, "ITEMS": _ITEMS_AT, "TYPE": TYPE_AT, "DESCR": DESCR_AT,
        }  # fmt: skip
        for word, offset in places.items():
            text = text.replace(f"i64 {word}", f"i64 {offset}")
        text = text.replace("i32 BOTH", f"i32 {DENSE | WRITEABLE}").replace("i32 DENSE", f"i32 {DENSE}")
        text = text.replace("@NAME", f"@{_NAME}")
        (place,) = machine.linked(_NAME, text, (_NAME,))
    except (AttributeError, OSError, RuntimeError):
        return None
    api = ctypes.pythonapi

    def address(function: Any) -> int:
        return ctypes.cast(function, ctypes.c_void_p).value or 0

    held = {
        "list": id(list), "ndarray": id(np.ndarray), "as_long": address(api.PyLong_AsLong), "true": id(True),
        "false": id(False), "incref": address(api.Py_IncRef),
    }  # fmt: skip
    function: Callable[..., bool] = machine.as_function(place, struct.pack(f"={len(_WORDS)}Q", *[held[word] for word in _WORDS]))
    return function


def _lists_lie_as_expected() -> bool:
    some = [object(), object(), object()]

    def word(at: int) -> int:
        return ctypes.c_size_t.from_address(at).value

    items = word(id(some) + _ITEMS_AT)
    return word(id(some) + _LENGTH_AT) == 3 and [word(items + 8 * i) for i in range(3)] == [id(o) for o in some]
