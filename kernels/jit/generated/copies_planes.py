"""What copies.py does with the last two axes of two arrays, in LLVM IR.

Each plane is a function of y and x, of the outer axis (its size, the steps of y and x in bytes), of the inner axis likewise, and
of the length of tiles.
"""

from __future__ import annotations

from string import Template

_VECTOR = 64

SIDES = {1: 16, 2: 16, 4: 16, 8: 8, 16: 4}
"""By the bytes of an element: the side of a block that is turned in registers."""

SIZES = tuple(SIDES)

PLANES = ("rows", *[f"{kind}{s}" for kind in ("fill", "strided", "turned", "back") for s in SIZES])
"""rows: bytes as they lie. fill: one element for each row. strided: element by element. turned: blocks of a transposed array.
back: rows from their last element to the first."""


def planes() -> str:
    """The functions of PLANES."""
    fills = [Template(_FILL).substitute(SIZE=s, TYPE=_type(s), SPLAT=_splat(s)) for s in SIZES]
    strided = [Template(_STRIDED).substitute(SIZE=s, TYPE=_type(s)) for s in SIZES]
    rows = [_row("copy", "ptr %x"), _row("fill", "<64 x i8> %v"), _ROWS]
    return "\n".join([*rows, *fills, *strided, *map(_turned, SIZES), *map(_back, SIZES)])


def _type(size: int) -> str:
    return f"i{8 * size}"


def _back(size: int) -> str:
    """The plane of rows that x has backwards: vectors are turned round in registers."""
    lanes = _VECTOR // size
    turned = ", ".join([f"i32 {i}" for i in reversed(range(lanes))])
    return Template(_BACK).substitute(SIZE=size, TYPE=_type(size), LANES=lanes, TURNED=turned, LAST=(1 - lanes) * size)


def _splat(size: int) -> str:
    """The lines that repeat %e as the vector %v of bytes."""
    count, kind = _VECTOR // size, _type(size)
    return (
        f"  %one = insertelement <{count} x {kind}> poison, {kind} %e, i32 0\n"
        f"  %all = shufflevector <{count} x {kind}> %one, <{count} x {kind}> poison, <{count} x i32> zeroinitializer\n"
        f"  %v = bitcast <{count} x {kind}> %all to <64 x i8>"
    )


def _row(name: str, given: str) -> str:
    """The function that writes n bytes in a row, from memory or a vector: whole vectors, of which the first and the last may
    overlap others; where there are fewer bytes than in one, two parts that may overlap."""
    copies = name == "copy"

    def piece(size: int, at: str, number: str, align: int = 1) -> str:
        kind = f"<{size} x i8>"
        if copies:
            lines = [
                f"  %x.{number} = getelementptr i8, ptr %x, i64 {at}",
                f"  %v.{number} = load {kind}, ptr %x.{number}, align 1",
            ]
        else:
            which = ", ".join([f"i32 {i}" for i in range(size)])
            lines = [f"  %v.{number} = shufflevector <64 x i8> %v, <64 x i8> poison, <{size} x i32> <{which}>"]
        lines += [
            f"  %y.{number} = getelementptr i8, ptr %y, i64 {at}",
            f"  store {kind} %v.{number}, ptr %y.{number}, align {align}",
        ]
        return "\n".join(lines)

    four = [f"  %i.{k} = add i64 %i, {_VECTOR * k}" for k in range(1, 4)]
    pieces = [piece(_VECTOR, "%i" if not k else f"%i.{k}", f"four{k}", _VECTOR).split("\n") for k in range(4)]
    loads = [line for p in pieces for line in p[:-1]]
    stores = [p[-1] for p in pieces]
    small = []
    for size, less in ((32, 16), (16, 8), (8, 4), (4, 2), (2, 1)):
        small.append(f"""try{size}:
  %has{size} = icmp uge i64 %n, {size}
  br i1 %has{size}, label %do{size}, label %try{less}
do{size}:
{piece(size, "0", f"a{size}")}
  %last{size} = sub i64 %n, {size}
{piece(size, f"%last{size}", f"b{size}")}
  ret void""")
    return f"""
define internal void @{name}_row(ptr %y, {given}, i64 %n) alwaysinline {{
start:
  %long = icmp uge i64 %n, {_VECTOR}
  br i1 %long, label %first, label %try32
first:
{piece(_VECTOR, "0", "first")}
  %address = ptrtoint ptr %y to i64
  %beyond = and i64 %address, {_VECTOR - 1}
  %begin = sub i64 {_VECTOR}, %beyond
  %n.four = sub i64 %n, {4 * _VECTOR}
  %n.one = sub i64 %n, {_VECTOR}
  br label %four
four:
  %i = phi i64 [%begin, %first], [%i.next, %do.four]
  %more.four = icmp sle i64 %i, %n.four
  br i1 %more.four, label %do.four, label %one
do.four:
{chr(10).join([*four, *loads, *stores])}
  %i.next = add i64 %i, {4 * _VECTOR}
  br label %four
one:
  %k = phi i64 [%i, %four], [%k.next, %do.one]
  %more.one = icmp sle i64 %k, %n.one
  br i1 %more.one, label %do.one, label %last
do.one:
{piece(_VECTOR, "%k", "one", _VECTOR)}
  %k.next = add i64 %k, {_VECTOR}
  br label %one
last:
{piece(_VECTOR, "%n.one", "last")}
  ret void
{chr(10).join(small)}
try1:
  %has1 = icmp uge i64 %n, 1
  br i1 %has1, label %do1, label %none
do1:
{piece(1, "0", "a1")}
  ret void
none:
  ret void
}}
"""


def _turned(size: int) -> str:
    """The plane in which y lies together along the inner axis and x along the outer one: blocks are turned in registers."""
    side = SIDES[size]
    kind = f"<{side} x {_type(size)}>"
    lines, rows = [], []
    for r in range(side):
        lines += [
            f"  %xa{r} = mul i64 %dx0, {r}",
            f"  %xp{r} = getelementptr i8, ptr %x, i64 %xa{r}",
            f"  %v{r} = load {kind}, ptr %xp{r}, align 1",
        ]
        rows.append(f"%v{r}")
    far = 1
    while far < side:
        turned = list(rows)
        for r in [r for r in range(side) if not r & far]:
            a, b = rows[r], rows[r + far]
            low = ", ".join([f"i32 {c if not c & far else side + c - far}" for c in range(side)])
            high = ", ".join([f"i32 {c + far if not c & far else side + c}" for c in range(side)])
            for row, which in ((r, low), (r + far, high)):
                turned[row] = f"%w{far}.{row}"
                lines.append(f"  {turned[row]} = shufflevector {kind} {a}, {kind} {b}, <{side} x i32> <{which}>")
        rows, far = turned, 2 * far
    for r in range(side):
        lines += [
            f"  %ya{r} = mul i64 %dy1, {r}",
            f"  %yp{r} = getelementptr i8, ptr %y, i64 %ya{r}",
            f"  store {kind} {rows[r]}, ptr %yp{r}, align 1",
        ]
    return Template(_TURNED).substitute(SIZE=size, SIDE=side, LINE=side * size, BLOCK="\n".join(lines))


_TURNED = """
define internal void @turned${SIZE}(
    ptr %y0, ptr %x0, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length) {
start:
  %j.whole = and i64 %n1, -${SIDE}
  %i.whole = and i64 %n0, -${SIDE}
  %y.step = mul i64 %dy1, ${SIDE}
  %x.step = mul i64 %dx0, ${SIDE}
  br label %band
band:
  %j = phi i64 [0, %start], [%j.next, %next.band]
  %y.band = phi ptr [%y0, %start], [%y.band.next, %next.band]
  %x.band = phi ptr [%x0, %start], [%x.band.next, %next.band]
  %some.j = icmp slt i64 %j, %j.whole
  br i1 %some.j, label %blocks, label %rest
next.band:
  %j.next = add i64 %j, ${SIDE}
  %y.band.next = getelementptr i8, ptr %y.band, i64 %y.step
  %x.band.next = getelementptr i8, ptr %x.band, i64 ${LINE}
  br label %band
blocks:
  %i = phi i64 [0, %band], [%i.next, %block]
  %y = phi ptr [%y.band, %band], [%y.next, %block]
  %x = phi ptr [%x.band, %band], [%x.next, %block]
  %some.i = icmp slt i64 %i, %i.whole
  br i1 %some.i, label %block, label %next.band
block:
${BLOCK}
  %i.next = add i64 %i, ${SIDE}
  %y.next = getelementptr i8, ptr %y, i64 ${LINE}
  %x.next = getelementptr i8, ptr %x, i64 %x.step
  br label %blocks
rest:
  ; What is left of the inner axis for all of the outer one, then what is left of that.
  %i.left = sub i64 %n0, %i.whole
  %y.i = mul i64 %i.whole, ${SIZE}
  %y.right = getelementptr i8, ptr %y0, i64 %y.i
  %x.i = mul i64 %i.whole, %dx0
  %x.right = getelementptr i8, ptr %x0, i64 %x.i
  call void @strided${SIZE}(
      ptr %y.right, ptr %x.right, i64 %n1, i64 %dy1, i64 %dx1, i64 %i.left, i64 %dy0, i64 %dx0, i64 %length)
  %j.left = sub i64 %n1, %j.whole
  call void @strided${SIZE}(
      ptr %y.band, ptr %x.band, i64 %j.left, i64 %dy1, i64 %dx1, i64 %i.whole, i64 %dy0, i64 %dx0, i64 %length)
  ret void
}
"""


_ROWS = """
define internal void @rows(ptr %y0, ptr %x0, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length) {
start:
  br label %head
head:
  %j = phi i64 [0, %start], [%j.next, %body]
  %y = phi ptr [%y0, %start], [%y.next, %body]
  %x = phi ptr [%x0, %start], [%x.next, %body]
  %more = icmp slt i64 %j, %n1
  br i1 %more, label %body, label %end
body:
  call void @copy_row(ptr %y, ptr %x, i64 %n0)
  %j.next = add i64 %j, 1
  %y.next = getelementptr i8, ptr %y, i64 %dy1
  %x.next = getelementptr i8, ptr %x, i64 %dx1
  br label %head
end:
  ret void
}
"""

_FILL = """
define internal void @fill${SIZE}(ptr %y0, ptr %x0, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length) {
start:
  %bytes = mul i64 %n0, ${SIZE}
  br label %head
head:
  %j = phi i64 [0, %start], [%j.next, %body]
  %y = phi ptr [%y0, %start], [%y.next, %body]
  %x = phi ptr [%x0, %start], [%x.next, %body]
  %more = icmp slt i64 %j, %n1
  br i1 %more, label %body, label %end
body:
  %e = load ${TYPE}, ptr %x, align 1
${SPLAT}
  call void @fill_row(ptr %y, <64 x i8> %v, i64 %bytes)
  %j.next = add i64 %j, 1
  %y.next = getelementptr i8, ptr %y, i64 %dy1
  %x.next = getelementptr i8, ptr %x, i64 %dx1
  br label %head
end:
  ret void
}
"""

_STRIDED = """
; In tiles of 16 rows, whose lines of memory stay in the nearest cache.
define internal void @strided${SIZE}(ptr %y0, ptr %x0, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length) {
start:
  %dy.2 = mul i64 %dy0, 2
  %dy.3 = mul i64 %dy0, 3
  %dy.4 = mul i64 %dy0, 4
  %dx.2 = mul i64 %dx0, 2
  %dx.3 = mul i64 %dx0, 3
  %dx.4 = mul i64 %dx0, 4
  br label %tiles
tiles:
  %j0 = phi i64 [0, %start], [%j.end, %next.tiles]
  %some.j = icmp slt i64 %j0, %n1
  br i1 %some.j, label %band, label %end
band:
  %j.whole = add i64 %j0, 16
  %j.cut = icmp slt i64 %j.whole, %n1
  %j.end = select i1 %j.cut, i64 %j.whole, i64 %n1
  br label %tile
next.tiles:
  br label %tiles
tile:
  %i0 = phi i64 [0, %band], [%i.end, %next.tile]
  %some.i = icmp slt i64 %i0, %n0
  br i1 %some.i, label %cut, label %next.tiles
cut:
  %i.whole = add i64 %i0, %length
  %i.cut = icmp slt i64 %i.whole, %n0
  %i.end = select i1 %i.cut, i64 %i.whole, i64 %n0
  %i.four = sub i64 %i.end, 4
  %y.i = mul i64 %i0, %dy0
  %y.tile = getelementptr i8, ptr %y0, i64 %y.i
  %x.i = mul i64 %i0, %dx0
  %x.tile = getelementptr i8, ptr %x0, i64 %x.i
  br label %line
next.tile:
  br label %tile
line:
  %j = phi i64 [%j0, %cut], [%j.next, %next.line]
  %more.j = icmp slt i64 %j, %j.end
  br i1 %more.j, label %begin, label %next.tile
begin:
  %y.j = mul i64 %j, %dy1
  %y.line = getelementptr i8, ptr %y.tile, i64 %y.j
  %x.j = mul i64 %j, %dx1
  %x.line = getelementptr i8, ptr %x.tile, i64 %x.j
  br label %four
next.line:
  %j.next = add i64 %j, 1
  br label %line
four:
  %i = phi i64 [%i0, %begin], [%i.next, %do.four]
  %y = phi ptr [%y.line, %begin], [%y.next, %do.four]
  %x = phi ptr [%x.line, %begin], [%x.next, %do.four]
  %more.four = icmp sle i64 %i, %i.four
  br i1 %more.four, label %do.four, label %one
do.four:
  %x.1 = getelementptr i8, ptr %x, i64 %dx0
  %x.2 = getelementptr i8, ptr %x, i64 %dx.2
  %x.3 = getelementptr i8, ptr %x, i64 %dx.3
  %v.0 = load ${TYPE}, ptr %x, align 1
  %v.1 = load ${TYPE}, ptr %x.1, align 1
  %v.2 = load ${TYPE}, ptr %x.2, align 1
  %v.3 = load ${TYPE}, ptr %x.3, align 1
  %y.1 = getelementptr i8, ptr %y, i64 %dy0
  %y.2 = getelementptr i8, ptr %y, i64 %dy.2
  %y.3 = getelementptr i8, ptr %y, i64 %dy.3
  store ${TYPE} %v.0, ptr %y, align 1
  store ${TYPE} %v.1, ptr %y.1, align 1
  store ${TYPE} %v.2, ptr %y.2, align 1
  store ${TYPE} %v.3, ptr %y.3, align 1
  %i.next = add i64 %i, 4
  %y.next = getelementptr i8, ptr %y, i64 %dy.4
  %x.next = getelementptr i8, ptr %x, i64 %dx.4
  br label %four
one:
  %k = phi i64 [%i, %four], [%k.next, %do.one]
  %y.k = phi ptr [%y, %four], [%y.k.next, %do.one]
  %x.k = phi ptr [%x, %four], [%x.k.next, %do.one]
  %more.one = icmp slt i64 %k, %i.end
  br i1 %more.one, label %do.one, label %next.line
do.one:
  %v.k = load ${TYPE}, ptr %x.k, align 1
  store ${TYPE} %v.k, ptr %y.k, align 1
  %k.next = add i64 %k, 1
  %y.k.next = getelementptr i8, ptr %y.k, i64 %dy0
  %x.k.next = getelementptr i8, ptr %x.k, i64 %dx0
  br label %one
end:
  ret void
}
"""

_BACK = """
define internal void @back${SIZE}(ptr %y0, ptr %x0, i64 %n1, i64 %dy1, i64 %dx1, i64 %n0, i64 %dy0, i64 %dx0, i64 %length) {
start:
  %whole = and i64 %n0, -${LANES}
  br label %head
head:
  %j = phi i64 [0, %start], [%j.next, %next]
  %y = phi ptr [%y0, %start], [%y.next, %next]
  %x = phi ptr [%x0, %start], [%x.next, %next]
  %more = icmp slt i64 %j, %n1
  br i1 %more, label %vectors, label %end
vectors:
  %i = phi i64 [0, %head], [%i.next, %vector]
  %y.at = mul i64 %i, ${SIZE}
  %y.i = getelementptr i8, ptr %y, i64 %y.at
  %x.at = sub i64 0, %y.at
  %x.i = getelementptr i8, ptr %x, i64 %x.at
  %more.i = icmp slt i64 %i, %whole
  br i1 %more.i, label %vector, label %one
vector:
  %x.low = getelementptr i8, ptr %x.i, i64 ${LAST}
  %v = load <${LANES} x ${TYPE}>, ptr %x.low, align 1
  %turned = shufflevector <${LANES} x ${TYPE}> %v, <${LANES} x ${TYPE}> poison, <${LANES} x i32> <${TURNED}>
  store <${LANES} x ${TYPE}> %turned, ptr %y.i, align 1
  %i.next = add i64 %i, ${LANES}
  br label %vectors
one:
  %k = phi i64 [%whole, %vectors], [%k.next, %do.one]
  %y.k = phi ptr [%y.i, %vectors], [%y.k.next, %do.one]
  %x.k = phi ptr [%x.i, %vectors], [%x.k.next, %do.one]
  %more.k = icmp slt i64 %k, %n0
  br i1 %more.k, label %do.one, label %next
do.one:
  %e = load ${TYPE}, ptr %x.k, align 1
  store ${TYPE} %e, ptr %y.k, align 1
  %k.next = add i64 %k, 1
  %y.k.next = getelementptr i8, ptr %y.k, i64 ${SIZE}
  %x.k.next = getelementptr i8, ptr %x.k, i64 -${SIZE}
  br label %one
next:
  %j.next = add i64 %j, 1
  %y.next = getelementptr i8, ptr %y, i64 %dy1
  %x.next = getelementptr i8, ptr %x, i64 %dx1
  br label %head
end:
  ret void
}
"""
