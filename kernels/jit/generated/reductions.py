"""The loop of a kernel that reduces: a formula of rows x n elements to one number for each row.

A row is cut into parts of PART elements whatever the number of threads, so results do not depend on it. `range(arrays, lo, hi)`
does parts lo ... hi of all rows, `combine(arrays, lo, hi)` puts the parts of rows together. Behind the addresses of inputs and
output the table has n, the number of all parts, that of threads, that of a row's parts, and the address of memory for one number
per part; a row of one part goes to the output directly.

Sums add up CHUNK vectors, one after the other; then such sums, of float32 in float64, of float64 with what rounding takes from
them (Knuth's two-sum); then lanes pairwise. So the error is that of CHUNK additions for any length, less than that of NumPy's
pairwise sums, whose blocks are as long and whose errors grow with the logarithm of the length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from ...generated.expression import Expression, in_order, inputs_of
from .loops import Formula, Loop
from .products import multiplied
from .vectors import I32, I64, POINTER, Splat, Vectors, broadcast, in_memory

PART = 8192
"""Elements of a row that are reduced together: 2 to 10 us of work."""

CHUNK = 16
"""Vectors that are added one after the other."""

REDUCTIONS = ("sum", "prod", "max", "min", "any", "all")


def reduced_dtype(reduction: str, dtype: Any) -> Any:
    """The dtype in which a formula of a dtype is reduced."""
    if reduction not in ("sum", "prod"):
        return np.dtype(dtype)
    return np.dtype({"f": "float64", "u": "uint64"}.get(np.dtype(dtype).kind, "int64"))


def write_reduction(module: Any, formula: Formula, vector_bytes: int, name: str) -> None:
    """Write `name_range` and `name_combine` into a module."""
    table = ir.PointerType(POINTER)
    for kind, function, lanes in ((_Parts, "range", formula.lanes(vector_bytes)), (_Combine, "combine", 1)):
        body = ir.Function(module, ir.FunctionType(ir.VoidType(), [table, I64, I64]), name=f"{name}_{function}")
        kind(body, formula, lanes).write()


class _Reducer(Loop):
    """What both functions share: how two values are put together, and how a row's number becomes its output."""

    def prepare(self) -> None:
        """Read the table."""
        count = len(self.bases)
        self.n, self.parts = self._number(count), self._number(count + 3)
        self.of = reduced_dtype(self.formula.reduction, self.formula.root.dtype)
        single = self.formula.root.dtype == "float32" and self.formula.reduction == "sum"
        self.small = self.formula.root.dtype if single else self.of
        place = self.b.load(self.b.gep(self.table, [ir.Constant(I64, count + 4)]))
        self.scratch = self.b.bitcast(place, ir.PointerType(in_memory(self.of)))

    @property
    def compensated(self) -> bool:
        """Whether what rounding takes is kept: in sums of float64 that are not made of float32."""
        return self.formula.reduction == "sum" and self.formula.root.dtype == "float64"

    def _number(self, place: int) -> Any:
        return self.b.ptrtoint(self.b.load(self.b.gep(self.table, [ir.Constant(I64, place)])), I64)

    def neutral(self, lanes: int) -> Any:
        """What changes no result, in every lane."""
        kind, reduction = self.of.kind, self.formula.reduction
        if kind == "b":
            return ir.Constant(ir.VectorType(ir.IntType(1), lanes), [int(reduction == "all")] * lanes)
        if reduction in ("sum", "prod"):
            number = int(reduction == "prod")
            return Splat(ir.VectorType(in_memory(self.of), lanes), float(number) if kind == "f" else number)
        low = reduction == "max"
        if kind == "f":
            return Splat(ir.VectorType(in_memory(self.of), lanes), float("-inf") if low else float("inf"))
        bounds = np.iinfo(self.of)
        return Splat(ir.VectorType(in_memory(self.of), lanes), int(bounds.min if low else bounds.max))

    def joined(self, x: Any, y: Any) -> Any:
        """Two vectors of values put together."""
        b, reduction = self.b, self.formula.reduction
        if reduction == "any":
            return b.or_(x, y)
        if reduction == "all":
            return b.and_(x, y)
        if reduction == "sum":
            return b.fadd(x, y) if self.of.kind == "f" else b.add(x, y)
        if reduction == "prod":
            return b.fmul(x, y) if self.of.kind == "f" else b.mul(x, y)
        if self.of.kind == "f":  # what is not a number stays; of zeros the one that came first
            better = b.select(b.fcmp_ordered(">" if reduction == "max" else "<", y, x), y, x)
            return b.select(b.fcmp_unordered("uno", y, y), y, better)
        compare = b.icmp_unsigned if self.of.kind in "ub" else b.icmp_signed
        return b.select(compare(">" if reduction == "max" else "<", x, y), x, y)

    def added(self, total: Any, lost: Any, x: Any) -> tuple[Any, Any]:
        """A total and what rounding took from it, with x put to it."""
        b = self.b
        if not self.compensated:
            return self.joined(total, x), lost
        s = b.fadd(total, x)
        part = b.fsub(s, total)
        return s, b.fadd(lost, b.fadd(b.fsub(total, b.fsub(s, part)), b.fsub(x, part)))

    def whole(self, total: Any, lost: Any) -> Any:
        """A total with what rounding took from it; an infinite one, of which nothing can be lost, as it is."""
        if not self.compensated:
            return total
        b = self.b
        return b.select(b.fcmp_ordered("==", b.fsub(total, total), ir.Constant(total.type, [0.0] * total.type.count)),
                        b.fadd(total, lost), total)  # fmt: skip

    def give(self, x: Any, row: Any) -> None:
        """Write the output of a row whose reduced number is x."""
        b, v = self.b, Vectors(self.b, 1)
        finish: Any = self.formula.finish
        order = in_order([finish])
        place = ir.Constant(I32, 0)
        for e in order:
            if e.kind == "reduced":
                v.done[e] = b.insert_element(ir.Constant(v.type(e.dtype), ir.Undefined), x, place)
        for e in inputs_of(finish):
            mode = self.formula.modes[e.value]
            y = b.load(self.address(e.value, e.dtype, row if mode == "c" else ir.Constant(I64, 0)))
            if e.dtype.kind == "b":
                y = b.icmp_unsigned("!=", y, ir.Constant(y.type, 0))
            v.done[e] = b.insert_element(ir.Constant(v.type(e.dtype), ir.Undefined), y, place)
        for e in order:
            if e.kind not in ("input", "const", "reduced"):
                v.emit(e)
        y = b.extract_element(v.value(finish), place)
        if finish.dtype.kind == "b":
            y = b.zext(y, in_memory(finish.dtype))
        b.store(y, self.address(len(self.bases) - 1, finish.dtype, row))

    def kept(self, x: Any) -> Any:
        """A reduced number as it lies in memory."""
        return self.b.zext(x, in_memory(self.of)) if self.of.kind == "b" else x

    def counted(self, first: Any, last: Any, name: str, *carried: Any) -> tuple[Any, ...]:
        """Begin a loop over first ... last: its number, the blocks of its head and its end, and the values that it carries.

        carried: what these are before the loop.
        """
        b = self.b
        head, loop, end, before = self.block(name), self.block(name), self.block(name), b.block
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(first, before)
        values = [b.phi(x.type) for x in carried]
        for value, x in zip(values, carried, strict=True):
            value.add_incoming(x, before)
        b.cbranch(b.icmp_signed("<", i, last), loop, end)
        b.position_at_end(loop)
        return i, head, end, *values

    def close(self, i: Any, step: Any, head: Any, end: Any) -> None:
        """End a loop of counted()."""
        i.add_incoming(step, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(end)


class _Parts(_Reducer):
    def write(self) -> None:
        """Every part of lo ... hi, to the output or to the memory for parts."""
        self.prepare()
        b, one = self.b, ir.Constant(I64, 1)
        t, head, end = self.counted(self.lo, self.hi, "part")
        self.row = b.udiv(t, self.parts)
        first = b.mul(b.urem(t, self.parts), ir.Constant(I64, PART))
        last = b.add(first, ir.Constant(I64, PART))
        last = b.select(b.icmp_signed("<", last, self.n), last, self.n)
        x = self._across(self._reduced(first, last))
        direct, saved, following = self.block("direct"), self.block("saved"), self.block("following")
        b.cbranch(b.icmp_signed("==", self.parts, one), direct, saved)
        b.position_at_end(direct)
        self.give(x, self.row)
        b.branch(following)
        b.position_at_end(saved)
        b.store(self.kept(x), b.gep(self.scratch, [t]))
        b.branch(following)
        b.position_at_end(following)
        self.close(t, b.add(t, one), head, end)
        b.ret_void()

    def _reduced(self, first: Any, last: Any) -> Any:
        """The columns first ... last of the row, reduced to one vector."""
        b, lanes = self.b, self.lanes
        neutral, size = self.neutral(lanes), ir.Constant(I64, lanes)
        few = Splat(ir.VectorType(in_memory(self.small), lanes), 0.0) if self.small != self.of else neutral
        whole = b.add(first, b.and_(b.sub(last, first), ir.Constant(I64, -lanes)))
        start, initial = multiplied(self, first, whole) if self.multiplies_few else (first, neutral)
        i, head, end, total, lost = self.counted(start, whole, "chunk", initial, neutral)
        stop = b.add(i, ir.Constant(I64, CHUNK * lanes))
        stop = b.select(b.icmp_signed("<", stop, whole), stop, whole)
        j, inner, done, some = self.counted(i, stop, "vector", few)
        more = self.joined(some, self._value(j, None))
        some.add_incoming(more, b.block)
        self.close(j, b.add(j, size), inner, done)
        summed, left = self.added(total, lost, self._wide(some))
        total.add_incoming(summed, b.block)
        lost.add_incoming(left, b.block)
        self.close(i, stop, head, end)
        tail, over = self.block("tail"), self.block("over")
        b.cbranch(b.icmp_signed("<", whole, last), tail, over)
        b.position_at_end(tail)
        numbers = ir.Constant(ir.VectorType(I32, lanes), list(range(lanes)))
        mask = b.icmp_signed("<", numbers, broadcast(b, b.trunc(b.sub(last, whole), I32), lanes))
        summed, left = self.added(total, lost, b.select(mask, self._wide(self._value(whole, mask)), neutral))
        after = b.block
        b.branch(over)
        b.position_at_end(over)
        found = []
        for with_tail, without in ((summed, total), (left, lost)):
            x = b.phi(neutral.type)
            x.add_incoming(without, end)
            x.add_incoming(with_tail, after)
            found.append(x)
        return self.whole(*found)

    def _value(self, column: Any, mask: Any) -> Any:
        """One vector of the formula in the dtype in which a few are put together."""
        v, y, _ = self.computed(column, self.n, mask)
        return v.converted(y, self.formula.root.dtype, self.small)

    def _wide(self, x: Any) -> Any:
        """A few put together, in the dtype in which all are."""
        return Vectors(self.b, self.lanes).converted(x, self.small, self.of)

    @property
    def multiplies_few(self) -> bool:
        """Whether a few are multiplied before they are converted."""
        return self.formula.reduction == "prod" and self.formula.root.dtype == "float32"

    def wide(self, x: Any) -> Any:
        """A vector of the formula in the dtype in which all are put together."""
        return Vectors(self.b, self.lanes).converted(x, self.formula.root.dtype, self.of)

    def _across(self, x: Any) -> Any:
        """The lanes of a vector put together, pairwise."""
        b, lanes = self.b, self.lanes
        while lanes > 1:
            lanes //= 2
            low, high = (ir.Constant(ir.VectorType(I32, lanes), [k + i for i in range(lanes)]) for k in (0, lanes))
            x = self.joined(b.shuffle_vector(x, x, low), b.shuffle_vector(x, x, high))
        return b.extract_element(x, ir.Constant(I32, 0))


class _Combine(_Reducer):
    def write(self) -> None:
        """The parts of rows lo ... hi put together in order."""
        self.prepare()
        b, one, nothing = self.b, ir.Constant(I64, 1), self.neutral(1)
        row, head, end = self.counted(self.lo, self.hi, "row")
        k, inner, done, total, lost = self.counted(ir.Constant(I64, 0), self.parts, "parts", nothing, nothing)
        x = b.load(b.gep(self.scratch, [b.add(b.mul(row, self.parts), k)]))
        if self.of.kind == "b":
            x = b.icmp_unsigned("!=", x, ir.Constant(x.type, 0))
        summed, left = self.added(total, lost, broadcast(b, x, 1))
        total.add_incoming(summed, b.block)
        lost.add_incoming(left, b.block)
        self.close(k, b.add(k, one), inner, done)
        self.give(b.extract_element(self.whole(total, lost), ir.Constant(I32, 0)), row)
        self.close(row, b.add(row, one), head, end)
        b.ret_void()


def finished(reduction: str, dtype: Any) -> Expression:
    """The reduced number of a formula of a dtype, which finish formulas are written with."""
    from ...generated.expression import node

    return node("reduced", (), reduced_dtype(reduction, dtype))
