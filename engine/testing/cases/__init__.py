"""The op table, one file per family of ops. Importing this package fills dlengine.testing.table.CASES."""

from __future__ import annotations

from . import (
    activation,
    conv,
    creation,
    elementwise,
    embedding,
    fft,
    index,
    linalg,
    logic,
    loss,
    norm,
    pool,
    random,
    recurrent,
    reduce,
    shape,
    softmax,
    sort,
)

__all__ = [
    "activation",
    "conv",
    "creation",
    "elementwise",
    "embedding",
    "fft",
    "index",
    "linalg",
    "logic",
    "loss",
    "norm",
    "pool",
    "random",
    "recurrent",
    "reduce",
    "shape",
    "softmax",
    "sort",
]
