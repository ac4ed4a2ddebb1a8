"""Pairs of sequences as padded batches of token numbers, and the trainer of decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import data, nn, optim
from ...data import Dataset
from ...models.seq2seq import BEGIN, END, PAD, SPECIALS
from ...training import Accuracy, ClipGradients, TeacherForcing


class Pairs(Dataset):
    """Inputs and targets as token numbers; in a batch targets become BEGIN ... END, and all are padded to the longest.

    inputs: sequences of token numbers, or an array (N,...) of other inputs, such as images.
    """

    def __init__(self, inputs: Any, targets: Sequence[Any]) -> None:
        self.inputs, self.targets = inputs, [np.array([BEGIN, *t, END], dtype=np.int64) for t in targets]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.inputs[index], self.targets[index]

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """Inputs (N,S) or (N,...), targets (N,T)."""
        numbers = np.asarray(rows, dtype=np.int64).tolist()
        inputs = self.inputs[numbers] if isinstance(self.inputs, np.ndarray) else pad([self.inputs[i] for i in numbers])
        return inputs, pad([self.targets[i] for i in numbers])


def pad(sequences: Sequence[Any]) -> Any:
    """Token numbers as one array (N,T), padded with PAD at the end."""
    return data.pad_sequence([np.asarray(s, dtype=np.int64) for s in sequences], batch_first=True, padding_value=PAD)


def vocabulary(texts: Sequence[Sequence[str]], min_count: int = 1) -> data.Vocabulary:
    """The vocabulary of some texts, after the special tokens."""
    return data.Vocabulary((t for text in texts for t in text), min_count=min_count, specials=SPECIALS, unknown=SPECIALS[3])


def teacher_forcing(model: Any, settings: Any) -> TeacherForcing:
    """A trainer with teacher forcing: Adam with a cosine schedule, clipped gradients, padding ignored by the loss."""
    optimizer = optim.Adam(model.parameters(), lr=settings.lr)
    return TeacherForcing(
        model, nn.CrossEntropyLoss(ignore_index=PAD), optimizer, batch_size=settings.batch_size, progress=False,
        scheduler=optim.CosineAnnealingLR(optimizer, settings.epochs, eta_min=0.02 * settings.lr),
        metrics=[Accuracy(ignore_index=PAD)], callbacks=[ClipGradients(1.0)],
    )  # fmt: skip
