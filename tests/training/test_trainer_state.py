"""A training's state: bit for bit from any instant, whole or not at all, and never with weights that are not numbers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, io, nn, optim, training
from dlengine.errors import CheckpointError, ConfigError, DataError, DLEngineError, DTypeError, GradientError

X = np.random.default_rng(0).standard_normal((44, 4)).astype("float32")
Y = np.arange(44) % 2


class Stream(data.IterableDataset):
    def __iter__(self) -> Iterator[Any]:
        yield from zip(X, Y, strict=True)


class Every(training.Callback):
    """Keeps the state behind every step and every epoch."""

    after_all = True

    def __init__(self) -> None:
        self.states: list[Any] = []

    def on_batch_end(self, trainer: training.Trainer, batch: int, values: dict[str, float]) -> None:
        self.states.append(copy.deepcopy(trainer.state_dict()))

    def on_validation_start(self, trainer: training.Trainer) -> None:
        self.states.append(copy.deepcopy(trainer.state_dict()))

    def on_epoch_end(self, trainer: training.Trainer, row: dict[str, float]) -> None:
        self.states.append(copy.deepcopy(trainer.state_dict()))


SOURCES = {
    "shuffled": lambda: data.ArrayDataset(X, Y),
    "stream": lambda: data.DataLoader(Stream(), 4),
    "threads": lambda: data.DataLoader(data.ArrayDataset(X, Y), 4, shuffle=True, num_workers=2),
    "list": lambda: [(dl.asarray(X[i : i + 4]), dl.asarray(Y[i : i + 4])) for i in range(0, 44, 4)],
}


def trainer(*callbacks: training.Callback, accumulate: int = 1, **options: Any) -> training.Trainer:
    dl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.2), nn.Linear(6, 2))
    optimizer = optim.Adam(model.parameters(), 0.05)
    return training.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, scheduler=optim.ExponentialLR(optimizer, 0.9), batch_size=4, progress=False,
        accumulate=accumulate, callbacks=callbacks, **options,
    )  # fmt: skip


def weights(t: training.Trainer) -> list[Any]:
    return [p.numpy_copy() for p in t.model.parameters()]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("accumulate", [1, 2, 3, 4, 11, 20])
def test_every_instant_goes_on_bit_for_bit_whatever_is_accumulated(source: str, accumulate: int) -> None:
    """11 batches an epoch; the last step of an epoch may be of fewer batches, and the loader is asked for more by then."""
    every = Every()
    whole = trainer(every, accumulate=accumulate)
    validation = data.ArrayDataset(X[:8], Y[:8])
    whole.fit(SOURCES[source](), 2, validation)
    assert {(s["epoch"], s["batch"]) for s in every.states} >= {(0, 11), (1, 0), (1, 11), (2, 0)}
    for state in every.states[:: max(1, len(every.states) // 9)] + every.states[-3:]:
        again = trainer(accumulate=accumulate)
        again.load_state_dict(state)
        again.fit(SOURCES[source](), 2, validation)
        for a, b in zip(weights(again), weights(whole), strict=True):
            np.testing.assert_array_equal(a, b)
        assert [r["loss"] for r in again.history] == [r["loss"] for r in whole.history]
        assert [r["val_loss"] for r in again.history] == [r["val_loss"] for r in whole.history]


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("event", ["on_validation_start", "on_validation_end"])
def test_a_fit_interrupted_in_its_validation_does_not_train_the_epoch_again(accumulate: int, event: str) -> None:
    class Interrupt(training.Callback):
        once = True

        def interrupt(self, trainer: training.Trainer) -> None:
            if self.once:
                self.once = False
                raise KeyboardInterrupt

    setattr(Interrupt, event, Interrupt.interrupt)
    validation = data.ArrayDataset(X[:8], Y[:8])
    whole, stopped = trainer(accumulate=accumulate), trainer(Interrupt(), accumulate=accumulate)
    whole.fit(data.ArrayDataset(X, Y), 2, validation)
    trainer()  # the seed again
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(data.ArrayDataset(X, Y), 2, validation)
    assert stopped.batch == 11
    state = copy.deepcopy(stopped.state_dict())
    for make in (lambda: stopped, lambda: trainer(accumulate=accumulate)):
        t = make()
        t.load_state_dict(state)
        t.fit(data.ArrayDataset(X, Y), 2, validation)
        for row, wanted in zip(t.history, whole.history, strict=True):
            assert row | {"seconds": 0} == wanted | {"seconds": 0}  # the accuracy in training too, not that of the validation
    assert stopped.state_dict()["batch"] == 0


def places(state: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every entry of a nest of dicts and lists."""
    if path:
        yield path
    if isinstance(state, dict):
        for key, value in state.items():
            yield from places(value, (*path, key))
    elif isinstance(state, list):
        for i, value in enumerate(state):
            yield from places(value, (*path, i))


def replaced(state: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the nest with another value at a path, or without it."""
    found = copy.copy(state)
    if len(path) > 1:
        found[path[0]] = replaced(state[path[0]], path[1:], value)
    elif value is Ellipsis:
        del found[path[0]]
    else:
        found[path[0]] = value
    return found


def image(t: training.Trainer) -> Any:
    """All that a state holds, in values that can be compared."""
    return repr([(k, v.numpy_copy().tolist() if hasattr(v, "numpy_copy") else v) for k, v in flat(t.state_dict())])


def flat(state: Any) -> Iterator[tuple[Any, Any]]:
    for path in places(state):
        value = state
        for key in path:
            value = value[key]
        if not isinstance(value, dict | list):
            yield path, value


LATER = ("loader", "optimizer", "scheduler", "callbacks", "history", "averages", "model")
"""Where a value that is possible as such (a huge rate, a weight) may make the training itself end, with an error of ours."""


def test_a_state_with_any_entry_damaged_is_refused_whole_or_goes_on() -> None:
    """Every entry in turn is missing, of another kind, or out of range: either nothing changes, or the training goes on."""

    def make() -> training.Trainer:
        t = trainer(training.EarlyStopping("loss"))
        average = optim.EMA(t.model.parameters())
        t.add_callbacks(training.WeightAverage(average), training.Schedule(optim.LinearLR(t.optimizer)))
        return t

    every = Every()
    begun = make()
    begun.add_callbacks(every)
    begun.fit(data.ArrayDataset(X, Y), 1)
    state = every.states[4]
    t = make()
    before = image(t)
    refused = accepted = 0
    for path in [p for p in places(state) if p[0] != "machine"]:
        for value in (..., None, "x", -3, [], {}, dl.ones(5), 1e300):
            damaged = replaced(state, path, value)
            try:
                t.load_state_dict(damaged)
            except CheckpointError:
                refused += 1
                assert image(t) == before, (path, value)
                continue
            accepted += 1
            with np.errstate(all="ignore"):
                try:
                    t.fit(data.ArrayDataset(X, Y), 1)
                except DLEngineError:
                    assert path[0] in LATER, (path, value)
            t = make()
            before = image(t)
    assert refused > 5 * accepted


def test_what_fails_in_a_callback_of_ones_own_leaves_everything_as_it_was() -> None:
    class Own(training.Callback):
        held = 1

        def state_dict(self) -> dict[str, Any]:
            return {"held": self.held, "checked": [0]}

        def load_state_dict(self, state: Any) -> None:
            self.held = state["held"]
            self.checked = state["checked"][0]

    t, other = trainer(Own()), trainer(Own())
    other.fit(data.ArrayDataset(X, Y), 1)
    damaged = replaced(other.state_dict(), ("callbacks", "Own"), {"held": 5, "checked": None})
    before = image(t)
    with pytest.raises(CheckpointError, match="callbacks Own of the state cannot be loaded: TypeError"):
        t.load_state_dict(damaged)
    assert image(t) == before


def test_the_scale_of_mixed_precision_is_read_whole_or_not_at_all() -> None:
    scaler = training.GradScaler()
    good = scaler.state_dict()
    for key in good:
        for value in ("2", None, -1, float("nan"), [], True):
            with pytest.raises(CheckpointError, match=f"GradScaler: {key} of the state: expected"):
                scaler.load_state_dict({**good, key: value})
        with pytest.raises(CheckpointError, match=f"it lacks {key}"):
            scaler.load_state_dict({k: v for k, v in good.items() if k != key})
    assert scaler.state_dict() == good


class Poison(training.Callback):
    """Makes a gradient NaN while the loss is still finite."""

    def __init__(self, step: int) -> None:
        self.left = step

    def on_gradients(self, trainer: training.Trainer, optimizer: optim.Optimizer) -> None:
        self.left -= 1
        if self.left == 0:
            p = optimizer.param_groups[0]["params"][0]
            p.grad = p.grad * float("nan")


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_gradient_that_is_no_number_in_the_last_step_costs_no_good_checkpoint(
    tmp_path: Path, kind: str, accumulate: int
) -> None:
    steps = -(-11 // accumulate)
    t = trainer(accumulate=accumulate)
    t.optimizers = {"optimizer": getattr(optim, kind)(t.model.parameters(), 0.01)}
    t.scheduler = None
    t.add_callbacks(Poison(2 * steps), training.Checkpoint(tmp_path, monitor="loss"))
    with pytest.raises(GradientError, match=r"fit: 0\.weight is not finite after batch 11 of epoch 2"):
        t.fit(data.ArrayDataset(X, Y), 2)
    for name in ("last", "best"):
        state = io.load(tmp_path / f"{name}.safetensors")
        assert state["epoch"] == 1
        assert all(np.isfinite(v.numpy_copy()).all() for v in state["model"].values())


def test_nor_inside_an_epoch(tmp_path: Path) -> None:
    t = trainer(Poison(4), training.Checkpoint(tmp_path, batches=2))
    with pytest.raises(GradientError, match="not finite after batch 4|the loss became nan"):
        t.fit(data.ArrayDataset(X, Y), 1)
    assert io.load(tmp_path / "last.safetensors")["batch"] == 2


@pytest.mark.parametrize("column", ["val_loss", "accuracy"])
def test_a_value_that_is_no_number_is_no_best(tmp_path: Path, column: str) -> None:
    """Neither at first nor later; and what follows a NaN can be better than what was before it."""
    nan = float("nan")
    stop, best = training.EarlyStopping(column, patience=4), training.Checkpoint(tmp_path, monitor=column)
    t = trainer(stop, best)
    for callback in (stop, best):
        callback.on_fit_start(t)
    sign = -1.0 if column == "val_loss" else 1.0
    found = []
    for value in (nan, 1.0, nan, 2.0, 1.5, nan):
        row = {column: sign * value}
        before = best.monitor.best if best.monitor is not None else None
        best.on_epoch_end(t, row)
        stop.on_epoch_end(t, row)
        assert best.monitor is not None
        found.append(best.monitor.best != before)
    assert found == [False, True, False, True, False, False]
    assert stop.waited == 2
    assert not t.stop


def test_frozen_weights_may_be_infinite() -> None:
    t = trainer()
    t.model.bound = nn.Parameter(dl.asarray([float("inf")]), requires_grad=False)
    assert len(t.fit(data.ArrayDataset(X, Y), 1)) == 1


@pytest.mark.parametrize(
    "source",
    [
        lambda: data.ArrayDataset(X[:0], Y[:0]),
        lambda: data.DataLoader(data.ArrayDataset(X[:3], Y[:3]), 4, drop_last=True),
        lambda: [],
        lambda: iter(()),
    ],
)
def test_data_without_a_batch_are_an_error(source: Any) -> None:
    with pytest.raises(DataError, match="no batch|empty"):
        trainer().fit(source(), 2)
    t = trainer()
    with pytest.raises(DataError, match="no batch|empty"):
        t.evaluate(source())
    assert t.history == []


def test_a_generator_that_is_used_up_is_told() -> None:
    t = trainer()
    with pytest.raises(DataError, match="epoch 2: .* used up after one epoch"):
        t.fit(iter(SOURCES["list"]()), 2)  # type: ignore[no-untyped-call]


def test_what_is_passed_in_the_wrong_place_is_said_in_words() -> None:
    model = nn.Linear(4, 2)
    optimizer, loss = optim.SGD(model.parameters()), nn.CrossEntropyLoss()
    make: Any = training.Trainer
    metric = training.Accuracy
    for error, words, call in (
        (DTypeError, r"optimizer must be an Optimizer .* got str; make one: optim.Adam", lambda: make(model, loss, "adam")),
        (DTypeError, "got Linear", lambda: make(model, loss, model)),
        (DTypeError, "got a dict with str", lambda: make(model, loss, {"a": "adam"})),
        (DTypeError, "loss must be a function or module .* got str", lambda: make(model, "mse", optimizer)),
        (DTypeError, r"the class MSELoss; make one: MSELoss\(\)", lambda: make(model, nn.MSELoss, optimizer)),
        (DTypeError, "expected a Callback, got str", lambda: make(model, loss, optimizer, callbacks=["log"])),
        (DTypeError, "expected a Metric, got the class Accuracy", lambda: make(model, loss, optimizer, metrics=[metric])),
        (DTypeError, "model must be a Module", lambda: make("mlp", loss, optimizer)),
        (ConfigError, r"got 1 parts; .*ArrayDataset\(x, y\)", lambda: trainer().fit(X)),
        (ConfigError, r"got 1 parts; .*ArrayDataset\(x, y\)", lambda: trainer().fit(dl.asarray(X), 2)),
        (ConfigError, r"got int; arrays: fit", lambda: trainer().fit(44)),
        (ConfigError, "epochs must be a whole number, got float", lambda: trainer().fit(data.ArrayDataset(X, Y), epochs=2.0)),
    ):
        with pytest.raises(error, match=words):
            call()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("then", [{"backend": "numba", "threads": 64, "vector bits": 512}, {"backend": "cuda"}])
def test_another_machine_is_told_once_when_the_training_goes_on(then: dict[str, Any]) -> None:
    """The number of threads decides how sums are split, so a state says with how many it was made."""
    t, other = trainer(), trainer()
    t.fit(data.ArrayDataset(X, Y), 1)
    other.load_state_dict({**t.state_dict(), "machine": then})  # looking at it says nothing
    words = f"the state was made with {', '.join(f'{k} {v}' for k, v in then.items())}, this is backend "
    with pytest.warns(UserWarning, match=words) as told:
        other.fit(data.ArrayDataset(X, Y), 2)
    other.fit(data.ArrayDataset(X, Y), 3)
    assert len(told) == 1


def test_the_record_of_the_machine_is_what_it_is() -> None:
    import numba

    from dlengine.kernels.jit.machine.vector import VECTOR_BYTES

    with dl.use_backend("numpy"):
        assert trainer().state_dict()["machine"] == {"backend": "numpy"}
    with dl.use_backend("numba"):
        found = trainer().state_dict()["machine"]
    assert found == {"backend": "numba", "threads": numba.get_num_threads(), "vector bits": 8 * VECTOR_BYTES}
