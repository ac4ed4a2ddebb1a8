"""The calls before a capture use the kernels that the capture will use, whatever would be faster without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.kernels.cuda import embedding, emulator, linear
from dlengine.kernels.cuda.machine import choice, launch

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


class LibraryIsFastest(choice.TimingCache):
    """What an earlier process measured: wherever the library may answer, it wins."""

    def __init__(self) -> None:
        super().__init__(None, lambda run: 0.0)

    def known(self, key: str, candidates: Any) -> str:
        return "library" if "library" in candidates else min(candidates)

    def choose(self, key: str, candidates: Mapping[str, Callable[[], object]]) -> str:
        return self.known(key, candidates)


@pytest.fixture
def second_process(machine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    answers = LibraryIsFastest()
    monkeypatch.setattr(choice, "timing_cache", lambda: answers)
    launch._compiled.cache_clear()
    return machine


def trained(model: Any, *inputs: Any) -> list[float]:
    """Losses of two calls that run and of three replays."""
    opt = optim.SGD(model.parameters(), lr=0.1)

    def step(*inputs: Any) -> Any:
        opt.zero_grad()
        loss = (model(*inputs) ** 2).mean()
        loss.backward()
        opt.step()
        return loss

    train = training.capture(step)
    losses = [float(train(*inputs)) for _ in range(5)]
    assert train.replays == 3
    return losses


def test_a_step_is_captured_where_the_library_was_fastest_before(second_process: Any) -> None:
    dl.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    losses = trained(model, dl.asarray(np.random.default_rng(0).standard_normal((4, 5)).astype("float32")))
    assert losses == sorted(losses, reverse=True)
    assert not [name for name in second_process.log if name.startswith("library matmul")]


def test_calls_before_a_capture_and_replays_give_the_same_bits(second_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's sums differ from ours, which shows where it was asked."""
    by_library = linear._by_library
    monkeypatch.setattr(linear, "_by_library", lambda a, b: by_library(a, b) * np.float32(1.001))
    dl.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    x = dl.asarray(np.random.default_rng(0).standard_normal((4, 5)).astype("float32"))
    step = training.capture(lambda x: (model(x) ** 2).sum())
    with dl.no_grad():
        found = [float(step(x)) for _ in range(5)]
        assert step.replays == 3
        assert len(set(found)) == 1
        assert float((model(x) ** 2).sum()) == pytest.approx(found[0], rel=1e-2)
        assert float((model(x) ** 2).sum()) != found[0]


def test_outside_of_a_capture_the_library_answers(second_process: Any) -> None:
    before = len(second_process.log)
    x = dl.ones((4, 5))
    assert np.array_equal((x @ dl.ones((5, 3))).array.get(), np.full((4, 3), 5.0))
    assert not [name for name in second_process.log[before:] if "gemm" in name]


def test_an_embedding_of_any_size_is_captured(second_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "FEW", 1)
    dl.manual_seed(0)
    losses = trained(nn.Embedding(9, 4), dl.asarray([[1, 2, 1], [0, 8, 2]]))
    assert losses == sorted(losses, reverse=True)
    gradients = {name for name in second_process.log if name.startswith(("embedding_grad", "radix"))}
    assert gradients == {"radix_count", "radix_scan", "radix_place", "embedding_grad_float32"}


def test_the_choice_may_be_forced(monkeypatch: pytest.MonkeyPatch, machine: Any) -> None:
    x = dl.ones((3,)).array

    def never() -> None:
        raise AssertionError

    for forced, expected in (("heuristic", "b"), ("a", "a"), ("other", "b")):
        monkeypatch.setenv("DLENGINE_CUDA_CHOICE", forced)
        assert choice.autotune("gemm", {"a": never, "b": never}, "b", x, 128) == expected


class CUDARuntimeError(RuntimeError):
    pass


@pytest.mark.parametrize(("text", "fatal"), [
    ("cudaErrorIllegalAddress: an illegal memory access was encountered", True),
    ("CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure", True),
    ("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: too many resources requested for launch", False),
])  # fmt: skip
def test_a_card_that_is_gone_is_said_at_once(text: str, fatal: bool) -> None:
    def fail() -> None:
        raise CUDARuntimeError(text)

    table = choice.TimingCache(None, lambda run: run() or 1.0)  # type: ignore[func-returns-value]
    candidates = {"broken": fail, "works": lambda: None}
    if fatal:
        with pytest.raises(CUDARuntimeError):
            table.choose("key", candidates)
        assert table.answers == {}
    else:
        assert table.choose("key", candidates) == "works"
