"""The functions that the definitions use, from dlengine, with steps and inference captured (dlengine.training.capture)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlengine.training import capture

from . import with_dlengine
from .definitions import Computation

globals().update({name: getattr(with_dlengine, name) for name in with_dlengine.__all__})
# What follows differs from dlengine as it runs line by line.
NAME = "captured"


def trained(parameters: list[tuple[str, Any]], optimizer: Any, loss_of: Callable[[], Any]) -> Computation:
    """A training step that is replayed; the results are those of steps.trained."""

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    replayed = capture(step)

    def results() -> dict[str, Any]:
        losses = [with_dlengine.value(replayed())]
        found = {f"gradient of {name}": with_dlengine.value(p.grad) for name, p in parameters}
        losses += [with_dlengine.value(replayed()) for _ in range(2)]
        return found | {"losses": np.stack(losses)}

    return Computation(replayed, results)


def inference(model: Any, x: Any) -> Callable[[], Any]:
    """A call of a model on an input, in evaluation and without gradients, replayed."""
    model.eval()

    def predict(given: Any) -> Any:
        with with_dlengine.no_grad():
            return model(given)

    replayed = capture(predict)
    return lambda: replayed(x)
