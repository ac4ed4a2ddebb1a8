"""Large results are made just before they are read: no number changes, and no more memory is needed at once."""

from __future__ import annotations

import numpy as np
import pytest
from programs.steps import STEPS, run
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.programs import ordering
from dlengine.programs.cleaning import peak
from dlengine.programs.ordering import ordered
from dlengine.recording.instructions import Call, Storage, Value


def value(by: Call | None = None, *, lasting: bool = False, size: int = 1 << 20) -> Value:
    return Value(np.empty(size, np.uint8), "made" if by is not None else "input", Storage(lasting), by)


def call(name: str, *args: Value, size: int = 1 << 20, writes: tuple[Value, ...] = ()) -> Call:
    made = Call(name, np.add, [*args], {}, writes=writes)
    made.outs = [] if writes else [value(made, size=size)]
    made.result = made.outs[0] if made.outs else None
    return made


def names(calls: list[Call], *outs: Value) -> list[str]:
    return [c.name for c in ordered(calls, list(outs))]


def test_a_large_result_is_made_before_its_first_reader() -> None:
    x = value(lasting=True)
    early, other = call("add", x), call("exp", x)
    last = call("multiply", early.outs[0])
    late = call("sum", other.outs[0], size=4)
    assert names([early, other, late, last], *late.outs, *last.outs) == ["exp", "sum", "add", "multiply"]
    small = call("add", x, size=8)
    reader = call("multiply", small.outs[0])
    assert names([small, other, late, reader], *late.outs, *reader.outs)[0] == "add"


def test_a_chain_moves_as_a_whole() -> None:
    x = value(lasting=True)
    first, other = call("add", x), call("sum", x, size=4)
    second = call("exp", first.outs[0], size=2 << 20)
    last = call("multiply", second.outs[0])
    assert names([first, second, other, last], *other.outs, *last.outs) == ["sum", "add", "exp", "multiply"]


def test_what_is_written_before_the_reader_is_read_before() -> None:
    x = value(lasting=True)
    early, write = call("add", x), call("step", x, writes=(x,))
    last = call("multiply", early.outs[0])
    assert names([early, write, last], *last.outs) == ["add", "step", "multiply"]
    changed = call("step", early.outs[0], writes=(early.outs[0],))
    other = call("sum", x, size=4)
    assert names([early, other, changed, last], *other.outs, *last.outs) == ["sum", "add", "step", "multiply"]


def test_what_may_raise_stays_in_its_place() -> None:
    x = value(lasting=True)
    early, other = call("embedding", x), call("sum", x, size=4)
    last = call("multiply", early.outs[0])
    assert names([early, other, last], *other.outs, *last.outs) == ["embedding", "sum", "multiply"]


def test_nothing_large_is_held_longer_for_it() -> None:
    x = value(lasting=True)
    source = call("exp", x, size=8 << 20)
    early = call("add", source.outs[0])
    other = call("abs", x, size=8 << 20)
    late = call("sum", other.outs[0], size=4)
    last = call("multiply", early.outs[0])
    calls = [source, early, other, late, last]
    found = ordered(calls, [*late.outs, *last.outs])
    assert [c.name for c in found] == ["exp", "add", "abs", "sum", "multiply"]
    assert peak(found, [*late.outs, *last.outs]) <= peak(calls, [*late.outs, *last.outs])


@pytest.mark.parametrize("name", STEPS)
def test_ordered_steps_equal_eager_bit_for_bit(name: str, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    results, state, _ = run(STEPS[name], 6, captured=False)
    monkeypatch.setattr(ordering, "LARGE", 1)
    found, replayed, train = run(STEPS[name], 6, fuse=False)
    equal(found, results)
    equal(replayed, state)
    assert train.replays == 2


def test_gradients_of_two_tables(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The gradient of the larger table waits until that of the smaller is summed."""
    monkeypatch.setattr(ordering, "LARGE", 1 << 10)
    words, contexts = nn.Embedding(30, 8), nn.Embedding(30, 8)
    rng = np.random.default_rng(0)
    ids, near = dl.asarray(rng.integers(0, 30, 20)), dl.asarray(rng.integers(0, 30, (20, 5)))
    opt = optim.SGD([*words.parameters(), *contexts.parameters()], lr=0.1)

    def step() -> dl.Tensor:
        opt.zero_grad()
        loss = dl.mean(dl.matmul(contexts(near), words(ids)[:, :, None]) ** 2)
        loss.backward()
        opt.step()
        return loss

    train = training.capture(step, fuse=False)
    for _ in range(6):
        train()
    (program,) = [p for kind in train._runs.kinds.values() for p in kind.programs]
    found = [c.name for c in program.calls if c.name in ("matmul", "embedding_grad")]
    assert found[-4:] == ["matmul", "embedding_grad", "matmul", "embedding_grad"]
