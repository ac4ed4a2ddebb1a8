"""Generated kernels read slices whose rows are dense as they lie: no copy, and the same bits."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from collections import Counter

import dlengine as dl
from dlengine.kernels.generated.expression import apply, argument
from dlengine.kernels.jit.generated import kernel as module
from dlengine.kernels.jit.generated.kernel import Kernel
from dlengine.kernels.jit.generated.row_tables import tabled
from dlengine.recording import generating

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype("f4")


def of_two() -> Kernel:
    a, b = argument(0, "float32"), argument(1, "float32")
    return Kernel("rows", apply("exp", a) * b + a, Counter())


WIDE = drawn(6, 80)
DEEP = drawn(5, 6, 40)
READ = {
    "columns": (WIDE[:, :33], WIDE[:, 47:]),
    "columns and dense": (WIDE[:, 3:40], drawn(6, 37)),
    "other distances": (WIDE[:, :40], DEEP[0, :, :40]),
    "every second row": (WIDE[::2, :33], drawn(3, 33)),
    "rows backwards": (WIDE[::-1, :33], drawn(6, 33)),
    "one row for all": (WIDE[:, :33], WIDE[:1, :33]),
    "a middle axis": (DEEP[:, 1:4], DEEP[:, 2:5]),
    "a row for all": (WIDE[:, :33], drawn(33)),
    "a number for each row": (WIDE[:, :33], drawn(6, 1)),
    "nothing": (WIDE[:, :33][:0], drawn(0, 33)),
    "a number": (WIDE[:, :33], drawn(1)),
}
COPIED = {
    "runs of two lengths": (DEEP[:, 1:4, :40], drawn(5, 9, 40)[:, ::3]),
    "columns apart": (WIDE[:, ::2], WIDE[:, 1::2]),
    "short rows": (WIDE[:, :7], WIDE[:, 8:15]),
    "transposed": (WIDE.T, drawn(80, 6)),
    "rows of two kinds": (DEEP[:, 1:4], drawn(3, 1)),
    "axes that do not join": (drawn(4, 6, 5, 40)[:, :3, :3], drawn(4, 3, 3, 40)),
    "a strided row for all": (WIDE[:, :33], drawn(66)[::2]),
}


@pytest.mark.parametrize("name", [*READ, *COPIED])
def test_slices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = (READ | COPIED)[name]
    monkeypatch.setattr(module, "COPIED", -1)
    k = of_two()
    expected = k(*[a.copy() for a in arrays])
    copies = []
    dense = module.dense
    monkeypatch.setattr(module, "dense", lambda x, dtype: copies.append(x) or dense(x, dtype))
    for _ in range(2):  # the second time, how they lie is known
        before = k.launches["rows"]
        found = k(*arrays)
        assert found.tobytes() == expected.tobytes()
        assert found.shape == expected.shape
        assert k.launches["rows"] == before + 1
    assert bool(copies) == (name in COPIED)


@pytest.mark.parametrize("name", [*READ, *COPIED])
def test_small_slices_are_copied(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sooner than it is seen how they lie, with the same bits."""
    arrays = (READ | COPIED)[name]
    k = of_two()
    expected = k(*[a.copy() for a in arrays])
    monkeypatch.delattr(Kernel, "_in_rows")
    before = k.launches["rows"]
    found = k(*arrays)
    assert found.tobytes() == expected.tobytes()
    assert found.shape == expected.shape
    assert k.launches["rows"] == before + 1


def test_threads_and_more_kinds_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    k, x = of_two(), drawn(64, 200)
    expected = k(x[:, :100].copy(), x[:, 100:].copy())
    k.grain = 100
    for threads in (2, 3):
        monkeypatch.setattr(module, "thread_count", lambda units, threads=threads: max(1, min(threads, units)))
        assert k(x[:, :100], x[:, 100:]).tobytes() == expected.tobytes()
    monkeypatch.setattr(module, "KNOWN", 0)
    assert of_two()(x[:, :100], x[:, 100:]).tobytes() == expected.tobytes()


def test_what_the_entry_point_refuses() -> None:
    entry = of_two().compile("pf")
    x, y, out = drawn(4, 40), drawn(4, 20), np.zeros((4, 20), "f4")
    assert entry(x[:, :20], y, out, 1, 4, 20) is True
    assert np.allclose(out, np.exp(x[:, :20]) * y + x[:, :20], rtol=1e-5)
    crooked = np.zeros(4 * 160 + 1, np.uint8)[1:].view("f4").reshape(4, 40)[:, :20]
    shapes = (x[:, ::2], x[:3, :20], x[:, :19], x[:, :20].reshape(-1), x.reshape(4, 2, 20)[:, 0:1])
    for wrong in (*shapes, crooked, x.astype("f8")[:, :20]):
        assert entry(wrong, y, out, 1, 4, 20) is False


@pytest.mark.parametrize("shapes", [
    ((8, 64, 32), (8, 1, 32)), ((4, 1, 6, 40), (4, 5, 1, 40)), ((2, 1, 3, 1, 50), (1, 4, 1, 5, 1)), ((64, 1, 33), (1, 7, 1)),
    ((130, 3, 1, 16), (1, 3, 5, 16)), ((5, 6, 1, 9), (5, 1, 1, 1)), ((5, 6, 7, 9), (6, 1, 1)), ((3, 4, 2), (3, 1, 2)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_axis_between_others_is_repeated(shapes, dtype):
    a, b = [np.random.default_rng(i).normal(size=s).astype(dtype) for i, s in enumerate(shapes)]
    with dl.use_backend("numba"), generating("always"):
        for _ in range(2):  # the second call knows how they broadcast
            x, y = dl.asarray(a), dl.asarray(b)
            assert np.array_equal((x - y).array, a - b)
            assert np.array_equal(dl.where(y > x, y, x).array, np.where(b > a, b, a))


def test_rows_that_are_looked_up_are_not_written_out():
    plan = tabled(((8, 64, 32), (8, 1, 32), (64, 1), (), (8, 64, 32)), (8, 64, 32), (4, 4, 8, 4, 8))
    modes, rows, (first, second) = plan
    assert (modes, rows) == ("ftusf", 512)
    assert first.tolist() == [32 * 4 * (row // 64) for row in range(512)]
    assert second.tolist() == [8 * (row % 64) for row in range(512)]


def test_large_tables_are_kept_once_for_all_kernels():
    """Reading the modes makes no table, and a kernel that knows the shapes makes large ones again where they were given up."""
    for rows, held in ((130, False), (5, True)):
        shapes = ((rows, 4, 32), (rows, 1, 32))
        a, b = (drawn(*s) for s in shapes)
        k, expected = of_two(), np.exp(a) * b + a
        tabled.cache_clear()
        module._reading.cache_clear()
        assert module._reading(shapes)[1:] == ("ft", True)
        assert tabled.cache_info().currsize == 0
        for call in range(2):
            assert np.allclose(k(a, b), expected, rtol=1e-5, atol=1e-5)
            assert tabled.cache_info().currsize == (call == 0 or not held)
            tabled.cache_clear()
        assert k.launches[k.name] == 2
        assert any(isinstance(x, np.ndarray) for x in k.known[shapes][3]) is held
