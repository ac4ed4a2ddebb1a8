"""What cannot be captured is refused with its reason, and changes between replays are noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fake_cupy
import pytest
from cuda.test_capture import OPTIMIZERS, Step, classifier, compare, images, mlp

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.autograd.base import wrap
from dlengine.errors import CaptureError
from dlengine.generator import default_generator
from dlengine.kernels import graph_capture
from dlengine.kernels.cuda import emulator
from dlengine.training.graph_step import GraphStep

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def refused(step: Step, *inputs: Any) -> str:
    train = training.capture(step)
    train(*inputs)
    train(*inputs)
    with pytest.raises(CaptureError, match=r"^capture: ") as error:
        train(*inputs)
    assert not fake_cupy.current().is_capturing()
    assert dl.ones((2,)).sum() == 2.0  # and life goes on
    return str(error.value)


def third(first: Step, then: Step) -> Step:
    """Something else from the third call on."""
    calls: list[int] = []

    def step(*inputs: Any) -> Any:
        calls.append(1)
        return (first if len(calls) < 3 else then)(*inputs)

    return step


def trained(optimizer: Any) -> Step:
    p = nn.Parameter(dl.ones((3,)))
    opt = optimizer([p])

    def step(x: Any) -> Any:
        def loss() -> Any:
            opt.zero_grad()
            found = (p * x).sum()
            found.backward()
            return found

        opt.step(loss)

    return step


def replaced() -> Step:
    p = nn.Parameter(dl.ones((3,)))
    late = optim.Adam([p])

    def step(x: Any) -> Any:
        p.grad = x * 1.0

    def update(x: Any) -> Any:
        step(x)
        late.step()

    return third(step, update)


def accumulated() -> Step:
    p = nn.Parameter(dl.ones((3,)))

    def step(x: Any) -> Any:
        (p * x).sum().backward()

    return step


REFUSALS: dict[str, tuple[Callable[[], Step], str]] = {
    "a look at the loss": (lambda: lambda x: x * float(x.sum()), "reads device memory"),
    "item": (lambda: lambda x: x * x.sum().item(), "reads device memory"),
    "a list": (lambda: lambda x: x + dl.asarray([1.0, 2.0, 3.0]), "copies to it from the host"),
    "moving": (lambda: lambda x: x.to("cpu"), "computes with host arrays"),
    "gradients that add up": (accumulated, "gradients are added to those of the call before"),
    "a mask": (lambda: lambda x: x[x > 0].sum(), "reads device memory"),
    "sorting": (lambda: lambda x: dl.sort(x), "reads device memory"),
    "a permutation": (lambda: lambda x: dl.randperm(5), "reads device memory"),
    "cuBLAS": (lambda: lambda x: wrap(x.array @ x.array), "calls a library that CuPy does not capture (cuBLAS"),
    "host arrays": (lambda: lambda x: x + dl.ones((3,), device="cpu").sum().to("cuda"), "computes with host arrays"),
    "a kernel not compiled": (lambda: third(lambda x: x, lambda x: dl.softplus(x)), "softplus is not compiled yet"),
    "another optimizer": (lambda: trained(optim.LBFGS), "LBFGS computes with numbers of its own"),
    "an optimizer not used before": (replaced, "Adam has no state yet"),
    "numbers drawn for the host": (lambda: lambda x: (default_generator.take(4), x)[1], "a draw of random numbers is used where"),
    "computing with what was drawn": (lambda: lambda x: x * (default_generator.take(4)[1] % 7), "random numbers is read"),
    "a number as result": (lambda: lambda x: (x * 2.0, 3.0), "a step returns tensors, got float"),
    "a host tensor as result": (lambda: third(lambda x: x, lambda x: HOST[0]), "returns a host tensor"),
}
HOST: list[Any] = []


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_with_the_reason(name: str, machine: Any) -> None:
    make, words = REFUSALS[name]
    HOST[:] = [dl.ones((3,), device="cpu")]
    assert words in refused(make(), dl.ones((3,)))


def test_gradients_may_be_overwritten_or_added_within_a_step(machine: Any) -> None:
    def run(captured: bool) -> Any:
        p = nn.Parameter(dl.ones((3,)))
        opt = optim.SGD([p], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad(set_to_none=False)
            (p * x).sum().backward()
            (p * p * x).sum().backward()
            opt.step()
            return p * 1.0

        train = training.capture(step) if captured else step
        return [train(dl.ones((3,)) * float(n)).to("cpu").numpy_copy().tolist() for n in range(6)]

    assert run(True) == run(False)


def test_what_the_step_keeps_is_told(machine: Any) -> None:
    state: dict[str, Any] = {"h": dl.zeros((64,))}

    def step(x: Any) -> Any:
        state["h"] = state["h"] * 0.5 + x
        return state["h"].sum()

    train = training.capture(step)
    x = dl.ones((64,))
    train(x), train(x)
    with pytest.warns(UserWarning, match=r"the step keeps 256 bytes of tensors that it made; .*held\[\.\.\.\] = new"):
        train(x)


def test_other_errors_are_themselves(machine: Any) -> None:
    def fails(x: Any) -> Any:
        raise KeyError("mine")

    train = training.capture(third(lambda x: x, fails))
    x = dl.ones((2,))
    train(x), train(x)
    with pytest.raises(KeyError, match="mine"):
        train(x)


def test_inputs_that_change(machine: Any) -> None:
    train = training.capture(lambda x: x + 1.0)
    train(dl.ones((4, 2)))
    for bad in (dl.ones((3, 2)), dl.ones((4, 2), dtype="float64")):
        with pytest.raises(CaptureError, match=r"begun with inputs \(\(4, 2\) float32\), got .*drop_last=True"):
            train(bad)
    with pytest.raises(CaptureError, match="a step takes tensors, got int"):
        training.capture(lambda x: x)(3)


def test_a_parameter_that_moves(machine: Any) -> None:
    step, model, _ = classifier(mlp, OPTIMIZERS["sgd"])
    train = training.capture(step)
    batches = images(5, 5)
    for batch in batches[:4]:
        train(*batch)
    model.to("cpu").to("cuda")
    with pytest.raises(CaptureError, match="such as a parameter, was moved"):
        train(*batches[4])


def test_without_a_gpu() -> None:
    if dl.backend.BACKENDS["cuda"].unavailable():
        with pytest.raises(CaptureError, match=r"capture: CUDA graphs need a GPU: .*mend:"):
            GraphStep(lambda x: x, 1)


def test_warmup_of_none(machine: Any) -> None:
    with pytest.raises(CaptureError, match="warmup of at least 1"):
        training.capture(lambda x: x, warmup=0)


def test_the_comparison_can_fail(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that took the same random numbers and settings again would be seen."""
    monkeypatch.setattr(graph_capture.Capture, "refresh", lambda self: None)
    with pytest.raises(AssertionError):
        compare(lambda: classifier(mlp, OPTIMIZERS["sgd"]), images(5, 5))
    with pytest.raises(AssertionError):
        compare(lambda: classifier(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), OPTIMIZERS["adam"]), images(5, 5))
