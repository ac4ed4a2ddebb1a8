"""Training steps of transformers, a U-Net and recurrent cells in loops, and inference on one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import models
from .definitions import Array, Computation, Framework, normal
from .steps import classifier, initialised, trained

CHARACTERS = 50
"""The length of the text that a character model reads."""


def gpt(fw: Framework, rng: np.random.Generator, *, N: int, T: int, D: int, heads: int, layers: int, V: int) -> Computation:
    """A small decoder that predicts the next token."""
    model = models.gpt(fw, T=T, D=D, heads=heads, layers=layers, V=V)
    return classifier(fw, rng, model, rng.integers(0, V, (N, T)), V, N * T)


def vit(fw: Framework, rng: np.random.Generator, *, N: int, H: int, patch: int, D: int, heads: int, layers: int) -> Computation:
    """Images as sequences of patches."""
    model = models.vit(fw, H=H, patch=patch, D=D, heads=heads, layers=layers)
    return classifier(fw, rng, model, normal(rng, N, 3, H, H), 10)


def unet(fw: Framework, rng: np.random.Generator, *, N: int, H: int, width: int) -> Computation:
    """Images to masks."""
    model = initialised(fw, rng, models.unet(fw, width=width))
    x, masks = fw.constant(normal(rng, N, 3, H, H)), fw.constant(rng.integers(0, 2, (N, 1, H, H)).astype(np.float32))
    loss = fw.nn.BCEWithLogitsLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(x), masks))


def lstm_cell(fw: Framework, rng: np.random.Generator, *, T: int, N: int, I: int, H: int, classes: int) -> Computation:
    """A loop of an LSTM cell in Python over T steps, and a classifier of its last state."""
    nn = fw.nn

    class Loop(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.LSTMCell(I, H), nn.Linear(H, classes)

        def forward(self, x: Any) -> Any:
            state = self.cell(x[0])
            for t in range(1, T):
                state = self.cell(x[t], state)
            return self.head(state[0])

    return classifier(fw, rng, Loop(), normal(rng, T, N, I), classes, N)


def seq2seq_by_steps(fw: Framework, rng: np.random.Generator, *, T: int, N: int, V: int, H: int) -> Computation:
    """An LSTM encoder, and a decoder that goes token by token: cell, dot-product attention, logits."""
    nn = fw.nn

    class Translator(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.source, self.target = nn.Embedding(V, H), nn.Embedding(V, H)
            self.encoder, self.cell = nn.LSTM(H, H), nn.LSTMCell(H, H)
            self.mix, self.head = nn.Linear(2 * H, H), nn.Linear(H, V)

        def forward(self, source: Any, target: Any) -> Any:
            memory, (h, c) = self.encoder(self.source(source))
            memory, state, logits = fw.permute(memory, (1, 0, 2)), (h[0], c[0]), []
            for t in range(T):
                state = self.cell(self.target(target[t]), state)
                y = state[0][:, None, :]
                weights = fw.softmax(fw.matmul(y, fw.permute(memory, (0, 2, 1))), -1)
                mixed = fw.tanh(self.mix(fw.concat([fw.matmul(weights, memory), y], -1)))
                logits.append(self.head(mixed[:, 0]))
            return fw.concat(logits, 0)

    model = initialised(fw, rng, Translator())
    source, target = (fw.constant(rng.integers(0, V, (T, N))) for _ in range(2))
    labels = fw.constant(rng.integers(0, V, N * T))
    loss = nn.CrossEntropyLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(source, target), labels))


def inference(
    fw: Framework, rng: np.random.Generator, *, model: Callable[..., Any], sample: Callable[..., Array], **sizes: int
) -> Computation:
    """A network in evaluation, without gradients; sample: draws its input from rng and the sizes."""
    built = initialised(fw, rng, model(fw, **sizes))
    run = fw.inference(built, fw.constant(sample(rng, **sizes)))
    return Computation(run, lambda: {"y": fw.value(run())})


def digit(rng: np.random.Generator, *, I: int, **sizes: int) -> Array:
    return normal(rng, 1, I)


def grey(rng: np.random.Generator, *, H: int, **sizes: int) -> Array:
    return normal(rng, 1, 1, H, H)


def coloured(rng: np.random.Generator, *, H: int, **sizes: int) -> Array:
    return normal(rng, 1, 3, H, H)


def column(rng: np.random.Generator, *, V: int, **sizes: int) -> Array:
    """A text, (CHARACTERS,1)."""
    return rng.integers(0, V, (CHARACTERS, 1))


def line(rng: np.random.Generator, *, T: int, V: int, **sizes: int) -> Array:
    """A text of T tokens, (1,T)."""
    return rng.integers(0, V, (1, T))
