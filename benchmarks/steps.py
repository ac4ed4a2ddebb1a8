"""The definitions of the training steps that are timed: forward, loss, backward, optimizer; the same for every framework.

Weights are drawn from rng in the order of the parameters' names, so that every framework starts with the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import models
from .definitions import Array, Computation, Framework, normal


def initialised(fw: Framework, rng: np.random.Generator, model: Any) -> Any:
    """Move a model to the device, and draw weights of variance 1/fan-in and small biases."""
    model = fw.placed(model)
    for _, parameter in sorted(model.named_parameters()):
        shape = tuple(parameter.shape)
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 100
        fw.write(parameter, normal(rng, *shape, scale=fan_in**-0.5))
    return model


def trained(fw: Framework, parameters: list[tuple[str, Any]], optimizer: Any, loss_of: Callable[[], Any]) -> Computation:
    """A training step; the results are the gradients of the first and the losses of the first three steps."""

    if hasattr(fw, "trained"):  # JAX: the whole step is one function
        return fw.trained(parameters, optimizer, loss_of)  # type: ignore[no-any-return]
    loss_of = fw.compiled(loss_of)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    def results() -> dict[str, Array]:
        losses = [fw.value(step())]
        found = {f"gradient of {name}": fw.value(p.grad) for name, p in parameters}
        losses += [fw.value(step()) for _ in range(2)]
        return found | {"losses": np.stack(losses)}

    return Computation(step, results)


def captured(fw: Framework, rng: np.random.Generator, *, step: Callable[..., Computation], **arguments: Any) -> Computation:
    """A step that is captured as a CUDA graph and replayed; frameworks without graphs run it as it is."""
    computation = step(fw, rng, **arguments)
    replays: list[Callable[[], Any]] = []

    def run() -> Any:
        if not replays:
            replays.append(fw.captured(computation.run))
        return replays[0]()

    return Computation(run, computation.results)


def adam(fw: Framework, rng: np.random.Generator, *, parameters: int, tensors: int) -> Computation:
    """Adam alone, on several parameters with fixed gradients."""
    each = parameters // tensors
    leaves = [fw.leaf(normal(rng, each)) for _ in range(tensors)]
    for leaf in leaves:
        leaf.grad = fw.constant(normal(rng, each))
    optimizer = fw.optim.Adam(leaves, lr=1e-3)

    def results() -> dict[str, Array]:
        for _ in range(3):
            optimizer.step()
        return {f"parameter {i}": fw.value(leaf) for i, leaf in enumerate(leaves)}

    return Computation(optimizer.step, results)


def classifier(
    fw: Framework, rng: np.random.Generator, model: Any, x: Array, classes: int, rows: int | None = None
) -> Computation:
    """A model that maps x to logits, trained by Adam; rows: the number of labels, that of x if not given."""
    model = initialised(fw, rng, model)
    inputs, labels = fw.constant(x), fw.constant(rng.integers(0, classes, rows or len(x)))
    loss = fw.nn.CrossEntropyLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(inputs), labels))


def mlp(fw: Framework, rng: np.random.Generator, *, N: int, I: int, H: int, classes: int) -> Computation:
    return classifier(fw, rng, models.mlp(fw, I=I, H=H, classes=classes), normal(rng, N, I), classes)


def cnn(fw: Framework, rng: np.random.Generator, *, N: int, H: int, K: int, hidden: int, dropout: float = 0.5) -> Computation:
    return classifier(fw, rng, models.cnn(fw, H=H, K=K, hidden=hidden, dropout=dropout), normal(rng, N, 1, H, H), 10)


def char_lstm(fw: Framework, rng: np.random.Generator, *, T: int, N: int, H: int, layers: int, V: int) -> Computation:
    """A character language model that predicts the next character."""
    model = initialised(fw, rng, models.char_lstm(fw, H=H, layers=layers, V=V))
    text = rng.integers(0, V, (T + 1, N))
    ids, labels = fw.constant(text[:-1]), fw.constant(text[1:].reshape(-1))
    loss = fw.nn.CrossEntropyLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(ids), labels))
