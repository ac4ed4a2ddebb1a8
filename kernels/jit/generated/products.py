"""Products of float32, of which a few are multiplied in float32 where that can neither overflow nor lose digits.

A float64 holds half as many numbers to a register, and to convert them costs more than to multiply them. So four vectors are
multiplied as they are where the products of two are at least 2^-32 and below 2^32: those are then rounded once, and theirs is
far from both ends of the range. Where one is not, or is 0, infinite or no number, all are multiplied in float64. So a product
overflows where that of float64 does, whatever the order of its factors.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .vectors import I32, I64, Splat

TOGETHER = 4
"""Vectors."""

MOVED, FIELD, INSIDE = 33 << 23, 0x60000000, 0x40000000
"""What moves the exponents -32 ... 31 to 128 ... 191 as they are stored, whose two upper bits no other exponents have."""


def multiplied(parts: Any, first: Any, last: Any) -> tuple[Any, Any]:
    """The products of the columns first ... last of a row in float64, without the last vectors: where these begin, the products.

    parts: the loop that asks (`_Parts` in reductions.py).
    """
    b, lanes = parts.b, parts.lanes
    step = ir.Constant(I64, TOGETHER * lanes)
    words, number = ir.VectorType(I32, lanes), ir.IntType(lanes)
    stop = b.add(first, b.mul(b.sdiv(b.sub(last, first), step), step))
    i, head, end, total = parts.counted(first, stop, "product", parts.neutral(lanes))
    found = [parts.computed(b.add(i, ir.Constant(I64, k * lanes)), parts.n, None)[1] for k in range(TOGETHER)]
    pairs = [b.fmul(found[k], found[k + 1]) for k in range(0, TOGETHER, 2)]
    outside = ir.Constant(words, [0] * lanes)
    for x in pairs:
        outside = b.or_(outside, b.xor(b.add(b.bitcast(x, words), Splat(words, MOVED)), Splat(words, INSIDE)))
    far = b.icmp_unsigned("!=", b.and_(outside, Splat(words, FIELD)), ir.Constant(words, [0] * lanes))
    fast, slow, after = parts.block("together"), parts.block("apart"), parts.block("after")
    b.cbranch(b.icmp_unsigned("==", b.bitcast(far, number), ir.Constant(number, 0)), fast, slow)
    b.position_at_end(fast)
    together = b.fmul(total, parts.wide(b.fmul(*pairs)))
    b.branch(after)
    b.position_at_end(slow)
    apart = total
    for x in found:
        apart = b.fmul(apart, parts.wide(x))
    b.branch(after)
    b.position_at_end(after)
    made = b.phi(total.type)
    made.add_incoming(together, fast)
    made.add_incoming(apart, slow)
    total.add_incoming(made, after)
    parts.close(i, b.add(i, step), head, end)
    return stop, total
