"""Calls of functions that have a shorter way: for each name those that it answers, and others, among them wrong ones."""

from __future__ import annotations

import numpy as np

import dlengine as dl
from dlengine.ops.softmax import softmax_cross_entropy

F = dl.nn.functional
RNG = np.random.default_rng(0)


def numbers(*shape, dtype=np.float32):
    return dl.asarray(RNG.standard_normal(shape).astype(dtype))


def labels(n, classes, dtype=np.int64):
    return dl.asarray(RNG.integers(0, classes, n).astype(dtype))


def frozen(x):
    a = x.array.copy()
    a.flags.writeable = False
    return dl.asarray(a)


WAVE = dl.asarray((RNG.standard_normal((4, 6)) + 1j * RNG.standard_normal((4, 6))).astype(np.complex64))
LINE, PLANE, SOLID = numbers(2, 3, 12), numbers(1, 2, 8, 9), numbers(2, 1, 4, 6, 5)
ROWS, NAMES = numbers(5, 7), labels(5, 7)
IMAGE, CHANNELS = numbers(2, 6, 5), [numbers(6) for _ in range(4)]
CHANNELS[1] = dl.asarray(np.abs(CHANNELS[1].array))
HUGE = dl.asarray(np.full((2, 6, 5), 3e38, np.float32) * np.sign(IMAGE.array))

POOLS = {
    f"{kind}_pool{rank}d": (
        [
            ((x, 2), {}), ((x, 2, 1), {}), ((x, (2,) * rank), {"stride": (1,) * rank, "padding": 1}),
            ((x, 3), {"padding": (1,) * rank, "ceil_mode": True}), ((x.mT, 2), {}), ((x.astype("float64"), 2), {}),
            ((frozen(x), 2), {}),
        ],
        [
            ((x[0], 2), {}), ((x, 2.0), {}), ((x, True), {}), ((x, 0), {}), ((x, 2, -1), {}), ((x, 2), {"padding": 2}),
            ((x, [2] * rank), {}), ((x, (2.0,) * rank), {}), ((x, (2,) * (rank + 1)), {}), ((x, 99), {}), ((x.array, 2), {}),
            ((x.astype("float16"), 2), {}), ((x[:0], 2), {}), ((x, 2), {"ceil_mode": 1}), ((x,), {}), ((x, 2), {"colour": 1}),
            ((dl.ones((2, 2)), 1), {}),
        ],
    )
    for kind in ("max", "avg") for rank, x in ((1, LINE), (2, PLANE), (3, SOLID))
}  # fmt: skip
for rank in (1, 2, 3):
    POOLS[f"max_pool{rank}d"][0].append(((POOLS[f"max_pool{rank}d"][0][0][0][0], 2), {"dilation": 2}))
    POOLS[f"max_pool{rank}d"][1].extend([
        ((POOLS[f"max_pool{rank}d"][0][0][0][0], 2), {"return_indices": True}),
        ((POOLS[f"max_pool{rank}d"][0][0][0][0].astype("int32"), 2), {}),
        ((POOLS[f"max_pool{rank}d"][0][0][0][0], 2), {"dilation": 99, "padding": 1}),
    ])  # fmt: skip
    POOLS[f"avg_pool{rank}d"][0].append(((POOLS[f"avg_pool{rank}d"][0][0][0][0], 2), {"padding": 1, "count_include_pad": False}))
ADAPTIVE = {
    f"adaptive_{kind}_pool{rank}d": (
        [
            ((x, 2), {}), ((x, (3, 2, 4)[:rank]), {}), ((x, 1), {}), ((x.astype("float64"), 2), {}), ((x.mT, 3), {}),
        ],
        [
            ((x, None), {}), ((x, (None, 2, 1)[:rank]), {}), ((x[0], 2), {}), ((x, 2.0), {}), ((x, True), {}), ((x, 0), {}),
            ((x, (2,) * (rank + 1)), {}), ((x, [2] * rank), {}), ((x.astype("float16"), 2), {}), ((x[:0], 2), {}), ((x,), {}),
        ],
    )
    for kind in ("max", "avg") for rank, x in ((1, LINE), (2, PLANE), (3, SOLID))
}  # fmt: skip
for rank in (1, 2, 3):
    ADAPTIVE[f"adaptive_max_pool{rank}d"][1].append(((LINE, 2), {"return_indices": True}))

FILTERS = {rank: numbers(4, x.shape[1], *(2,) * rank) for rank, x in ((1, LINE), (2, PLANE), (3, SOLID))}
CONVS = {
    f"conv{rank}d": (
        [
            ((x, w), {}), ((x, w, numbers(4)), {}), ((x, w), {"stride": 2, "padding": 1}),
            ((dl.flip(x, axis=-1), w, None, (2,) * rank), {}),
            ((x, w), {"padding": "same"}), ((x, w), {"dilation": 2}), ((x[:0], w), {}), ((frozen(x), frozen(w)), {}),
            ((x.astype("float64"), w.astype("float64"), numbers(4, dtype=np.float64)), {}),
            ((dl.concat([x, x], axis=1), w), {"groups": 2}), ((x, numbers(*w.shape[:2], *x.shape[2:])), {}),
        ],
        [
            ((x[0], w), {}), ((x, w, numbers(3)), {}), ((x, w, numbers(4, dtype=np.float64)), {}), ((x, w[:, :0]), {}),
            ((x, w.astype("float64")), {}), ((x, w), {"stride": 0}), ((x, w), {"stride": 1.0}), ((x, w), {"stride": True}),
            ((x, w), {"padding": "half"}), ((x, w), {"padding": [1] * rank}), ((x, w), {"padding": ((1, 0),) * rank}),
            ((x, w), {"groups": 3}), ((x, w), {"groups": 1.0}), ((x, w), {"dilation": 99}), ((x, w[0]), {}), ((x,), {}),
            ((x.astype("float16"), w.astype("float16")), {}), ((x.astype("int64"), w.astype("int64")), {}), ((x, w.array), {}),
        ],
    )
    for rank, x, w in ((1, LINE, FILTERS[1]), (2, PLANE, FILTERS[2]), (3, SOLID, FILTERS[3]))
}  # fmt: skip

WRONG_LABELS = [
    ((ROWS, dl.asarray([0, 1, 2, 3, 7])), {}), ((ROWS, dl.asarray([0, 1, -1, 3, 4])), {}), ((ROWS, NAMES[:4]), {}),
    ((ROWS, NAMES.astype("int32")), {}), ((ROWS.astype("float16"), NAMES), {}), ((ROWS, NAMES.array), {}),
    ((ROWS.array, NAMES), {}), ((ROWS[:0], NAMES[:0]), {}), ((ROWS[0], NAMES[0]), {}),
    ((numbers(2, 7, 3), labels((2, 3), 7)), {}),
    ((ROWS, numbers(5)), {}), ((ROWS,), {}), ((ROWS, NAMES), {"ignore_index": 2.0}), ((ROWS, NAMES), {"colour": 1}),
]  # fmt: skip
LABELLED = [
    ((ROWS, NAMES), {}), ((ROWS.astype("float64"), NAMES), {}), ((ROWS, dl.asarray([-100, 1, 2, -100, 4])), {}),
    ((ROWS, NAMES), {"ignore_index": 3}), ((ROWS.mT, labels(7, 5)), {}), ((frozen(ROWS), frozen(NAMES)), {}),
    ((numbers(90, 7), labels(90, 7)), {}), ((ROWS, dl.full((5,), -100, dtype="int64")), {}),
]  # fmt: skip
WORDS = [((ROWS, NAMES), {"reduction": "median"}), ((ROWS, NAMES), {"reduction": 1}), ((ROWS, NAMES, numbers(7)), {})]
SPOKEN, SPELT = dl.log_softmax(numbers(9, 4, 5)), dl.asarray([[1, 2, 3], [1, 2, 2], [2, 2, 1], [3, 1, 2]])
TIMES, LONG_ENOUGH = [9, 8, 9, 7], [1, 3, 2, 0]
LOSSES = {
    "nll_loss": ([*LABELLED, *[((ROWS, NAMES), {"reduction": word}) for word in ("sum", "none")]], [*WRONG_LABELS, *WORDS]),
    "cross_entropy": (
        LABELLED,
        [*WRONG_LABELS, *WORDS, *[((ROWS, NAMES), {"reduction": word}) for word in ("sum", "none")],
         ((ROWS, NAMES), {"label_smoothing": 0.1}), ((ROWS, NAMES), {"label_smoothing": 2}), ((ROWS, dl.softmax(ROWS)), {})],
    ),
    "softmax_cross_entropy": (LABELLED, [*WRONG_LABELS, ((ROWS, NAMES), {"mean": True})]),
    "ctc_loss": (
        [((SPOKEN, SPELT, TIMES, LONG_ENOUGH), {}), ((SPOKEN, SPELT, TIMES, LONG_ENOUGH), {"reduction": "none"}),
         ((SPOKEN, dl.asarray([1, 2, 3, 1, 2, 2]), dl.asarray(TIMES), dl.asarray(LONG_ENOUGH)), {}),
         ((SPOKEN, SPELT, TIMES, [3, 3, 3, 3]), {"blank": 4}), ((SPOKEN.astype("float64"), SPELT, TIMES, LONG_ENOUGH), {}),
         ((SPOKEN, SPELT, [9, 2, 0, 1], LONG_ENOUGH), {})],
        [((SPOKEN, SPELT, TIMES, LONG_ENOUGH), {"reduction": "sum"}), ((SPOKEN, SPELT, TIMES, LONG_ENOUGH), {"reduction": "no"}),
         ((SPOKEN, SPELT, [9, 2, 0, 1], LONG_ENOUGH), {"zero_infinity": True}),
         ((SPOKEN, SPELT, TIMES, LONG_ENOUGH), {"blank": 2}), ((SPOKEN, SPELT, TIMES, LONG_ENOUGH), {"blank": 7}),
         ((SPOKEN, SPELT, [10, 9, 9, 9], LONG_ENOUGH), {}), ((SPOKEN, SPELT, TIMES, [4, 1, 1, 1]), {}),
         ((SPOKEN, SPELT, TIMES, [-1, 1, 1, 1]), {}), ((SPOKEN, SPELT + 5, TIMES, LONG_ENOUGH), {}),
         ((SPOKEN, SPELT, TIMES, [0, 0, 0, 0]), {}), ((SPOKEN[:, :0], SPELT[:0], [], []), {}),
         ((SPOKEN[0], SPELT, TIMES, LONG_ENOUGH), {}),
         ((SPOKEN.astype("float16"), SPELT, TIMES, LONG_ENOUGH), {}), ((SPOKEN, SPELT.astype("int32"), TIMES, LONG_ENOUGH), {}),
         ((SPOKEN, SPELT, TIMES), {}), ((SPOKEN, SPOKEN, TIMES, LONG_ENOUGH), {})],
    ),
}  # fmt: skip

W, B, M, V = CHANNELS[0], CHANNELS[2], CHANNELS[3], CHANNELS[1]
LAST = [numbers(5) for _ in range(2)]
NORMS = {
    "layer_norm": (
        [((IMAGE, 5), {}), ((IMAGE, [5], *LAST), {}), ((IMAGE, (6, 5), numbers(6, 5)), {}), ((ROWS, 7), {"eps": 0.5}),
         ((IMAGE, (5,), None, LAST[0]), {}), ((IMAGE.mT, 6), {}), ((IMAGE.astype("float64"), 5), {}),
         ((HUGE.astype("float64"), 5), {})],
        [((IMAGE, 4), {}), ((IMAGE, ()), {}), ((IMAGE, 5, W), {}), ((HUGE, 5), {}),
         ((IMAGE, 5, LAST[0].astype("float64")), {}),
         ((IMAGE.astype("float16"), 5), {}), ((IMAGE[:0], 5), {}), ((IMAGE, 5), {"eps": 1}), ((IMAGE, 5.0), {}),
         ((IMAGE,), {}),
         ((IMAGE.array, 5), {}), ((IMAGE, (1, 2, 6, 5)), {}), ((IMAGE.astype("int64"), 5), {})],
    ),
    "group_norm": (
        [((IMAGE, 3), {}), ((IMAGE, 2, W, B), {}), ((numbers(3, 6), 2, W), {}), ((PLANE, 2), {"eps": 0.1}),
         ((IMAGE.mT, 5), {}),
         ((IMAGE.astype("float64"), 6), {})],
        [((IMAGE, 4), {}), ((IMAGE, 0), {}), ((IMAGE, 2.0), {}), ((IMAGE, True), {}), ((IMAGE, 2, LAST[0]), {}),
         ((HUGE, 3), {}),
         ((IMAGE[:0], 3), {}), ((W, 3), {}), ((IMAGE.astype("float16"), 3), {}), ((IMAGE, 3, W.astype("float64")), {})],
    ),
    "batch_norm_inference": (
        [((IMAGE, M, V), {}), ((IMAGE, M, V, W, B), {}), ((numbers(3, 6), M, V, None, B), {"eps": 0.1}),
         ((IMAGE.mT, numbers(5), dl.ones(5)), {}), ((IMAGE[:0], M, V), {}),
         ((IMAGE.astype("float64"), M.astype("float64"), V.astype("float64")), {})],
        [((IMAGE, M), {}), ((IMAGE, None, V), {}), ((IMAGE, M, None), {}), ((IMAGE, M, LAST[0]), {}), ((W, M, V), {}),
         ((IMAGE, M, V.astype("float64")), {}), ((IMAGE.astype("float16"), M, V), {}), ((IMAGE, M, V, 2.0), {})],
    ),
}  # fmt: skip

ALONG, CUBE = labels((5, 3), 7), numbers(2, 6, 3, 2)
PLACES = {
    "topk": (
        [((ROWS, 3), {}), ((ROWS, 2), {"axis": 0, "largest": False}), ((ROWS.mT, 5), {"axis": -1}), ((ROWS, 0), {}),
         ((dl.asarray(np.array([1.0, np.nan, np.inf, 1.0, -0.0])), 4), {}), ((CUBE, 3), {"axis": 1}),
         ((numbers(300), 200), {})],
        [((ROWS, 8), {}), ((ROWS, -1), {}), ((ROWS, 2.0), {}), ((ROWS, True), {}), ((ROWS, 2), {"axis": 2}),
         ((ROWS, 2), {"axis": True}), ((ROWS, 2), {"axis": 1.0}), ((ROWS, 2), {"largest": 0}),
         ((ROWS.astype("int64"), 2), {}),
         ((ROWS.astype("float16"), 2), {}), ((ROWS,), {}), ((dl.asarray(2.0), 1), {}), ((ROWS, 2), {"dim": 0}),
         ((2.0, 1), {})],
    ),
    "take_along_axis": (
        [((ROWS, ALONG), {}), ((ROWS, ALONG - 7), {"axis": 1}), ((ROWS, labels((2, 7), 5)), {"axis": 0}),
         ((ROWS.mT, labels((7, 4), 5)), {"axis": -1}), ((ROWS.astype("float64"), frozen(ALONG)), {}),
         ((ROWS, ALONG[:, :0]), {})],
        [((ROWS, ALONG + 5), {}), ((ROWS, ALONG[:1]), {}), ((ROWS, ALONG[0]), {}), ((ROWS, ALONG.astype("int32")), {}),
         ((ROWS, ALONG.astype("float32")), {}), ((ROWS.astype("int64"), ALONG), {}), ((ROWS, ALONG), {"axis": 2}),
         ((ROWS, ALONG), {"axis": True}), ((ROWS, ALONG), {"axis": None}), ((ROWS, ALONG.array), {}), ((ROWS,), {}),
         ((ROWS[:0], ALONG[:0]), {}), ((ROWS, ALONG), {"dim": 1})],
    ),
    "embedding": (
        [((ROWS, NAMES % 5), {}), ((ROWS, ALONG % 5), {}), ((ROWS.astype("float64"), dl.asarray(4)), {}),
         ((ROWS, NAMES[:0]), {}),
         ((ROWS.mT, NAMES % 5), {}), ((numbers(40, 30), labels((9, 8), 40)), {})],
        [((ROWS, NAMES + 5), {}), ((ROWS, NAMES - 7), {}), ((ROWS, NAMES.astype("int32") % 5), {}),
         ((ROWS[0], NAMES % 5), {}),
         ((ROWS, ROWS), {}), ((ROWS.astype("int64"), NAMES % 5), {}), ((ROWS, [1, 2]), {}), ((ROWS,), {}),
         ((None, NAMES), {})],
    ),
    "split": (
        [((ROWS, 2), {}), ((ROWS, 3), {"axis": 1}), ((ROWS.mT, 9), {"axis": -2}), ((NAMES, 2), {}), ((WAVE, 3), {"axis": 1})],
        [((ROWS, 0), {}), ((ROWS, (2, 3)), {}), ((ROWS, (2, 4)), {}), ((ROWS, 2.0), {}), ((ROWS, True), {}),
         ((ROWS, 2), {"axis": 2}), ((ROWS, 2), {"axis": True}), ((ROWS[:0], 2), {}), ((dl.asarray(1.0), 1), {}), ((ROWS,), {}),
         ((ROWS.array, 2), {}), ((ROWS, 2), {"dim": 1})],
    ),
    "chunk": (
        [((ROWS, 2), {}), ((ROWS, 3), {"axis": 1}), ((ROWS.mT, 9), {"axis": -2}), ((NAMES, 2), {})],
        [((ROWS, 0), {}), ((ROWS, 2.0), {}), ((ROWS, True), {}), ((ROWS, 2), {"axis": 2}), ((ROWS, 2), {"axis": True}),
         ((ROWS[:0], 2), {}), ((dl.asarray(1.0), 1), {}), ((ROWS,), {}), ((ROWS.array, 2), {}), ((ROWS, 2), {"dim": 1})],
    ),
    "channel_shuffle": (
        [((IMAGE, 2), {}), ((CUBE, 3), {}), ((IMAGE.mT.mT, 3), {}), ((numbers(1, 4, 1), 2), {}),
         ((IMAGE.astype("float64"), 2), {}), ((numbers(2, 5, 6).mT, 2), {})],
        [((IMAGE, 1), {}), ((IMAGE, 6), {}), ((IMAGE, 4), {}), ((IMAGE, 0), {}), ((IMAGE, 2.0), {}), ((IMAGE, True), {}),
         ((ROWS, 5), {}), ((IMAGE[:0], 2), {}), ((IMAGE.astype("int64"), 2), {}), ((IMAGE,), {}), ((IMAGE.array, 2), {})],
    ),
}  # fmt: skip

SQUARE, LONG = numbers(5, 5), numbers(5, 7, 3)
NOT_WAVES = [((ROWS,), {}), ((ROWS.astype("int64"),), {}), ((WAVE[:0],), {}), ((2.0,), {}), ((WAVE.array,), {}), ((), {})]
PRODUCTS = {
    "einsum": (
        [(("ij,jk->ik", ROWS, numbers(7, 3)), {}), (("ij,kj->ik", ROWS, numbers(3, 7)), {}),
         (("ji,jk", ROWS, numbers(5, 3)), {}),
         (("ijk,jk->i", LONG, numbers(7, 3)), {}), (("kij,ijl->kl", LONG, numbers(7, 3, 2)), {}), (("i,i->", W, B), {}),
         (("ij, jk -> ik", ROWS.astype("float64"), numbers(7, 3, dtype=np.float64)), {}),
         (("ij,jk->ik", ROWS.mT.mT, ROWS.mT), {}),
         (("ij,jk->ik", ROWS[:0], numbers(7, 3)), {}), (("ij,jk->ik", ROWS * 1e30, numbers(7, 3) * 1e30), {})],
        [(("ij,jk->ki", ROWS, numbers(7, 3)), {}), (("ii,ij->j", SQUARE, ROWS), {}),
         (("bij,bjk->bik", LONG, numbers(5, 3, 2)), {}),
         (("i,j->ij", W, B), {}), (("ij,jk->i", ROWS, numbers(7, 3)), {}), (("ij,jk->ik", ROWS, numbers(5, 3)), {}),
         (("...j,jk->...k", LONG, numbers(3, 2)), {}), (("ij->ji", ROWS), {}),
         (("ij,jk,kl->il", ROWS, numbers(7, 2), numbers(2, 2)), {}),
         (("ij,jk->iz", ROWS, numbers(7, 3)), {}), (("ij,jk", ROWS), {}),
         (("ij,jk->ik", ROWS, ROWS.mT.astype("float64")), {}),
         (("ij,jk->ik", ROWS.astype("int64"), ROWS.mT.astype("int64")), {}), (("ij,jk->ik", ROWS, 2.0), {}),
         ((ROWS, ROWS), {}),
         (("...,...->...", W, B), {})],
    ),
    "tensordot": (
        [((LONG, numbers(7, 3, 2)), {}), ((ROWS, numbers(7, 3)), {"axes": 1}), ((ROWS, ROWS), {"axes": 2}),
         ((ROWS.mT, ROWS), {"axes": 1}),
         ((LONG.astype("float64"), numbers(3, 2, dtype=np.float64)), {"axes": 1}), ((ROWS[:0], numbers(7, 3)), {"axes": 1})],
        [((ROWS, W), {"axes": 0}), ((ROWS, numbers(7, 3)), {}), ((ROWS, ROWS), {"axes": 3}), ((ROWS, ROWS), {"axes": -1}),
         ((ROWS, ROWS), {"axes": ((0, 1), (0, 1))}), ((ROWS, ROWS), {"axes": True}), ((ROWS, ROWS), {"axes": 2.0}),
         ((ROWS, ROWS.astype("float64")), {}), ((ROWS.astype("int64"), ROWS.astype("int64")), {}), ((ROWS, 1.0), {}),
         ((ROWS,), {})],
    ),
    "outer": (
        [((W, LAST[0]), {}), ((W, W), {}), ((ROWS[:, 2], W), {}), ((W.astype("float64"), numbers(3, dtype=np.float64)), {})],
        [((ROWS, W), {}), ((W, ROWS), {}), ((W, W.astype("float64")), {}), ((W[:0], W), {}), ((W, 2.0), {}),
         ((2.0, W), {}), ((W,), {}),
         ((W.astype("int64"), W.astype("int64")), {}), ((W.array, W), {}), ((WAVE[0], W), {})],
    ),
    "matrix_norm": (
        [((LONG,), {}), ((ROWS,), {}), ((numbers(9, 3, 4),), {"ord": "fro"}), ((ROWS.mT,), {}),
         ((LONG.astype("float64"),), {}),
         ((LONG * 1e30,), {}), ((LONG.astype("float64") * 1e300,), {})],
        [((W,), {}), ((ROWS,), {"keepdims": True}), ((ROWS,), {"ord": 2}), ((ROWS,), {"ord": "nuc"}),
         ((ROWS,), {"ord": None}),
         ((ROWS,), {"ord": "tall"}), ((ROWS[:0],), {}), ((ROWS.astype("float16"),), {}), ((WAVE,), {}), ((2.0,), {}),
         ((), {})],
    ),
    "pairwise_distance": (
        [((ROWS, ROWS + 1.0), {}), ((ROWS, ROWS), {"eps": 0.0}), ((LONG, LONG * 2.0), {}),
         ((numbers(40, 30), numbers(40, 30)), {}),
         ((W, B), {}), ((ROWS.astype("float64"), ROWS.astype("float64") * 2), {"p": 2.0}), ((ROWS * 1e30, ROWS), {})],
        [((ROWS, ROWS), {"p": 1.0}), ((ROWS, ROWS), {"p": 2}), ((ROWS, ROWS), {"keepdim": True}), ((ROWS, ROWS[0]), {}),
         ((ROWS, ROWS[:2]), {}), ((ROWS, ROWS.astype("float64")), {}), ((ROWS.astype("float16"), ROWS.astype("float16")), {}),
         ((ROWS, ROWS), {"eps": 1}), ((NAMES, NAMES), {}), ((ROWS[:0], ROWS[:0]), {}), ((ROWS, 1.0), {}), ((ROWS,), {})],
    ),
    "prelu": (
        [((IMAGE, W), {}), ((IMAGE, W[:1]), {}), ((numbers(3, 6), W), {}), ((numbers(2, 6, 400), W), {}),
         ((CUBE, W), {}), ((IMAGE.mT, LAST[0]), {}),
         ((IMAGE.astype("float64"), W.astype("float64")), {}),
         ((dl.asarray(np.array([[np.nan, np.inf, -np.inf, -0.0, 0.0, -2.0]], np.float32)), W), {}), ((IMAGE[:0], W), {})],
        [((W, W), {}), ((W, W[:1]), {}), ((IMAGE, LAST[0]), {}), ((IMAGE, W.astype("float64")), {}), ((IMAGE, 0.5), {}),
         ((IMAGE.astype("int64"), W), {}), ((IMAGE, ROWS), {}), ((IMAGE,), {}), ((dl.asarray(-1.0), W[:1]), {})],
    ),
    **{
        name: (
            [((WAVE,), {}), ((WAVE.mT,), {}), ((WAVE.astype("complex128"),), {}), ((WAVE,), {"norm": "backward"})],
            [*NOT_WAVES, ((WAVE,), {"s": (2, 3)}), ((WAVE,), {"axes": (0,)}), ((WAVE,), {"norm": "ortho"}),
             ((WAVE,), {"norm": "no"}),
             ((WAVE,), {"s": (0, 3)})],
        )
        for name in ("fftn", "ifftn")
    },
    **{
        name: (
            [((WAVE,), {}), ((WAVE,), {"axis": 0}), ((WAVE.astype("complex128").mT,), {"axis": -2})],
            [*NOT_WAVES, ((WAVE,), {"n": 4}), ((WAVE,), {"n": 0}), ((WAVE,), {"axis": 2}), ((WAVE,), {"axis": True}),
             ((WAVE,), {"norm": "ortho"}), ((WAVE,), {"dim": 0})],
        )
        for name in ("fft", "ifft")
    },
}  # fmt: skip

CASES = {**CONVS, **POOLS, **ADAPTIVE, **LOSSES, **NORMS, **PLACES, **PRODUCTS}
HOMES = (dl, F, dl.linalg, dl.fft)
FUNCTIONS = {
    name: next((f for f in (getattr(home, name, None) for home in HOMES) if hasattr(f, "short")), None) for name in CASES
}
FUNCTIONS["softmax_cross_entropy"] = softmax_cross_entropy
