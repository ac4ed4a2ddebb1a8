"""layer_norm and its gradients over a few rows at once, in vector registers.

For the gradients, a first pass over gy and x (see norm_rows.py) gives sums along each row, a second the rows of gx, and what they
add to the gradients of weight and bias. Rows are taken together because a row alone would load and store those
sums, and load the weight, for every vector of its own. The rows come from the cache there: together and straight from memory they
are slower than one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...types import Array
from .streams import store_past
from .vector import Emitter, Value, emits, int64
from .views import Rows, row_of, window

TOGETHER = 2
"""Rows taken together: what is known of more, and their sums, would not fit into the registers of AVX2."""

Store = Callable[[Value, Value, Value | None], None]
"""store(vector, address, mask)."""


class Statistics(NamedTuple):
    """Of each group that is normalised: its mean, and 1 / sqrt(variance + eps)."""

    mean: Array
    rstd: Array


class Sums(NamedTuple):
    """Gradients of weight and bias: (pieces, D) float64, sums over one run of rows each; also what such sums are made of."""

    weight: Array
    bias: Array


class Affine(NamedTuple):
    """Of each of a few rows: the mean as the dtype holds it, rstd, and what the rest of the mean adds to xhat."""

    mean: Array
    rstd: Array
    rest: Array
    rows: int


class Terms(NamedTuple):
    """Of each of a few rows: mean and rstd, and by how much gx rises with xhat, and in all places."""

    mean: Array
    rstd: Array
    slope: Array
    level: Array
    rows: int


def _in_groups(e: Emitter, rows: Value, group: Callable[[Value, int], None]) -> None:
    """group(first, number) for TOGETHER rows at a time, and for each of those that are left."""
    b = e.b
    groups = b.sdiv(rows, int64(TOGETHER))
    done = b.mul(groups, int64(TOGETHER))

    def whole(k: Value, _: list[Value]) -> list[Value]:
        group(b.mul(k, int64(TOGETHER)), TOGETHER)
        return []

    def single(k: Value, _: list[Value]) -> list[Value]:
        group(b.add(done, k), 1)
        return []

    with e.when_positive(groups):
        e.loop(groups, [], whole)
    left = b.sub(rows, done)
    with e.when_positive(left):
        e.loop(left, [], single)


def _along(
    e: Emitter, n: Value, streamed: Value, body: Callable[[Value, Value | None, Store], list[Value]]
) -> None:
    """body(v, mask, store) for each vector of n elements; store() writes past the caches if so wished, but for a last part."""
    b = e.b

    def past(vector: Value, address: Value, mask: Value | None) -> None:
        store_past(e, vector, address)

    with b.if_else(b.icmp_signed("!=", streamed, int64(0))) as (large, usual):
        with large:
            whole, rest = b.sdiv(n, int64(e.lanes)), b.srem(n, int64(e.lanes))
            with e.when_positive(whole):
                e.loop(whole, [], lambda v, _: body(v, None, past))
            with e.when_positive(rest):
                body(whole, e.first_lanes(rest), e.masked_store)
        with usual:
            e.each_vector(n, [], lambda v, mask, _: body(v, mask, e.masked_store))


def _emit_layer_rows(
    e: Emitter, x: Rows, weight: Value, bias: Value, terms: Affine, y: Rows, streamed: Value
) -> None:
    b, start, out = e.b, e.start(x), e.start(y)

    def group(first: Value, together: int) -> None:
        numbers = [b.add(first, int64(r)) for r in range(together)]
        known = [[e.broadcast(e.at(term, r)) for term in terms[:-1]] for r in numbers]
        places = [(e.at(start, b.mul(r, x.pitch)), e.at(out, b.mul(r, y.pitch))) for r in numbers]

        def vector(v: Value, mask: Value | None, store: Store) -> list[Value]:
            scale, shift = (e.masked_load(e.vectors(a, v), mask) for a in (weight, bias))
            for (mean, rstd, rest), (given, place) in zip(known, places, strict=True):
                hat = e.fma(b.fsub(e.masked_load(e.vectors(given, v), mask), mean), rstd, rest)
                store(e.fma(hat, scale, shift), e.vectors(place, v), mask)
            return []

        _along(e, x.pitch, streamed, vector)

    with e.when_positive(x.pitch):
        _in_groups(e, terms.rows, group)


@emits(_emit_layer_rows)
def layer_rows(x: Rows, weight: Array, bias: Array, terms: Affine, y: Rows, streamed: bool) -> None:
    """y = ((x - mean) rstd + rest) weight + bias over so many dense rows."""
    n = x.pitch
    for r in range(terms.rows):
        hat = (row_of(x, r, n) - terms.mean[r]) * terms.rstd[r] + terms.rest[r]
        row_of(y, r, n)[:] = hat * weight[:n] + bias[:n]


def _emit_layer_grad_rows(
    e: Emitter, gy: Rows, x: Rows, weight: Value, terms: Terms, gx: Rows, sums: Sums, streamed: Value
) -> None:
    b = e.b
    starts, out = (e.start(gy), e.start(x)), e.start(gx)

    def group(first: Value, together: int) -> None:
        numbers = [b.add(first, int64(r)) for r in range(together)]
        known = [[e.broadcast(e.at(term, r)) for term in terms[:-1]] for r in numbers]
        inputs = [[e.at(start, b.mul(r, x.pitch)) for start in starts] for r in numbers]
        outputs = [e.at(out, b.mul(r, gx.pitch)) for r in numbers]

        def vector(v: Value, mask: Value | None, store: Store) -> list[Value]:
            scale, of_weight, of_bias = (e.masked_load(e.vectors(a, v), mask) for a in (weight, *sums))
            for (mean, rstd, slope, level), places, place in zip(known, inputs, outputs, strict=True):
                g, value = (e.masked_load(e.vectors(a, v), mask) for a in places)
                hat = b.fmul(b.fsub(value, mean), rstd)
                of_weight, of_bias = e.fma(g, hat, of_weight), b.fadd(of_bias, g)
                result = e.fma(b.fmul(g, scale), rstd, e.fma(hat, slope, level))
                store(result, e.vectors(place, v), mask)
            for total, a in zip((of_weight, of_bias), sums, strict=True):
                e.masked_store(total, e.vectors(a, v), mask)
            return []

        _along(e, x.pitch, streamed, vector)

    with e.when_positive(x.pitch):
        _in_groups(e, terms.rows, group)


@emits(_emit_layer_grad_rows)
def layer_grad_rows(gy: Rows, x: Rows, weight: Array, terms: Terms, gx: Rows, sums: Sums, streamed: bool) -> None:
    """gx = rstd weight gy + slope xhat + level over so many dense rows; adds gy xhat and gy to the sums, in the dtype of x."""
    n = x.pitch
    for r in range(terms.rows):
        g, hat = row_of(gy, r, n), (row_of(x, r, n) - terms.mean[r]) * terms.rstd[r]
        row_of(gx, r, n)[:] = weight[:n] * g * terms.rstd[r] + (hat * terms.slope[r] + terms.level[r])
        window(sums.weight, 0, n)[:] += g * hat
        window(sums.bias, 0, n)[:] += g
