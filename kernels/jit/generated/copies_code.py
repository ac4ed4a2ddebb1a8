"""The function of copies.py that goes through the axes of two arrays and shares them out, in LLVM IR.

A plan is a row of 64-bit words: at which bytes of y and x to begin, how many axes there are, which one is shared between threads
and into multiples of what, which of the planes (copies_planes.py) does the last two axes, and in tiles of what length; then for
each axis its size and the steps of y and x in bytes.
"""

from __future__ import annotations

from string import Template

from .copies_planes import PLANES, planes

HEAD = 7
"""Words of a plan before its axes."""

AXES = 16
"""Axes that a plan has at most."""


def text(name: str, places: dict[str, int]) -> str:
    """The function `name`, called by Python with the number of threads, then a plan, y and x for each copy.

    places: of what the table holds.
    """
    kinds = "\n".join([f"    i64 {i}, label %{plane}" for i, plane in enumerate(PLANES)])
    given = "ptr %y, ptr %x, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length"
    calls = "\n".join([f"{plane}:\n  call void @{plane}({given})\n  br label %done" for plane in PLANES])
    words = {"NAME": name, "HEAD": HEAD, "AXES": AXES, "KINDS": kinds, "CALLS": calls} | places
    return planes() + Template(_RUN).substitute(words)


_RUN = """
define internal i64 @word(ptr %words, i64 %k) alwaysinline {
  %at = getelementptr i64, ptr %words, i64 %k
  %w = load i64, ptr %at
  ret i64 %w
}

; The size (0) or step (1: of y, 2: of x) of an axis.
define internal i64 @axis(ptr %plan, i64 %axis, i64 %which) alwaysinline {
  %three = mul i64 %axis, 3
  %from = add i64 %three, %which
  %k = add i64 %from, $HEAD
  %w = call i64 @word(ptr %plan, i64 %k)
  ret i64 %w
}

; Where part k of an axis of n begins.
define internal i64 @cut(i64 %k, i64 %parts, i64 %n, i64 %grain) {
  %product = mul i64 %n, %k
  %place = udiv i64 %product, %parts
  %mask = sub i64 0, %grain
  %whole = and i64 %place, %mask
  %last = icmp uge i64 %k, %parts
  %found = select i1 %last, i64 %n, i64 %whole
  ret i64 %found
}

define internal void @plane(
    i64 %kind, ptr %y, ptr %x, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length) {
start:
  switch i64 %kind, label %done [
$KINDS
  ]
$CALLS
done:
  ret void
}

; Parts first ... end of one copy.
define internal void @part(ptr %plan.object, ptr %y.object, ptr %x.object, i64 %parts, i64 %first, i64 %end) {
start:
  %counts = alloca i64, i64 $AXES
  %at = alloca i64, i64 $AXES
  %plan = getelementptr i8, ptr %plan.object, i64 $BYTES
  %y.data = getelementptr i8, ptr %y.object, i64 $DATA
  %y.given = load ptr, ptr %y.data
  %x.data = getelementptr i8, ptr %x.object, i64 $DATA
  %x.given = load ptr, ptr %x.data
  %y.begin = call i64 @word(ptr %plan, i64 0)
  %x.begin = call i64 @word(ptr %plan, i64 1)
  %rank = call i64 @word(ptr %plan, i64 2)
  %shared = call i64 @word(ptr %plan, i64 3)
  %grain = call i64 @word(ptr %plan, i64 4)
  %kind = call i64 @word(ptr %plan, i64 5)
  %length = call i64 @word(ptr %plan, i64 6)
  %n.shared = call i64 @axis(ptr %plan, i64 %shared, i64 0)
  %lo = call i64 @cut(i64 %first, i64 %parts, i64 %n.shared, i64 %grain)
  %hi = call i64 @cut(i64 %end, i64 %parts, i64 %n.shared, i64 %grain)
  %some = icmp slt i64 %lo, %hi
  br i1 %some, label %copy, label %end.here
copy:
  %i = phi i64 [0, %start], [%i.next, %copy]
  %n = call i64 @axis(ptr %plan, i64 %i, i64 0)
  %is.shared = icmp eq i64 %i, %shared
  %own = sub i64 %hi, %lo
  %n.own = select i1 %is.shared, i64 %own, i64 %n
  %count.at = getelementptr i64, ptr %counts, i64 %i
  store i64 %n.own, ptr %count.at
  %index.at = getelementptr i64, ptr %at, i64 %i
  store i64 0, ptr %index.at
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %rank
  br i1 %more, label %copy, label %begin
begin:
  %dy.shared = call i64 @axis(ptr %plan, i64 %shared, i64 1)
  %dx.shared = call i64 @axis(ptr %plan, i64 %shared, i64 2)
  %y.skip = mul i64 %lo, %dy.shared
  %x.skip = mul i64 %lo, %dx.shared
  %y.from = add i64 %y.begin, %y.skip
  %x.from = add i64 %x.begin, %x.skip
  %y.first = getelementptr i8, ptr %y.given, i64 %y.from
  %x.first = getelementptr i8, ptr %x.given, i64 %x.from
  %inner = sub i64 %rank, 1
  %outer = sub i64 %rank, 2
  %above = sub i64 %rank, 3
  %n0 = call i64 @word(ptr %counts, i64 %inner)
  %dy0 = call i64 @axis(ptr %plan, i64 %inner, i64 1)
  %dx0 = call i64 @axis(ptr %plan, i64 %inner, i64 2)
  %n1 = call i64 @word(ptr %counts, i64 %outer)
  %dy1 = call i64 @axis(ptr %plan, i64 %outer, i64 1)
  %dx1 = call i64 @axis(ptr %plan, i64 %outer, i64 2)
  br label %one
one:
  %y = phi ptr [%y.first, %begin], [%y.up, %step]
  %x = phi ptr [%x.first, %begin], [%x.up, %step]
  call void @plane(i64 %kind, ptr %y, ptr %x, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length)
  br label %carry
carry:
  %a = phi i64 [%above, %one], [%a.less, %back]
  %y.a = phi ptr [%y, %one], [%y.back, %back]
  %x.a = phi ptr [%x, %one], [%x.back, %back]
  %all = icmp slt i64 %a, 0
  br i1 %all, label %end.here, label %step
step:
  %dy = call i64 @axis(ptr %plan, i64 %a, i64 1)
  %dx = call i64 @axis(ptr %plan, i64 %a, i64 2)
  %y.up = getelementptr i8, ptr %y.a, i64 %dy
  %x.up = getelementptr i8, ptr %x.a, i64 %dx
  %place = getelementptr i64, ptr %at, i64 %a
  %index = load i64, ptr %place
  %index.next = add i64 %index, 1
  store i64 %index.next, ptr %place
  %n.a = call i64 @word(ptr %counts, i64 %a)
  %within = icmp slt i64 %index.next, %n.a
  br i1 %within, label %one, label %back
back:
  store i64 0, ptr %place
  %y.whole = mul i64 %n.a, %dy
  %y.less = sub i64 0, %y.whole
  %y.back = getelementptr i8, ptr %y.up, i64 %y.less
  %x.whole = mul i64 %n.a, %dx
  %x.less = sub i64 0, %x.whole
  %x.back = getelementptr i8, ptr %x.up, i64 %x.less
  %a.less = sub i64 %a, 1
  br label %carry
end.here:
  ret void
}

; Parts first ... end of each copy. A box: the number of parts, how many objects Python gave, and where they are.
define internal void @parts(ptr %box, i64 %first, i64 %end) {
start:
  %parts = call i64 @word(ptr %box, i64 0)
  %count = call i64 @word(ptr %box, i64 1)
  %given.at = getelementptr ptr, ptr %box, i64 2
  %given = load ptr, ptr %given.at
  br label %copy
copy:
  %k = phi i64 [1, %start], [%k.next, %copy]
  %plan.at = getelementptr ptr, ptr %given, i64 %k
  %plan = load ptr, ptr %plan.at
  %y.at = getelementptr ptr, ptr %plan.at, i64 1
  %y = load ptr, ptr %y.at
  %x.at = getelementptr ptr, ptr %plan.at, i64 2
  %x = load ptr, ptr %x.at
  call void @part(ptr %plan, ptr %y, ptr %x, i64 %parts, i64 %first, i64 %end)
  %k.next = add i64 %k, 3
  %more = icmp slt i64 %k.next, %count
  br i1 %more, label %copy, label %done
done:
  ret void
}

define void @${NAME}_share(ptr %args, ptr %sizes, ptr %steps, ptr %box) {
  %first.word = load ptr, ptr %args
  %first = ptrtoint ptr %first.word to i64
  %many = load i64, ptr %sizes
  %end = add i64 %first, %many
  call void @parts(ptr %box, i64 %first, i64 %end)
  ret void
}

define internal ptr @entry(ptr %self, i64 %k) alwaysinline {
  %bytes = mul i64 %k, 8
  %from = add i64 %bytes, $BYTES
  %at = getelementptr i8, ptr %self, i64 %from
  %p = load ptr, ptr %at
  ret ptr %p
}

define internal i1 @is_array(ptr %o, ptr %ndarray) alwaysinline {
  %type.at = getelementptr i8, ptr %o, i64 $TYPE
  %type = load ptr, ptr %type.at
  %is = icmp eq ptr %type, %ndarray
  ret i1 %is
}

define ptr @${NAME}(ptr %self, ptr %given, i64 %count) {
start:
  %box = alloca ptr, i64 3
  %base = alloca ptr
  %parts = alloca i64
  %step = alloca i64
  %ndarray = call ptr @entry(ptr %self, i64 $ndarray)
  br label %look
look:
  %k = phi i64 [1, %start], [%k.next, %looked]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %looked, label %run
looked:
  %y.index = add i64 %k, 1
  %y.at = getelementptr ptr, ptr %given, i64 %y.index
  %y = load ptr, ptr %y.at
  %y.is = call i1 @is_array(ptr %y, ptr %ndarray)
  %x.at = getelementptr ptr, ptr %y.at, i64 1
  %x = load ptr, ptr %x.at
  %x.is = call i1 @is_array(ptr %x, ptr %ndarray)
  %both = and i1 %y.is, %x.is
  %k.next = add i64 %k, 3
  br i1 %both, label %look, label %answer
run:
  %threads.object = load ptr, ptr %given
  %as.long = call ptr @entry(ptr %self, i64 $as_long)
  %threads = call i64 %as.long(ptr %threads.object)
  store i64 %threads, ptr %box
  %count.at = getelementptr i64, ptr %box, i64 1
  store i64 %count, ptr %count.at
  %given.at = getelementptr ptr, ptr %box, i64 2
  store ptr %given, ptr %given.at
  %save = call ptr @entry(ptr %self, i64 $save)
  %restore = call ptr @entry(ptr %self, i64 $restore)
  %state = call ptr %save()
  %several = icmp sgt i64 %threads, 1
  br i1 %several, label %shared, label %alone
shared:
  store ptr null, ptr %base
  store i64 %threads, ptr %parts
  store i64 1, ptr %step
  %threads.32 = trunc i64 %threads to i32
  %parallel = call ptr @entry(ptr %self, i64 $parallel)
  call void %parallel(ptr @${NAME}_share, ptr %base, ptr %parts, ptr %step, ptr %box, i64 0, i64 1, i32 %threads.32)
  br label %done
alone:
  call void @parts(ptr %box, i64 0, i64 1)
  br label %done
done:
  call void %restore(ptr %state)
  br label %answer
answer:
  %found.at = phi i64 [$false, %looked], [$true, %done]
  %found = call ptr @entry(ptr %self, i64 %found.at)
  %incref = call ptr @entry(ptr %self, i64 $incref)
  call void %incref(ptr %found)
  ret ptr %found
}
"""
