"""The two transforms of Winograd's F(2 x 2, 3 x 3) for whole vectors of patches.

On phase planes of stride 2, element (r, c) of `lanes` neighbouring patches is one vector: plane (r % 2, c % 2) shifted
by (r // 2, c // 2).
"""

from __future__ import annotations

import numpy as np

from ...types import Array
from ..machine.vector import Emitter, Value, emits, int64, lanes_of
from ..machine.views import Rows, Tail, head, row_of, window

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def _emit_patches(e: Emitter, image: Rows, plane: Value, out: Rows, vectors: Value) -> None:
    b = e.b

    def b_t(q: list[Value]) -> list[Value]:
        return [b.fsub(q[0], q[2]), b.fadd(q[1], q[2]), b.fsub(q[2], q[1]), b.fsub(q[1], q[3])]

    def body(i: Value, _: list[Value]) -> list[Value]:
        here, target = e.vectors(e.start(image), i), e.vectors(e.start(out), i)
        patch: list[list[Value]] = []
        for r in range(4):
            row = e.at(here, image.pitch) if r > 1 else here
            planes = [e.at(row, b.mul(plane, int64(r % 2 * 2 + c))) for c in range(2)]
            patch.append([e.load(e.at(planes[c % 2], c // 2)) for c in range(4)])
        columns = [b_t([patch[r][c] for r in range(4)]) for c in range(4)]
        for r in range(4):
            for value in b_t([columns[c][r] for c in range(4)]):
                e.store(value, target)
                target = e.at(target, out.pitch)
        return []

    e.loop(vectors, [], body)


@emits(_emit_patches)
def transform_patches(image: Rows, plane: int, out: Rows, vectors: int) -> None:
    """Row 4 i + j of out = (B^T d B)[i, j], d the patches of one channel's four phase planes; vectors >= 1.

    image: rows of the first phase plane; each of the others begins `plane` elements after the one before.
    """
    n = vectors * lanes_of(image.data)
    planes = [[Rows(image.data, image.at + (2 * a + b) * plane, image.pitch) for b in range(2)] for a in range(2)]
    d = np.array([[row_of(planes[r % 2][c % 2], r // 2, n + 1)[c // 2 :][:n] for c in range(4)] for r in range(4)])
    result = np.einsum("ir,jc,rcn->ijn", B_T, B_T, d).astype(image.data.dtype)
    for i in range(16):
        row_of(out, i, n)[:] = result[i // 4, i % 4]


def _emit_products(e: Emitter, m: Rows, bias: Tail, even: Value, odd: Value, finite: Value, vectors: Value) -> None:
    b, half, constant = e.b, e.lanes // 2, e.broadcast(e.start(bias))
    low = [lane for i in range(half) for lane in (i, e.lanes + i)]
    high = [lane + half for lane in low]

    def a_t(q: list[Value]) -> tuple[Value, Value]:
        return b.fadd(b.fadd(q[0], q[1]), q[2]), b.fsub(b.fsub(q[1], q[2]), q[3])

    def body(i: Value, carried: list[Value]) -> list[Value]:
        source, products, check = e.vectors(e.start(m), i), [], carried[0]
        for _ in range(16):
            products.append(e.load(source))
            source = e.at(source, m.pitch)
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
def transform_products(m: Rows, bias: Tail, even: Array, odd: Array, finite: Array, vectors: int) -> None:
    """A^T m A + bias: upper outputs of each patch to `even`, lower to `odd`. `finite` turns NaN if one is not finite."""
    n = vectors * lanes_of(m.data)
    products = np.array([row_of(m, i, n) for i in range(16)]).reshape(4, 4, n)
    result = np.einsum("ri,cj,ijn->rnc", A_T, A_T, products).astype(m.data.dtype) + head(bias, 1)
    window(even, 0, 2 * n)[:] = result[0].reshape(-1)
    window(odd, 0, 2 * n)[:] = result[1].reshape(-1)
    finite[0] += np.sum(result * 0)
