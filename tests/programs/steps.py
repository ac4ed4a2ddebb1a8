"""Steps for the tests of captured steps: each maker gives a step, what training changes, and batches without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.generator import default_generator

Made = tuple[Callable[..., Any], list[Any], Callable[[int], tuple[Any, ...]]]
"""The step, the modules and optimizers whose state counts, and a function that gives batch number n."""

F = nn.functional


def images(n: int = 5, size: int = 8, classes: int = 3) -> Callable[[int], tuple[Any, ...]]:
    def batch(i: int) -> tuple[Any, ...]:
        rng = np.random.default_rng(i)
        x = rng.standard_normal((n, 1, size, size)).astype("float32")
        return dl.asarray(x), dl.asarray(rng.integers(0, classes, n))

    return batch


def texts(steps: int = 6, n: int = 3, words: int = 11) -> Callable[[int], tuple[Any, ...]]:
    def batch(i: int) -> tuple[Any, ...]:
        t = np.random.default_rng(i).integers(0, words, (steps + 1, n))
        return dl.asarray(t[:-1]), dl.asarray(t[1:].reshape(-1))

    return batch


def classified(model: Any, optimizer: Any, clip: float | None = None) -> Callable[..., Any]:
    loss_of = nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        if clip is not None:
            optim.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return loss

    return step


def mlp_sgd() -> Made:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 3))
    opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
    return classified(model, opt), [model, opt], images()


def cnn_adam() -> Made:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.3), nn.Flatten(), nn.Linear(27, 3)
    )
    opt = optim.Adam(model.parameters(), lr=0.01)
    return classified(model, opt), [model, opt], images()


class Characters(nn.Module):
    def __init__(self, layer: Any) -> None:
        self.embedding = nn.Embedding(11, 8)
        self.recurrent = layer(8, 8)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(8, 11)

    def forward(self, ids: Any) -> Any:
        return self.head(self.dropout(self.recurrent(self.embedding(ids))[0]).reshape((-1, 8)))


def lstm_clipped() -> Made:
    model = Characters(nn.LSTM)
    opt = optim.Adam(model.parameters(), lr=0.02)
    return classified(model, opt, clip=0.5), [model, opt], texts()


def gru_adamw() -> Made:
    model = Characters(nn.GRU)
    opt = optim.AdamW(model.parameters(), lr=0.02, amsgrad=True, weight_decay=0.1)
    return classified(model, opt), [model, opt], texts()


class SmallGPT(nn.Module):
    def __init__(self) -> None:
        self.words, self.places = nn.Embedding(11, 16), nn.Embedding(6, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, activation="gelu", batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 11)

    def forward(self, ids: Any) -> Any:
        t = ids.shape[1]
        mask = dl.triu(dl.ones((t, t), dtype="bool"), k=1)
        h = self.words(ids) + self.places(dl.arange(t))
        return self.head(self.norm(self.block(h, src_mask=mask))).reshape((-1, 11))


def gpt() -> Made:
    model = SmallGPT()
    opt = optim.Adam(model.parameters(), lr=0.01)
    given = texts()

    def batch(i: int) -> tuple[Any, ...]:
        x, _ = given(i)
        return dl.asarray(np.ascontiguousarray(x.numpy().T)), dl.asarray(np.ascontiguousarray(x.numpy().T).reshape(-1))

    return classified(model, opt), [model, opt], batch


def vae() -> Made:
    encoder, decoder = nn.Linear(64, 8), nn.Linear(4, 64)
    opt = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        target = F.sigmoid(x.reshape((-1, 64)))
        mean, log_var = dl.split(encoder(target), 4, axis=1)
        z = mean + dl.exp(0.5 * log_var) * dl.randn(*mean.shape)
        loss = F.binary_cross_entropy_with_logits(decoder(z), target, reduction="sum")
        loss = loss - 0.5 * dl.sum(1 + log_var - mean * mean - dl.exp(log_var))
        loss.backward()
        opt.step()
        return {"loss": loss, "mean": mean.detach()}

    return step, [encoder, decoder, opt], images()


def accumulated() -> Made:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 3))
    opt = optim.SGD(model.parameters(), lr=0.1)
    given = images(4)

    def step(x: Any, y: Any, u: Any, v: Any) -> Any:
        opt.zero_grad(set_to_none=False)
        losses = [nn.CrossEntropyLoss()(model(a), b) * 0.5 for a, b in ((x, y), (u, v))]
        for loss in losses:
            loss.backward()
        opt.step()
        return losses

    return step, [model, opt], lambda i: (*given(2 * i), *given(2 * i + 1))


def scheduled() -> Made:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.SiLU(), nn.LayerNorm(16), nn.Linear(16, 3))
    opt = optim.AdamW(model.parameters(), lr=0.05)
    schedule = optim.StepLR(opt, step_size=3, gamma=0.7)
    given = images()

    def batch(i: int) -> tuple[Any, ...]:
        if i:
            schedule.step()
        return given(i)

    return classified(model, opt), [model, opt], batch


def gan() -> Made:
    make, judge = nn.Linear(4, 64), nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    first, second = optim.Adam(make.parameters(), lr=0.01), optim.Adam(judge.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        real = x.reshape((-1, 64))
        fake = make(dl.randn(real.shape[0], 4))
        second.zero_grad()
        loss = F.softplus(judge(fake.detach())).mean() + F.softplus(-judge(real)).mean()
        loss.backward()
        second.step()
        first.zero_grad()
        other = F.softplus(-judge(fake)).mean()
        other.backward()
        first.step()
        return loss, other

    return step, [make, judge, first, second], images()


def regression_clipped_by_value() -> Made:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.GELU(), nn.Linear(16, 1))
    opt = optim.SGD(model.parameters(), lr=0.05, momentum=0.5)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.SmoothL1Loss()(model(x)[:, 0], y.astype("float32"))
        loss.backward()
        optim.clip_grad_value_(model.parameters(), 0.05)
        opt.step()
        return loss

    return step, [model, opt], images()


def penalised() -> Made:
    """A gradient inside of a gradient."""
    judge = nn.Sequential(nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 1))
    opt = optim.Adam(judge.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        at = x.reshape((-1, 64)).clone().requires_grad_()
        g = dl.gradients(judge(at).sum(), at, create_graph=True)
        loss = dl.mean((dl.sqrt(dl.sum(g * g, axis=1)) - 1) ** 2)
        loss.backward()
        opt.step()
        return loss

    return step, [judge, opt], images()


def checkpointed() -> Made:
    inner = nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.3), nn.ReLU())
    head = nn.Linear(16, 3)
    opt = optim.SGD([*inner.parameters(), *head.parameters()], lr=0.1)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(head(dl.checkpoint(inner, x.reshape((-1, 64)))), y)
        loss.backward()
        opt.step()
        return loss

    return step, [inner, head, opt], images()


def hooked() -> Made:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
    model[1].weight.register_hook(lambda g: g * 0.5)
    model[1].register_forward_hook(lambda module, args, y: y * 2.0)
    opt = optim.SGD(model.parameters(), lr=0.1)
    return classified(model, opt), [model, opt], images()


STEPS = {
    f.__name__: f
    for f in (
        mlp_sgd, cnn_adam, lstm_clipped, gru_adamw, gpt, vae, accumulated, scheduled, gan, regression_clipped_by_value, penalised,
        checkpointed, hooked,
    )
}  # fmt: skip


def arrays_of(nest: Any) -> Iterator[Any]:
    """The arrays of the tensors in a nest."""
    if isinstance(nest, dict):
        nest = list(nest.values())
    if isinstance(nest, (list, tuple)):
        for part in nest:
            yield from arrays_of(part)
    elif nest is not None:
        yield nest.detach().numpy().copy()


def everything(held: list[Any]) -> list[Any]:
    """What training changes: parameters, buffers, gradients, states of optimizers and of the generator."""
    found: list[Any] = []
    for part in held:
        if isinstance(part, nn.Module):
            found += [v.numpy().copy() for v in part.state_dict().values()]
            found += [None if p.grad is None else p.grad.numpy().copy() for p in part.parameters()]
        else:
            for state in part.state_dict()["state"].values():
                found += [v.numpy().copy() if hasattr(v, "numpy") else v for v in state.values()]
    return [*found, default_generator.state_dict()]


def run(make: Callable[[], Made], steps: int, **options: Any) -> tuple[list[Any], list[Any], Any]:
    """The results of each step, everything in the end, and the captured step; with captured=False none."""
    captured = options.pop("captured", True)
    dl.manual_seed(7)
    step, held, batch = make()
    train = training.capture(step, **options) if captured else step
    results = [list(arrays_of(train(*batch(i)))) for i in range(steps)]
    return results, everything(held), train
