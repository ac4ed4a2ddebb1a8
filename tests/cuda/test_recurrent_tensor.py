"""Recurrent kernels on tensor cores, which round float32 to tf32 or bfloat16 where the precision allows it, on the emulator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda.test_recurrent import CELLS, SIZES, arguments, lengths_of, wide
from reference_namespaces import NUMPY, run

from dlengine.kernels import precision
from dlengine.kernels.cuda import emulator, recurrent
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.cuda.recurrence import plan
from dlengine.kernels.cuda.recurrence.plan import fit

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

NUMBERS = {"high": ("tf32", 2.0**-11), "medium": ("bfloat16", 2.0**-8)}
"""Precision: what is multiplied, and the largest relative error of rounding to it."""
CELL = pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "relu"])
"""Of relu rounding may turn a gradient on or off."""
PRECISION = pytest.mark.parametrize("word", NUMBERS)


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as much shared memory as a large one."""
    monkeypatch.setattr(launch, "EMULATED_LIMITS", (6, 227 << 10))


def launches(word: str, cell: str) -> list[int]:
    """Of the kernels of a cell on tensor cores, forward and backward."""
    kernels = recurrent.TENSOR[NUMBERS[word][0]]
    return [kernels[f"{CELLS[cell][0]}_{way}"].launches["float32"] for way in ("forward", "backward")]


def results(cell: str, sizes: tuple[int, ...], word: str, with_lengths: bool = False, reverse: bool = False) -> list[Any]:
    name, _, _, _, constants = CELLS[cell]
    arrays, grads = arguments(cell, sizes, "float32")
    how = (lengths_of(sizes) if with_lengths else None, reverse, *constants)
    with precision.in_force(word):
        *outputs, kept = getattr(recurrent, name)(*arrays, *how, True)
        forgetful = getattr(recurrent, name)(*arrays, *how, False)
        for a, b in zip(forgetful[:-1], outputs, strict=True):
            np.testing.assert_array_equal(a, b)
        return [*outputs, *getattr(recurrent, f"{name}_grad")(*grads, *arrays, *how, kept)]


def agree(cell: str, sizes: tuple[int, ...], word: str, with_lengths: bool = False, reverse: bool = False) -> None:
    """The kernels on tensor cores answer, and differ from float64 by what rounding explains."""
    name, _, states, _, constants = CELLS[cell]
    before = launches(word, cell)
    found = results(cell, sizes, word, with_lengths, reverse)
    assert [b - a for a, b in zip(before, launches(word, cell), strict=True)] == [2, 1]
    arrays, grads = arguments(cell, sizes, "float32")
    how = (lengths_of(sizes) if with_lengths else None, reverse, *constants)
    *exact, kept = run(NUMPY, name, *map(wide, arrays), *how, True)
    exact += run(NUMPY, f"{name}_grad", *map(wide, grads), *map(wide, arrays), *how, kept)
    assert 1 + states + 1 <= len(found) == len(exact)
    for a, b in zip(found, exact, strict=True):
        assert a.dtype == "float32"
        assert a.flags.c_contiguous
        limit = 16 * NUMBERS[word][1] * max(1.0, float(abs(b).max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=limit)


@needs_emulator
@PRECISION
@CELL
@pytest.mark.parametrize(
    "sizes", [SIZES["small"], SIZES["many units"], SIZES["many sequences"], SIZES["one of each"], (3, 5, 2, 40)], ids=str
)
def test_every_size(cell: str, sizes: tuple[int, ...], word: str) -> None:
    agree(cell, sizes, word, with_lengths=sizes[1] > 4, reverse=sizes[0] == 5)


@needs_emulator
@PRECISION
@CELL
def test_on_other_cards(cell: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several groups of units in a block, or a block for each; the same bits."""
    found = []
    for processors in (6, 1, 200):
        monkeypatch.setattr(launch, "EMULATED_LIMITS", (processors, 227 << 10))
        found.append([None if a is None else a.tobytes() for a in results(cell, (3, 40, 4, 21), word, True, True)])
    assert found[0] == found[1] == found[2]
    agree(cell, (3, 40, 4, 21), word, True, True)


@needs_emulator
@pytest.mark.parametrize("parts", plan.PARTS)
@CELL
def test_sums_in_parts(cell: str, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "parts_of", lambda batch, hidden: parts)
    agree(cell, (2, 3, 2, 70), "high")
    agree(cell, (2, plan.MOST // parts + 3, 2, 9), "medium", True)


@needs_emulator
@PRECISION
@pytest.mark.parametrize("cell", CELLS)
def test_rounded_numbers_are_multiplied_exactly(cell: str, word: str) -> None:
    """Of states and weights that are multiples of 1/4 nothing is lost: the product of one step is that of float32."""
    name, gates, states, bias, constants = CELLS[cell]
    rng = np.random.default_rng(3)
    shapes = [(1, 20, 3), *[(20, 33)] * states, (gates * 33, 3), (gates * 33, 33), *[(gates * 33,)] * bias]
    arrays = [(rng.integers(-4, 5, s) / 4).astype("float32") for s in shapes]
    with precision.in_force(word):
        found = getattr(recurrent, name)(*arrays, None, False, *constants, False)[0]
    exact = run(NUMPY, name, *map(wide, arrays), None, False, *constants, False)[0]
    np.testing.assert_allclose(found, exact, rtol=2e-6, atol=2e-6)


@needs_emulator
@PRECISION
@CELL
def test_nan_in_a_sequence_stays_there(cell: str, word: str) -> None:
    name, _, _, _, constants = CELLS[cell]
    arrays, _ = arguments(cell, SIZES["small"], "float32")
    x = arrays[0].copy()
    x[2, 1, 0] = np.nan
    with precision.in_force(word):
        bad = np.isnan(getattr(recurrent, name)(x, *arrays[1:], None, False, *constants, False)[0])
    assert bad[2:, 1].all()
    assert bad.sum() == 3 * 6


@needs_emulator
@pytest.mark.parametrize("word", ["high", pytest.param("medium", marks=pytest.mark.slow)])
def test_one_checked_launch_of_each_kernel(word: str) -> None:
    with emulator.checked():
        for cell in ("lstm", "gru", "tanh"):
            agree(cell, (3, 2, 2, 9), word, True)
        agree("lstm", (2, 2, 2, 12), word)  # lines of 16 bytes


@needs_emulator
@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@pytest.mark.parametrize("processors", [6, 1])
@PRECISION
@CELL
def test_checked(cell: str, word: str, processors: int, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", (processors, 227 << 10))
    with emulator.checked(order):
        agree(cell, SIZES["small"], word, True)
        agree(cell, (2, 35, 2, 9), word, False, True)


@needs_emulator
@CELL
def test_float16_is_rounded_no_further(cell: str) -> None:
    """16-bit numbers are widened for their products, whatever the precision."""
    name, _, _, _, constants = CELLS[cell]

    def outputs(word: str) -> Any:
        made, _ = arguments(cell, SIZES["small"], "float16")
        with precision.in_force(word):
            return getattr(recurrent, name)(*made, None, False, *constants, False)[0]

    before = launches("medium", cell)
    np.testing.assert_array_equal(outputs("medium"), outputs("highest"))
    assert launches("medium", cell) == before


@needs_emulator
def test_where_the_weights_do_not_fit_ordinary_kernels_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "EMULATED_LIMITS", (6, 48 << 10))
    before = launches("high", "lstm"), recurrent._lstm.launches["float32"]
    results("lstm", SIZES["small"], "high")
    assert (launches("high", "lstm"), recurrent._lstm.launches["float32"] - 2) == before


def test_large_networks_run_whole_on_a_large_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 132 multiprocessors of 227 KB: 1024 units as tf32, and 1280 as bfloat16, of which a word holds two."""
    monkeypatch.setattr(launch, "EMULATED_LIMITS", (132, 227 << 10))
    for backward in (False, True):
        assert fit(np.empty((4096, 0), "f4"), (5, 64, 1024), False, True, 4, backward, "tf32")[1]
        assert not fit(np.empty((5120, 0), "f4"), (5, 64, 1280), False, True, 4, backward, "tf32")[1]
        assert fit(np.empty((5120, 0), "f4"), (5, 64, 1280), False, True, 4, backward, "bfloat16")[1]
