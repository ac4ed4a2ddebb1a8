"""The CUDA recurrent kernels, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo
from reference_namespaces import NUMPY, run

from dlengine.kernels.cuda import FLOATS, emulator, recurrent
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.cuda.recurrence import plan
from dlengine.kernels.cuda.recurrence.plan import UNITS, fit

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

# gates, initial states, biases, further constants before save
CELLS: dict[str, tuple[str, int, int, int, tuple[Any, ...]]] = {
    "lstm": ("lstm", 4, 2, 1, ()),
    "gru": ("gru", 3, 1, 2, ()),
    "tanh": ("rnn", 1, 1, 1, ("tanh",)),
    "relu": ("rnn", 1, 1, 1, ("relu",)),
}
# T, N, I, H
SIZES = {
    "small": (5, 4, 3, 6),
    "many units": (3, 2, 5, 70),
    "many sequences": (3, 70, 2, 9),
    "one step": (1, 3, 4, 17),
    "one of each": (1, 1, 1, 1),
    "no steps": (0, 2, 3, 4),
    "no sequences": (3, 0, 2, 4),
    "no inputs": (3, 2, 0, 4),
    "no units": (3, 2, 2, 0),
}
# multiprocessors, bytes of shared memory
CARDS = {
    "small card": launch.EMULATED_LIMITS,
    "one processor": (1, 1 << 20),
    "large card": (200, 1 << 20),
    "weights do not fit": (6, 0),
}
CELL = pytest.mark.parametrize("cell", CELLS)
CARD = pytest.mark.parametrize("card", CARDS)
SIZE = pytest.mark.parametrize("size", SIZES)
DTYPES = pytest.mark.parametrize("dtype", FLOATS)
LENGTHS = pytest.mark.parametrize("with_lengths", [False, True], ids=["full", "lengths"])
REVERSE = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def arguments(cell: str, sizes: tuple[int, ...], dtype: str, biases: bool = True) -> tuple[list[Any], list[Any]]:
    """Arrays of the kernel, and gradients of its results; not to be written."""
    _, gates, states, bias, _ = CELLS[cell]
    T, N, I, H = sizes  # noqa: N806, E741 - the axis letters
    rng = np.random.default_rng(0)
    shapes = [(T, N, I), *[(N, H)] * states, (gates * H, I), (gates * H, H), *[(gates * H,)] * bias]
    made = [(rng.standard_normal(s) * 0.5).astype(dtype) for s in shapes]
    grads = [rng.standard_normal(s).astype(dtype) for s in ((T, N, H), *[(N, H)] * states)]
    for array in (*made, *grads):
        array.flags.writeable = False
    return (made if biases else [*made[: len(made) - bias], *[None] * bias]), grads


def lengths_of(sizes: tuple[int, ...]) -> Any:
    lengths = np.random.default_rng(1).integers(0, sizes[0] + 1, sizes[1])
    lengths[:2] = (sizes[0], 0)[: len(lengths[:2])]
    return lengths


def wide(value: Any) -> Any:
    return value.astype("f8") if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def near(found: Any, exact: Any, dtype: str) -> None:
    if exact is None:
        assert found is None
        return
    assert found.dtype == dtype
    assert found.shape == exact.shape
    assert found.flags.c_contiguous
    tolerance = 64 * finfo(dtype).eps * max(1.0, float(abs(exact).max(initial=0)))
    np.testing.assert_allclose(found, exact, rtol=0, atol=tolerance)


def agree(
    cell: str, sizes: tuple[int, ...], dtype: str, with_lengths: bool = False, reverse: bool = False, biases: bool = True
) -> None:
    name, _, states, _, constants = CELLS[cell]
    arrays, grads = arguments(cell, sizes, dtype, biases)
    lengths = lengths_of(sizes) if with_lengths else None
    how = (lengths, reverse, *constants)
    found = getattr(recurrent, name)(*arrays, *how, True)
    exact = run(NUMPY, name, *map(wide, arrays), *how, True)
    for a, b in zip(found[: 1 + states], exact[: 1 + states], strict=True):
        near(a, b, dtype)
    forgetful = getattr(recurrent, name)(*arrays, *how, False)
    assert forgetful[-1] is None
    for a, b in zip(forgetful[:-1], found[:-1], strict=True):
        np.testing.assert_array_equal(a, b)
    found = getattr(recurrent, f"{name}_grad")(*grads, *arrays, *how, found[-1])
    exact = run(NUMPY, f"{name}_grad", *map(wide, grads), *map(wide, arrays), *how, exact[-1])
    for a, b in zip(found, exact, strict=True):
        near(a, b, dtype)


@REVERSE
@LENGTHS
@CARD
@CELL
def test_on_every_card(cell: str, card: str, with_lengths: bool, reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
    agree(cell, SIZES["small"], "float32", with_lengths, reverse)


@LENGTHS
@SIZE
@CELL
def test_every_size(cell: str, size: str, with_lengths: bool) -> None:
    agree(cell, SIZES[size], "float64", with_lengths, reverse=with_lengths)


@pytest.mark.parametrize("card", ["one processor", "large card", "weights do not fit"])
@pytest.mark.parametrize("size", ["many units", "many sequences", "no steps", "no sequences", "no units"])
@CELL
def test_sizes_on_other_cards(cell: str, size: str, card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
    agree(cell, SIZES[size], "float64", True)


@pytest.mark.parametrize("card", ["small card", "weights do not fit"])
@DTYPES
@CELL
def test_every_dtype(cell: str, dtype: str, card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
    agree(cell, SIZES["small"], dtype, True)


@CELL
def test_without_biases(cell: str) -> None:
    agree(cell, SIZES["small"], "float32", biases=False)


@REVERSE
@CARD
@CELL
def test_nan_after_the_end_never_comes_in(cell: str, card: str, reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
    name, _, states, _, constants = CELLS[cell]
    sizes = SIZES["small"]
    arrays, grads = arguments(cell, sizes, "float32")
    lengths = lengths_of(sizes)
    how = (lengths, reverse, *constants)

    def results(fill: float) -> list[Any]:
        x, gy = arrays[0].copy(), grads[0].copy()
        for n, length in enumerate(lengths):
            x[length:, n] = gy[length:, n] = fill
        *outputs, kept = getattr(recurrent, name)(x, *arrays[1:], *how, True)
        return [*outputs, *getattr(recurrent, f"{name}_grad")(gy, *grads[1:], x, *arrays[1:], *how, kept)]

    for a, b in zip(results(np.nan), results(0.0), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()


@CARD
@CELL
def test_nan_in_a_sequence_stays_there(cell: str, card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
    name, _, _, _, constants = CELLS[cell]
    arrays, _ = arguments(cell, SIZES["small"], "float32")
    x = arrays[0].copy()
    x[2, 1, 0] = np.nan
    y = getattr(recurrent, name)(x, *arrays[1:], None, False, *constants, False)[0]
    bad = np.isnan(y)
    assert bad[2:, 1].all()
    assert bad.sum() == 3 * 6


@CELL
def test_strided_views(cell: str) -> None:
    name, _, states, _, constants = CELLS[cell]
    arrays, grads = arguments(cell, SIZES["small"], "float32")
    how = (lengths_of(SIZES["small"]).astype("i4"), False, *constants)
    views = [np.asfortranarray(a) for a in arrays]
    *found, kept = getattr(recurrent, name)(*views, *how, True)
    *expected, same = getattr(recurrent, name)(*arrays, *how, True)
    ones = [np.broadcast_to(np.float32(1), g.shape) for g in grads]
    found += getattr(recurrent, f"{name}_grad")(*ones, *views, *how, kept)
    expected += getattr(recurrent, f"{name}_grad")(*[g.copy() for g in ones], *arrays, *how, same)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # the library's products depend on the layout


def test_results_share_no_memory_with_arguments() -> None:
    for cell, (name, *_, constants) in CELLS.items():
        for sizes in (SIZES["small"], SIZES["no steps"]):
            arrays, grads = arguments(cell, sizes, "float32")
            *outputs, kept = getattr(recurrent, name)(*arrays, None, False, *constants, True)
            outputs += getattr(recurrent, f"{name}_grad")(*grads, *arrays, None, False, *constants, kept)
            for out in outputs:
                assert not any(np.shares_memory(out, a) for a in (*arrays, *grads))


@pytest.mark.parametrize("parts", plan.PARTS)
@CELL
def test_sums_in_parts(cell: str, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to share rows and terms among warps, with more rows than a block makes at a time, and several tiles."""
    monkeypatch.setattr(plan, "parts_of", lambda batch, hidden: parts)
    agree(cell, (2, 3, 2, 70), "float32")
    agree(cell, (2, plan.MOST // parts + 3, 2, 9), "float32", True)


def test_parts_fill_a_large_card() -> None:
    assert plan.parts_of(32, 1024) == 4  # few sequences
    assert plan.parts_of(64, 1024) == 2
    assert plan.parts_of(128, 1024) == 1
    assert plan.parts_of(128, 128) == 4  # few units: other blocks take the other sequences


@CELL
def test_the_same_bits_on_every_card(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, _, _, constants = CELLS[cell]
    arrays, grads = arguments(cell, (3, 40, 4, 21), "float32")
    found = []
    for card in ("small card", "one processor", "large card"):
        monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
        *outputs, kept = getattr(recurrent, name)(*arrays, None, False, *constants, True)
        outputs += getattr(recurrent, f"{name}_grad")(*grads, *arrays, None, False, *constants, kept)
        found.append([None if out is None else out.tobytes() for out in outputs])
    assert found[0] == found[1] == found[2]


def test_one_launch_a_sequence_or_one_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = recurrent._lstm, recurrent._lstm_step

    def launched() -> list[int]:
        before = [k.launches["float32"] for k in kernels]
        arrays, _ = arguments("lstm", SIZES["small"], "float32")
        recurrent.lstm(*arrays, None, False, False)
        return [k.launches["float32"] - b for k, b in zip(kernels, before, strict=True)]

    assert launched() == [1, 0]
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS["weights do not fit"])
    assert launched() == [0, SIZES["small"][0]]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("gates", [1, 3, 4])
def test_plans_cover_all_units_and_fit(gates: int, backward: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, memory in [(1, 1 << 20), (6, 64 << 10), (40, 64 << 10), (132, 227 << 10)]:
        monkeypatch.setattr(launch, "EMULATED_LIMITS", (processors, memory))
        for hidden in (1, 8, 9, 100, 128, 512, 1000, 2048):
            for batch in (1, 32, 33, 1000):
                w = np.empty((gates * hidden, 0), "f4")
                made, blocks, shared = fit(w, (7, batch, hidden), False, True, gates, backward)
                assert made.unit_blocks * made.units >= hidden > (made.unit_blocks - 1) * made.units
                assert made.units % UNITS == 0
                assert made.unit_blocks * made.row_blocks <= processors
                assert blocks in (0, made.unit_blocks * made.row_blocks)
                assert made.rows * made.parts == plan.MOST
                assert (blocks > 0) == (shared <= memory)


def test_large_networks_run_whole_on_a_large_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """An H200 has 132 multiprocessors with 227 KB each: float32 weights of 1024 units fit, of 2048 they do not."""
    monkeypatch.setattr(launch, "EMULATED_LIMITS", (132, 227 << 10))
    for backward in (False, True):
        assert fit(np.empty((4096, 0), "f4"), (5, 64, 1024), False, True, 4, backward)[1]
        assert not fit(np.empty((8192, 0), "f4"), (5, 64, 2048), False, True, 4, backward)[1]


def test_one_checked_launch_of_each_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator.checked():
        for cell in ("lstm", "gru", "relu"):
            agree(cell, (3, 2, 2, 9), "float32", True)
        monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS["weights do not fit"])
        for cell in ("lstm", "gru", "tanh"):
            agree(cell, (3, 2, 2, 9), "float32", True)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@REVERSE
@CARD
@CELL
def test_checked(cell: str, card: str, reverse: bool, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", CARDS[card])
    with emulator.checked(order):
        agree(cell, SIZES["small"], "float32", True, reverse)
        agree(cell, (2, 3, 2, 70), "float64", True, reverse)
        agree(cell, (2, 35, 2, 9), "float16", False, reverse)
