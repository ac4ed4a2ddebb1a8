"""The training steps that are timed: forward, loss, backward, optimizer; one text each, read by every framework.

Weights are drawn from rng by the parameters' names, which are the same everywhere, so every framework starts alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .bodies import Array, Body, Framework, normal


def initialised(fw: Framework, rng: np.random.Generator, model: Any) -> Any:
    """The model on its device, with weights of variance 1/fan-in and small biases, drawn in the order of their names."""
    model = fw.placed(model)
    for _, parameter in sorted(model.named_parameters()):
        shape = tuple(parameter.shape)
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 100
        fw.write(parameter, normal(rng, *shape, scale=fan_in**-0.5))
    return model


def trained(fw: Framework, parameters: list[tuple[str, Any]], optimizer: Any, loss_of: Callable[[], Any]) -> Body:
    """One step of training. Compared by the first gradients and by the losses of three steps."""

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

    return Body(step, results)


def captured(fw: Framework, rng: np.random.Generator, *, step: Callable[..., Body], **arguments: Any) -> Body:
    """Another step, recorded once and replayed where a framework can; compared as it is without."""
    body = step(fw, rng, **arguments)
    replays: list[Callable[[], Any]] = []

    def run() -> Any:
        if not replays:
            replays.append(fw.captured(body.run))
        return replays[0]()

    return Body(run, body.results)


def adam(fw: Framework, rng: np.random.Generator, *, parameters: int, tensors: int) -> Body:
    """The optimizer alone, over several parameters with fixed gradients."""
    each = parameters // tensors
    leaves = [fw.leaf(normal(rng, each)) for _ in range(tensors)]
    for leaf in leaves:
        leaf.grad = fw.constant(normal(rng, each))
    optimizer = fw.optim.Adam(leaves, lr=1e-3)

    def results() -> dict[str, Array]:
        for _ in range(3):
            optimizer.step()
        return {f"parameter {i}": fw.value(leaf) for i, leaf in enumerate(leaves)}

    return Body(optimizer.step, results)


def classifier(fw: Framework, rng: np.random.Generator, model: Any, x: Array, classes: int) -> Body:
    """A model that maps x to logits, trained by Adam."""
    model = initialised(fw, rng, model)
    inputs, labels = fw.constant(x), fw.constant(rng.integers(0, classes, len(x)))
    loss = fw.nn.CrossEntropyLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(inputs), labels))


def mlp(fw: Framework, rng: np.random.Generator, *, N: int, I: int, H: int, classes: int) -> Body:
    nn = fw.nn
    model = nn.Sequential(nn.Linear(I, H), nn.ReLU(), nn.Linear(H, classes))
    return classifier(fw, rng, model, normal(rng, N, I), classes)


def cnn(fw: Framework, rng: np.random.Generator, *, N: int, H: int, K: int, hidden: int, dropout: float = 0.5) -> Body:
    """conv - conv - pool - dropout - linear - linear, the network that every tutorial trains on MNIST."""
    nn = fw.nn
    features = 2 * K * ((H - 4) // 2) ** 2
    model = nn.Sequential(
        nn.Conv2d(1, K, 3), nn.ReLU(), nn.Conv2d(K, 2 * K, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(dropout), nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 10),
    )  # fmt: skip
    return classifier(fw, rng, model, normal(rng, N, 1, H, H), 10)


def char_lstm(fw: Framework, rng: np.random.Generator, *, T: int, N: int, H: int, layers: int, V: int) -> Body:
    """Next characters: embedding, LSTM, linear."""
    nn = fw.nn

    class CharLSTM(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(V, H)
            self.lstm = nn.LSTM(H, H, num_layers=layers)
            self.head = nn.Linear(H, V)

        def forward(self, ids: Any) -> Any:
            return self.head(self.lstm(self.embedding(ids))[0].reshape((T * N, H)))

    model = initialised(fw, rng, CharLSTM())
    text = rng.integers(0, V, (T + 1, N))
    ids, labels = fw.constant(text[:-1]), fw.constant(text[1:].reshape(-1))
    loss = nn.CrossEntropyLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(ids), labels))
