"""The two transforms of Winograd's F(2 x 2, 3 x 3) for whole vectors of patches.

On phase planes of stride 2, element (r, c) of `lanes` neighbouring patches is one vector: plane (r % 2, c % 2) shifted
by (r // 2, c // 2).
"""

from __future__ import annotations

import numpy as np

from ..types import Array
from .vector import Emitter, Value, emits, int64, lanes_of, window

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def _emit_patches(
    e: Emitter, x: Value, xo: Value, plane: Value, width: Value, v: Value, vo: Value, step: Value, vectors: Value
) -> None:
    b = e.b

    def b_t(q: list[Value]) -> list[Value]:
        return [b.fsub(q[0], q[2]), b.fadd(q[1], q[2]), b.fsub(q[2], q[1]), b.fsub(q[1], q[3])]

    def body(i: Value, _: list[Value]) -> list[Value]:
        here, target = e.vectors(e.at(x, xo), i), e.vectors(e.at(v, vo), i)
        patch: list[list[Value]] = []
        for r in range(4):
            row = e.at(here, width) if r > 1 else here
            planes = [e.at(row, b.mul(plane, int64(r % 2 * 2 + c))) for c in range(2)]
            patch.append([e.load(e.at(planes[c % 2], c // 2)) for c in range(4)])
        columns = [b_t([patch[r][c] for r in range(4)]) for c in range(4)]
        for r in range(4):
            for value in b_t([columns[c][r] for c in range(4)]):
                e.store(value, target)
                target = e.at(target, step)
        return []

    e.loop(vectors, [], body)


@emits(_emit_patches)
def transform_patches(x: Array, xo: int, plane: int, width: int, v: Array, vo: int, step: int, vectors: int) -> None:
    """v[(4 i + j) step ...] = (B^T d B)[i, j], d the patches of one channel's four phase planes; vectors >= 1."""
    n = vectors * lanes_of(x)
    d = np.array(
        [[window(x, xo + (r % 2 * 2 + c % 2) * plane + r // 2 * width + c // 2, n) for c in range(4)] for r in range(4)]
    )
    result = np.einsum("ir,jc,rcn->ijn", B_T, B_T, d).astype(x.dtype)
    for i in range(16):
        window(v, vo + i * step, n)[:] = result[i // 4, i % 4]


def _emit_products(
    e: Emitter, m: Value, mo: Value, step: Value, bias: Value, k: Value, even: Value, odd: Value, finite: Value, vectors: Value
) -> None:
    b, half, constant = e.b, e.lanes // 2, e.broadcast(e.at(bias, k))
    low = [lane for i in range(half) for lane in (i, e.lanes + i)]
    high = [lane + half for lane in low]

    def a_t(q: list[Value]) -> tuple[Value, Value]:
        return b.fadd(b.fadd(q[0], q[1]), q[2]), b.fsub(b.fsub(q[1], q[2]), q[3])

    def body(i: Value, carried: list[Value]) -> list[Value]:
        source, products, check = e.vectors(e.at(m, mo), i), [], carried[0]
        for _ in range(16):
            products.append(e.load(source))
            source = e.at(source, step)
        columns = [a_t([products[4 * r + c] for r in range(4)]) for c in range(4)]
        ends = []
        for r, rows in enumerate((even, odd)):
            left, right = (b.fadd(side, constant) for side in a_t([columns[c][r] for c in range(4)]))
            target = e.vectors(rows, b.mul(i, int64(2)))
            e.store(e.shuffle(left, right, low), target)
            e.store(e.shuffle(left, right, high), e.at(target, e.lanes))
            ends.append(b.fadd(left, right))
        check = e.fma(b.fadd(*ends), e.zero, check)  # plus 0 for finite values, NaN for others
        return [check]

    e.store(e.loop(vectors, [e.load(finite)], body)[0], finite)


@emits(_emit_products)
def transform_products(
    m: Array, mo: int, step: int, bias: Array, k: int, even: Array, odd: Array, finite: Array, vectors: int
) -> None:
    """A^T m A + bias[k]: upper outputs of each patch to `even`, lower to `odd`. `finite` turns NaN if one is not finite."""
    n = vectors * lanes_of(m)
    products = np.array([window(m, mo + i * step, n) for i in range(16)]).reshape(4, 4, n)
    result = np.einsum("ri,cj,ijn->rnc", A_T, A_T, products).astype(m.dtype) + window(bias, k, 1)
    window(even, 0, 2 * n)[:] = result[0].reshape(-1)
    window(odd, 0, 2 * n)[:] = result[1].reshape(-1)
    finite[0] += np.sum(result * 0)
