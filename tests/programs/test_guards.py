"""What happens when something that a captured step depends on changes between its calls."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from programs.comparing import batch, both, classifier, network
from programs.steps import STEPS, classified, everything, images, run
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, training

pytestmark = pytest.mark.usefixtures("host")


def test_another_batch_size_is_another_program() -> None:
    train = both(classifier, lambda i, held: batch(i, 6 if i % 4 else 3))
    assert train.replays == 8


def test_another_dtype() -> None:
    train = both(classifier, lambda i, held: batch(i, dtype="float64" if i % 2 else "float32"))
    assert train.replays == 8


def test_another_layout() -> None:
    def change(i: int, held: Any) -> Any:
        x, y = batch(i)
        return (dl.asarray(np.asfortranarray(x.numpy())), y) if i % 2 else (x, y)

    both(classifier, change)


def test_train_and_eval() -> None:
    def change(i: int, held: Any) -> Any:
        held[0].train(i % 6 < 4)
        return batch(i)

    both(classifier, change, 20)


def test_a_frozen_parameter() -> None:
    def change(i: int, held: Any) -> Any:
        if i == 6:
            held[0][0].weight.requires_grad_(False)
            held[0][0].weight.grad = None
        return batch(i)

    assert both(classifier, change).replays == 8


def test_a_replaced_parameter() -> None:
    def change(i: int, held: Any) -> Any:
        model, opt = held
        if i == 6:
            model[4].bias = nn.Parameter(dl.ones(2))
            opt.state.pop(opt.param_groups[0]["params"][-1])
            opt.param_groups[0]["params"][-1] = model[4].bias
        return batch(i)

    assert both(classifier, change).replays >= 5


def test_settings_that_are_read_anew() -> None:
    def change(i: int, held: Any) -> Any:
        held[1].param_groups[0]["lr"] = 0.1 / (1 + i)
        held[1].param_groups[0]["momentum"] = 0.9 - 0.05 * i
        return batch(i)

    assert both(classifier, change).replays == 10


def test_settings_that_are_not() -> None:
    def change(i: int, held: Any) -> Any:
        held[1].param_groups[0]["maximize"] = i >= 7
        held[0][3].p = 0.5 if i < 10 else 0.25
        return batch(i)

    assert both(classifier, change).replays == 6


def test_a_parameter_that_has_rested() -> None:
    """Its count of steps differs from then on, where the recorded step counted all parameters together."""

    def make() -> tuple[Any, Any, Any]:
        model = network()
        opt = optim.Adam(model.parameters(), lr=0.1)
        step = classified(model, opt)
        return step, (model, opt), [model, opt]

    def change(i: int, held: Any) -> Any:
        held[0][0].requires_grad_(not 5 <= i < 9)
        return batch(i)

    assert both(make, change, 16).replays == 7


@pytest.mark.parametrize(("first", "then", "replays"), [(0.9, 0.0, 7), (0.0, 0.9, 6)])
def test_momentum_that_is_switched(first: float, then: float, replays: int) -> None:
    def change(i: int, held: Any) -> Any:
        held[1].param_groups[0]["momentum"] = then if 6 <= i < 10 else first
        return batch(i)

    assert both(classifier, change, 13).replays == replays


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam])
def test_a_setting_that_is_no_number_raises_as_it_does_without(optimizer: Any) -> None:
    found = []
    for captured in (False, True):
        model = network()
        opt = optimizer(model.parameters(), lr=0.1)
        step = classified(model, opt)
        train = training.capture(step, fuse=False) if captured else step
        for i in range(8):
            opt.param_groups[0]["lr"] = "high" if i == 6 else 0.1
            with pytest.raises(ValueError, match="high") if i == 6 else nullcontext():
                train(*batch(i))
        found.append(everything([model, opt]))
    equal(found[1], found[0])
    assert train.replays == 3


def test_a_parameter_that_joins_the_optimizer() -> None:
    def change(i: int, held: Any) -> Any:
        model, opt = held
        if i == 5:
            model[4].weight = nn.Parameter(model[4].weight.detach().clone())
        if i == 8:
            opt.state.clear()
            opt.param_groups[0]["momentum"] = 0.0  # so that the state of a parameter is an empty one
            opt.param_groups[0]["params"] = list(model.parameters())
        return batch(i)

    both(classifier, change, 16)


def test_a_loaded_state() -> None:
    saved: list[Any] = []

    def change(i: int, held: Any) -> Any:
        if i == 0:
            saved.clear()
        if i == 3:
            saved[:] = [{k: v.clone() for k, v in held[0].state_dict().items()}, held[1].state_dict()]
            state = {n: {k: v.clone() for k, v in s.items()} for n, s in saved[1]["state"].items()}
            saved[1] = {**saved[1], "state": state}
        if i == 8:
            held[0].load_state_dict(saved[0])
            held[1].load_state_dict(saved[1])
        return batch(i)

    both(classifier, change)


def test_gradients_that_were_cleared_outside_and_ones_that_add_up() -> None:
    def make() -> tuple[Any, Any, Any]:
        p = nn.Linear(4, 2)

        def step(x: Any, y: Any) -> Any:
            loss = nn.CrossEntropyLoss()(p(x), y)
            loss.backward()
            return loss

        return step, p, [p]

    def change(i: int, held: Any) -> Any:
        if i % 3 == 0:
            for q in held.parameters():
                q.grad = None
        return batch(i)

    assert both(make, change, 20).replays >= 8


def test_a_hook_that_is_taken_off() -> None:
    handles: list[Any] = []

    def change(i: int, held: Any) -> Any:
        if i == 0:
            handles[:] = [held[0][0].weight.register_hook(lambda g: g * 3.0)]
        if i == 7:
            handles[0].remove()
        return batch(i)

    assert both(classifier, change).replays == 8


def test_the_first_hook_of_a_parameter_is_noticed() -> None:
    def change(i: int, held: Any) -> Any:
        if i == 7:
            held[0][0].weight.register_hook(lambda g: g * 3.0)
        return batch(i)

    assert both(classifier, change).replays == 8


def test_captured_and_other_steps_take_turns() -> None:
    found = []
    for captured in (False, True):
        dl.manual_seed(1)
        step, _, state = classifier()
        train = training.capture(step, fuse=False) if captured else step
        losses = [float((train if i % 5 != 4 else step)(*batch(i)).detach()) + float(dl.rand(1)[0]) for i in range(20)]
        found.append([losses, everything(state)])
    equal(found[1], found[0])
    assert train.replays == 12


def test_without_gradients_and_with() -> None:
    model = network().eval()
    run_it = training.capture(lambda x: model(x).detach())
    for i in range(12):
        x = batch(i)[0]
        with dl.no_grad():
            expected = model(x).numpy()
            assert np.abs(run_it(x).numpy() - expected).max() < 1e-6
        assert np.abs(run_it(x).numpy() - expected).max() < 1e-6
    assert run_it.replays == 24 - 2 - 4


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that took the same random numbers and settings again would be seen."""
    from dlengine.kernels.graph_capture import Source

    results, _, _ = run(STEPS["mlp_sgd"], 8, captured=False)
    monkeypatch.setattr(Source, "refresh", lambda self: setattr(self, "values", self.values or self.compute()))
    found, _, _ = run(STEPS["mlp_sgd"], 8, fuse=False)
    assert any(a[0].tobytes() != b[0].tobytes() for a, b in zip(found, results, strict=True))


def test_memory_that_arguments_share() -> None:
    """An argument that is also held by the step is another one in the next call."""
    p = dl.ones(4)
    double = training.capture(lambda x: x + p)
    for i in range(8):
        x = p if i < 4 else dl.asarray(np.full(4, float(i), "float32"))
        assert double(x).tolist() == (x + p).tolist()
    assert images(2)(0)[0].shape == (2, 1, 8, 8)


def test_an_argument_that_is_a_part_of_what_is_written() -> None:
    def make() -> tuple[Any, Any, Any]:
        p = nn.Parameter(dl.asarray(np.arange(8, dtype="float32").reshape(2, 4)))
        opt = optim.SGD([p], lr=0.1)

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = (p * dl.tanh(x)).sum()
            loss.backward()
            opt.step()
            return loss.detach() + dl.tanh(x).sum()

        return step, p, []

    def change(i: int, p: Any) -> Any:
        return (p.detach()[0] if i in (7, 9) else batch(i)[0][0]), None

    assert both(make, change).replays == 8


def test_a_network_that_is_trained_between_its_predictions() -> None:
    def make() -> tuple[Any, Any, Any]:
        model = network().eval()

        def predict(x: Any, y: Any) -> Any:
            with dl.no_grad():
                return model(x)

        return predict, model, []

    def change(i: int, model: Any) -> Any:
        if i % 4 == 3:
            with dl.no_grad():
                model[0].weight *= 0.5
                model[1].running_var += 1.0
        return batch(i)

    assert both(make, change).replays == 10
