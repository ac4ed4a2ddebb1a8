"""The loop of a generated kernel: whole vectors, then one masked vector for what is left.

The function is `range(arrays, lo, hi)`, where arrays[i] is the address of input i, and of the output behind the inputs. A mode
says with a letter how each input is read: f, an element for each of the output; s, one number for all. With rows, the output
is rows x n, arrays[inputs + 1] is n, and lo ... hi are rows: r, one row that all rows share; c, one number for each row; p, rows
as f has, apart from one another by arrays[inputs + PITCHES + i] bytes; t, rows, and u, one number for each row, which begin so
many bytes behind the first one as the table at arrays[inputs + PITCHES + i] says for each row of the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from ...generated.expression import HALVES, Expression, in_order
from .vectors import I32, I64, POINTER, Vectors, broadcast, in_memory

PITCHES = 6
"""Where in the table behind the addresses of inputs the distances of rows begin, or tables of them, behind what a reduction
needs."""

WIDE = 2
"""Registers per vector: two independent chains hide the latency of one another. 1 was slower for every formula measured."""


@dataclass(frozen=True)
class Formula:
    """What a kernel computes: inputs in the order of its arguments, the expanded formula, a letter for each input.

    reduction: how each row of it is reduced (see reductions.py), and finish, the expanded formula of the output in terms of
    the ``"reduced"`` number; "" and None for a formula whose every element is an output.
    """

    inputs: tuple[Expression, ...]
    root: Expression
    modes: str
    reduction: str = ""
    finish: Expression | None = None

    @property
    def by_rows(self) -> bool:
        return bool(self.reduction) or not {*self.modes} <= {*"fs"}

    @property
    def dtype(self) -> Any:
        """Of the output."""
        return self.root.dtype if self.finish is None else self.finish.dtype

    def lanes(self, vector_bytes: int) -> int:
        """Lanes of a vector: so many that those of the widest numbers inside fill two registers, in memory's narrowest four."""
        sizes = [4 if e.dtype.name in HALVES else e.itemsize for e in (*self.inputs, self.root) if e.dtype.kind != "b"]
        return vector_bytes // max(sizes, default=1) * WIDE


def write_range(module: Any, formula: Formula, vector_bytes: int, name: str) -> Any:
    """Write the function into a module."""
    body = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType(POINTER), I64, I64]), name=name)
    Loop(body, formula, formula.lanes(vector_bytes)).write()
    return body


class Loop:
    """Writes the loop into an empty function."""

    def __init__(self, body: Any, formula: Formula, lanes: int) -> None:
        self.body, self.formula, self.lanes = body, formula, lanes
        self.b = ir.IRBuilder(body.append_basic_block("start"))
        self.table, self.lo, self.hi = body.args
        self.row: Any = None
        arrays = len(formula.inputs) + 1
        self.bases = [self.b.load(self.b.gep(self.table, [ir.Constant(I64, i)])) for i in range(arrays)]
        self.order = [e for e in in_order([formula.root]) if e.kind not in ("input", "const")]

    def write(self) -> None:
        if self.formula.by_rows:
            self._rows()
        else:
            self._elements(self.lo, self.hi)
        self.b.ret_void()

    def block(self, name: str) -> Any:
        return self.body.append_basic_block(name)

    def _rows(self) -> None:
        """A loop over rows lo ... hi around that over a row's elements."""
        b, zero = self.b, ir.Constant(I64, 0)
        place = b.gep(self.table, [ir.Constant(I64, len(self.bases))])
        n = b.ptrtoint(b.load(place), I64)
        outer, done, before = self.block("row"), self.block("done"), b.block
        b.cbranch(b.icmp_signed("<", self.lo, self.hi), outer, done)
        b.position_at_end(outer)
        self.row = b.phi(I64)
        self.row.add_incoming(self.lo, before)
        self._elements(zero, n)
        following = b.add(self.row, ir.Constant(I64, 1))
        self.row.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, self.hi), outer, done)
        b.position_at_end(done)

    def _elements(self, lo: Any, hi: Any) -> None:
        b, lanes = self.b, self.lanes
        head, loop, tail, last, end = (self.block(n) for n in ("head", "loop", "tail", "last", "end"))
        whole = b.add(lo, b.and_(b.sub(hi, lo), ir.Constant(I64, -lanes)))
        start = b.block
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(lo, start)
        b.cbranch(b.icmp_signed("<", i, whole), loop, tail)
        b.position_at_end(loop)
        self._vector(i, hi, None)
        i.add_incoming(b.add(i, ir.Constant(I64, lanes)), b.block)
        b.branch(head)
        b.position_at_end(tail)
        b.cbranch(b.icmp_signed("<", whole, hi), last, end)
        b.position_at_end(last)
        left = broadcast(b, b.trunc(b.sub(hi, whole), I32), lanes)
        numbers = ir.Constant(ir.VectorType(I32, lanes), list(range(lanes)))
        self._vector(whole, hi, b.icmp_signed("<", numbers, left))
        b.branch(end)
        b.position_at_end(end)

    def _vector(self, column: Any, n: Any, mask: Any) -> None:
        """One vector of the output, from a column on; with a mask, only its lanes are read and written."""
        b, root = self.b, self.formula.root
        v, y, at = self.computed(column, n, mask)
        if root.dtype.kind == "b":
            y = b.zext(y, v.stored(root.dtype))
        self._store(v, y, self.address(len(self.bases) - 1, root.dtype, at), root.dtype, mask)

    def computed(self, column: Any, n: Any, mask: Any) -> tuple[Vectors, Any, Any]:
        """One vector of the formula, from a column on, what wrote it, and where it lies; with a mask, only its lanes are read."""
        b, v = self.b, Vectors(self.b, self.lanes)
        at = column if self.row is None else b.add(column, b.mul(self.row, n))
        for i, (e, mode) in enumerate(zip(self.formula.inputs, self.formula.modes, strict=True)):
            if mode in "scu":
                place = self.address(i, e.dtype, self.row if mode == "c" else ir.Constant(I64, 0))
                x = broadcast(b, b.load(self._moved(place, i, e.dtype) if mode == "u" else place), self.lanes)
            else:
                place = self.address(i, e.dtype, at if mode == "f" else column)
                x = self._load(v, self._moved(place, i, e.dtype) if mode in "pt" else place, e.dtype, mask)
            if e.dtype.kind == "b":
                x = b.icmp_unsigned("!=", x, ir.Constant(x.type, [0] * self.lanes))
            v.done[e] = x
        for e in self.order:
            v.emit(e)
        return v, v.value(self.formula.root), at

    def address(self, i: int, dtype: Any, at: Any) -> Any:
        return self.b.gep(self.b.bitcast(self.bases[i], ir.PointerType(in_memory(dtype))), [at])

    def _moved(self, place: Any, i: int, dtype: Any) -> Any:
        """A place in the first row of input i, in the row at hand."""
        b = self.b
        held = b.load(b.gep(self.table, [ir.Constant(I64, len(self.formula.inputs) + PITCHES + i)]))
        if self.formula.modes[i] == "p":
            moved = b.mul(self.row, b.ptrtoint(held, I64))
        else:
            moved = b.load(b.gep(b.bitcast(held, ir.PointerType(I64)), [self.row]))
        return b.bitcast(b.gep(b.bitcast(place, POINTER), [moved]), ir.PointerType(in_memory(dtype)))

    def _suffix(self, dtype: Any) -> str:
        return f"v{self.lanes}{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}.p0"

    def _load(self, v: Vectors, place: Any, dtype: Any, mask: Any) -> Any:
        t = v.stored(dtype)
        pointer = self.b.bitcast(place, ir.PointerType(t))
        if mask is None:
            return self.b.load(pointer, align=dtype.itemsize)
        load = v.function(f"llvm.masked.load.{self._suffix(dtype)}", t, [ir.PointerType(t), I32, mask.type, t])
        nothing = ir.Constant(t, [0.0 if dtype.kind == "f" else 0] * self.lanes)
        return self.b.call(load, [pointer, ir.Constant(I32, dtype.itemsize), mask, nothing])

    def _store(self, v: Vectors, y: Any, place: Any, dtype: Any, mask: Any) -> None:
        t = v.stored(dtype)
        pointer = self.b.bitcast(place, ir.PointerType(t))
        if mask is None:
            self.b.store(y, pointer, align=dtype.itemsize)
            return
        takes = [t, ir.PointerType(t), I32, mask.type]
        store = v.function(f"llvm.masked.store.{self._suffix(dtype)}", ir.VoidType(), takes)
        self.b.call(store, [y, pointer, ir.Constant(I32, dtype.itemsize), mask])
