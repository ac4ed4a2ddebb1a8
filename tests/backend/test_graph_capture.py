"""Numbers that a captured step takes anew: who makes them, where kernels read them, and what nobody may do with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlengine.kernels import graph_capture
from dlengine.kernels.cuda import dropout, emulator, optim, random
from dlengine.kernels.cuda.machine.table import PointerTable

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
KEY, COUNTER = 0x123456789ABCDEF0, (5 << 64) | 77


@pytest.fixture
def step() -> Any:
    made = graph_capture.Capture(np.zeros(graph_capture.SLOTS, "u8"), np.empty)
    token = graph_capture.current_capture.set(made)
    yield made
    graph_capture.current_capture.reset(token)


def test_outside_a_capture_they_are_numbers() -> None:
    assert graph_capture.per_replay("a number", lambda: 3) == 3
    assert graph_capture.per_replay("two", lambda: (1, 2.5)) == (1, 2.5)
    assert graph_capture.bind("float64", lambda a, b: (a, b), 1, 2.5) is None


def test_every_replay_computes_them_in_order(step: graph_capture.Capture) -> None:
    asked: list[str] = []

    def count(name: str, by: int) -> Any:
        def compute() -> int:
            asked.append(name)
            return by * asked.count(name)

        return graph_capture.per_replay(name, compute)

    a, b = count("a", 1), count("b", 10)
    first = graph_capture.bind("float64", lambda x, y: (x / 2, y, 7.0), a, 0.5)
    second = graph_capture.bind("uint64", lambda x, y: (x + y,), b, a)
    assert first is not None
    assert second is not None
    assert (first.dtype, first.size, second.dtype, second.size) == (np.float64, 3, np.uint64, 1)
    step.block[: step.used] = step.words()
    assert (first.tolist(), second.tolist()) == ([0.5, 0.5, 7.0], [11])
    step.refresh()
    step.block[: step.used] = step.words()
    assert (first.tolist(), second.tolist()) == ([1.0, 0.5, 7.0], [22])
    assert asked == ["a", "b", "a", "b"]
    assert step.unbound() == []


def test_nobody_computes_with_them(step: graph_capture.Capture) -> None:
    x = graph_capture.per_replay("the answer", lambda: 42)
    for use in (lambda: x + 1, lambda: 2 * x, lambda: x & 7, lambda: int(x), lambda: float(x), lambda: x > 3, lambda: bool(x)):
        with pytest.raises(graph_capture.NotCapturable, match="the answer is read by code that a replay does not repeat"):
            use()
    with pytest.raises(graph_capture.NotCapturable):
        np.float32(x)
    assert repr(x) == "<replay scalar the answer>"
    assert step.unbound() == ["the answer"]


def test_too_many(step: graph_capture.Capture) -> None:
    x = graph_capture.per_replay("x", lambda: 1)
    with pytest.raises(graph_capture.NotCapturable, match=f"more than {graph_capture.SLOTS} numbers"):
        graph_capture.bind("uint64", lambda v: (v,) * (graph_capture.SLOTS + 1), x)


def test_not_after_the_capture(step: graph_capture.Capture) -> None:
    x = graph_capture.per_replay("x", lambda: 1)
    token = graph_capture.current_capture.set(None)
    try:
        with pytest.raises(graph_capture.NotCapturable, match="outside it"):
            graph_capture.bind("uint64", lambda v: (v,), x)
    finally:
        graph_capture.current_capture.reset(token)


@needs_emulator
def test_random_kernels_read_key_and_counter_from_memory() -> None:
    at = np.array(random.seed(KEY, COUNTER), "u8")
    given, nothing = (*random.seed(KEY, COUNTER), None), (0, 0, 0, at)
    with emulator.checked():
        for kernel, dtype, more in (
            (random._bits, "uint32", ()), (random._bernoulli, "bool", (1 << 31,)), (random._uniform, "float32", ()),
            (random._normal, "float64", ()),
        ):  # fmt: skip
            a, b = np.zeros(37, dtype), np.zeros(37, dtype)
            kernel[2](a, 37, *given, *more)
            kernel[2](b, 37, *nothing, *more)
            assert a.tobytes() == b.tobytes()
        x = np.ones(37, "f4")
        a, b = np.zeros_like(x), np.zeros_like(x)
        dropout._dropout[1](x, a, 37, 1, 2.0, 1 << 31, *given)
        dropout._dropout[1](x, b, 37, 1, 2.0, 1 << 31, *nothing)
        assert a.tobytes() == b.tobytes()
        assert 0 < a.sum() < 74


@needs_emulator
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_optimizers_read_their_settings_from_memory(dtype: str) -> None:
    settings = (0.01, 0.9, 0.99, 1e-8, 0.1, True, 3)
    for kernel, function, values, rest in (
        (optim._adam, optim._adam_numbers, settings, ()),
        (optim._sgd, optim._sgd_numbers, (0.1, 0.9, 0.2, 0.01), (1, 0)),
    ):
        numbers = function(*values)
        found = []
        for scalars in ((*numbers, None), (*[0.0] * len(numbers), np.array(numbers))):
            rng = np.random.default_rng(0)
            roles = [[np.abs(rng.standard_normal(50)).astype(dtype)] for _ in range(4 if kernel is optim._adam else 3)]
            table = PointerTable(roles, (0, 2, 3))
            with emulator.checked():
                kernel[table.chunks](table, table.tensors, table.columns, table.chunks, *scalars, *rest)
            found.append(b"".join(role[0].tobytes() for role in roles))
        assert found[0] == found[1]
