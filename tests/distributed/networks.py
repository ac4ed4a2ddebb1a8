"""Small trainings whose result on several ranks must be that on one."""

from __future__ import annotations

from typing import Any

import numpy as np

import dlengine as dl
from dlengine import data, nn, optim, training

SAMPLES, BATCH = 50, 12
"""50 = 4 * 12 + 2: the last batch cannot be divided by 3 and leaves ranks 3 and 4 without a sample."""


class CharLSTM(nn.Module):
    """Scores (N,V,T) of the next character, from characters (N,T)."""

    def __init__(self) -> None:
        self.embed = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 7, num_layers=2, dropout=0.3, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.scores = nn.Linear(7, 11)

    def forward(self, x: Any) -> Any:
        y, _ = self.lstm(self.embed(x))
        return dl.permute_dims(self.scores(self.drop(y)), (0, 2, 1))


def augment(x: np.ndarray[Any, Any], generator: dl.Generator) -> np.ndarray[Any, Any]:
    """Noise, and a shift of each image by up to two columns."""
    shifts = dl.randint(0, 3, len(x), generator=generator).numpy()
    noise = dl.randn(*x.shape, generator=generator, dtype=str(x.dtype)).numpy()
    return np.stack([np.roll(row, int(k), axis=-1) for row, k in zip(x, shifts, strict=True)]) + 0.05 * noise


def arrays(name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    kind = np.dtype(str(dl.get_default_dtype()).rpartition(".")[2])
    if name == "lstm":
        text = rng.integers(0, 11, (SAMPLES, 9))
        return text[:, :-1], text[:, 1:]
    shape = (SAMPLES, 2, 6, 6) if name == "cnn" else (SAMPLES, 10)
    x = rng.standard_normal(shape).astype(kind)
    return x, (x.reshape(SAMPLES, -1)[:, :3].argmax(1)).astype("i8")


def model_of(name: str) -> nn.Module:
    if name == "mlp":
        return nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Dropout(0.25), nn.Linear(16, 3))
    if name == "cnn":
        # No biases before the normalisations: their gradients are rounding errors, of which AdamW makes full steps.
        return nn.Sequential(
            nn.Conv2d(2, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout2d(0.2),
            nn.Conv2d(5, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3),
        )  # fmt: skip
    return CharLSTM()


def trainer_of(
    name: str, *, distributed: Any = False, sharded: bool = False, callbacks: Any = (), **options: Any
) -> tuple[training.Trainer, Any]:
    """A trainer and its training data, both from the same seed."""
    dl.manual_seed(5)
    model = model_of(name)
    optimizer: optim.Optimizer = optim.AdamW(model.parameters(), lr=0.003)
    if name == "mlp":
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    if sharded:
        optimizer = dl.distributed.ShardedOptimizer(optimizer)
    trainer = training.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, metrics=[training.Accuracy(), training.F1(11)], progress=False,
        distributed=distributed, scheduler=optim.StepLR(optimizer, 3, 0.5),
        callbacks=[training.ClipGradients(1.0), *callbacks], **options,
    )  # fmt: skip
    made = data.ArrayDataset(*arrays(name))
    transform = augment if name == "cnn" else None
    return trainer, data.DataLoader(made, BATCH, shuffle=True, transform=transform, generator=dl.Generator(9))


def difference(one: training.Trainer, other: training.Trainer) -> float:
    """The largest difference of parameters, buffers and histories, relative to their size."""
    worst = 0.0
    for (name, a), b in zip(one.model.state_dict().items(), other.model.state_dict().values(), strict=True):
        x, y = np.asarray(a.numpy(), float), np.asarray(b.numpy(), float)
        scale = max(1.0, float(np.abs(x).max(initial=0.0)))
        assert np.isfinite(y).all(), name
        worst = max(worst, float(np.abs(x - y).max(initial=0.0)) / scale)
    for row, twin in zip(one.history, other.history, strict=True):
        worst = max([worst, *(abs(row[k] - twin[k]) for k in row if k != "seconds")])
    return worst
