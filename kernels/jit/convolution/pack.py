"""Copies around the tiles: images into padded phase planes, weights into tile order, results back."""

from __future__ import annotations

from ...types import Array
from ..machine.compile import inner
from ..machine.vector import Emitter, Value, clear, copy_rows, emits, int64
from ..machine.views import Rows, Tail, head, window
from .plan import Packing


def _emit_take(e: Emitter, target: Value, to: Value, source: Value, start: Value, n: Value, stride: Value) -> None:
    b = e.b
    target, source = e.at(target, to), e.at(source, start)
    even = list(range(0, 2 * e.lanes, 2))

    def vector(v: Value, _: list[Value]) -> list[Value]:
        pair = e.vectors(source, b.shl(v, int64(1)))
        e.store(e.shuffle(e.load(pair), e.load(e.at(pair, e.lanes)), even), e.vectors(target, v))
        return []

    def single(i: Value, _: list[Value]) -> list[Value]:
        e.store_one(e.load_one(e.at(source, b.mul(i, stride))), e.at(target, i))
        return []

    with e.when_positive(n), b.if_else(b.icmp_signed("==", stride, int64(2))) as (by_two, otherwise):
        with by_two:  # the last vector reads 2 rest - 1 elements and not one more: it may be the end of the array
            full = b.sdiv(b.sub(n, int64(1)), int64(e.lanes))
            with e.when_positive(full):
                e.loop(full, [], vector)
            rest = b.sub(n, b.mul(full, int64(e.lanes)))
            reach = b.sub(b.shl(rest, int64(1)), int64(1))
            pair = e.vectors(source, b.shl(full, int64(1)))
            low = e.masked_load(pair, e.first_lanes(reach))
            high = e.masked_load(e.at(pair, e.lanes), e.first_lanes(b.sub(reach, int64(e.lanes))))
            e.masked_store(e.shuffle(low, high, even), e.vectors(target, full), e.first_lanes(rest))
        with otherwise:
            e.loop(n, [], single)


@emits(_emit_take)
def take(target: Array, to: int, source: Array, start: int, n: int, stride: int) -> None:
    """target[to + i] = source[start + stride i] for i < n. Strides of two, the usual ones, go by vectors."""
    if n > 0:
        window(target, to, n)[:] = window(source, start, (n - 1) * stride + 1)[::stride]


def _emit_interleave(e: Emitter, target: Tail, even: Tail, odd: Tail, n: Value) -> None:
    b, half = e.b, e.lanes // 2
    to, left, right = e.start(target), e.start(even), e.start(odd)
    low = [lane for i in range(half) for lane in (i, e.lanes + i)]
    high = [lane + half for lane in low]

    def vector(v: Value, _: list[Value]) -> list[Value]:
        one, two = e.load(e.vectors(left, v)), e.load(e.vectors(right, v))
        here = e.vectors(to, b.shl(v, int64(1)))
        e.store(e.shuffle(one, two, low), here)
        e.store(e.shuffle(one, two, high), e.at(here, e.lanes))
        return []

    full = b.sdiv(n, int64(e.lanes))
    with e.when_positive(full):
        e.loop(full, [], vector)
    rest = b.sub(n, b.mul(full, int64(e.lanes)))
    with e.when_positive(rest):
        one, two = (e.masked_load(e.vectors(side, full), e.first_lanes(rest)) for side in (left, right))
        here, reach = e.vectors(to, b.shl(full, int64(1))), b.shl(rest, int64(1))
        e.masked_store(e.shuffle(one, two, low), here, e.first_lanes(reach))
        e.masked_store(e.shuffle(one, two, high), e.at(here, e.lanes), e.first_lanes(b.sub(reach, int64(e.lanes))))


@emits(_emit_interleave)
def interleave(target: Tail, even: Tail, odd: Tail, n: int) -> None:
    """target[2 i], target[2 i + 1] = even[i], odd[i] for i < n."""
    pairs = head(target, 2 * n)
    pairs[::2], pairs[1::2] = head(even, n), head(odd, n)


@inner(inline=True)
def put(target: Array, source: Array, stride: int) -> None:
    """target[stride i] = source[i]."""
    for i in range(source.size):
        target[stride * i] = source[i]


@inner()
def pack_image(buffer: Array, at: int, x: Array, image: int, first: int, p: Packing) -> None:
    """Phase planes (channels, phases, height, width) of the zero-padded image that starts at x[image].

    first: the row of every plane to begin with. The buffer must have been zero at the start: the columns of the side
    borders are never written.
    """
    if p.SH == 1 and p.SW == 1:
        above = min(p.height, max(0, p.top - first))
        below = max(above, min(p.height, p.H + p.top - first))
        border, cut = max(0, p.left), max(0, -p.left)
        for c in range(p.channels):
            d, row = at + c * p.height * p.width, first + above - p.top
            clear(buffer[d : d + above * p.width])
            target = Rows(buffer, d + above * p.width + border, p.width)
            source = Rows(x, image + (c * p.H + row) * p.W + cut, p.W)
            copy_rows(target, source, min(p.width - border, p.W - cut), below - above)
            clear(buffer[d + below * p.width : d + p.height * p.width])
        return
    d = at
    for c in range(p.channels):
        for a in p.row_phases:
            for b in p.col_phases:
                low = max(0, (p.left - b + p.SW - 1) // p.SW)
                high = max(low, min(p.width, (p.W + p.left - b + p.SW - 1) // p.SW))
                for q in range(p.height):
                    row = (first + q) * p.SH + a - p.top
                    if row < 0 or row >= p.H:
                        clear(buffer[d : d + p.width])
                    else:
                        source = image + (c * p.H + row) * p.W + low * p.SW + b - p.left
                        take(buffer, d + low, x, source, high - low, p.SW)
                    d += p.width
