"""What is timed, one row per workload: a new one is defined in definitions.py or steps.py, with its cost in costs.py."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from dlengine.errors import ConfigError

from . import definitions, models, more_steps, networks, steps
from .costs import Cost, cost
from .definitions import Computation, Framework
from .word_vectors import word_vectors

KINDS = {
    "op": "forward and backward",
    "forward": "forward alone",
    "step": "forward, loss, backward, optimizer",
    "inference": "one sample through a network, without gradients",
    "captured": "a step of ours replayed as a CUDA graph, against an eager one",
    "library": "beside a library for this one thing",
    "import": "import on top of numpy's own, in fresh processes",
}
APART = ("captured", "library", "import")
"""Kinds that do not count in the geometric mean, because the two frameworks do different things."""


@dataclass(frozen=True)
class Workload:
    """A named definition with its sizes.

    checked_with: options without randomness, for the comparison. tolerance: the largest difference between frameworks,
    relative to the largest value. precision: of float32 products, "" for that of the run. places: the devices on which it
    is timed. peer: a library that replaces the run's peer. unit: the name and number of the units that one run processes,
    for the rate. compared: whether the results of both frameworks must agree.
    """

    name: str
    kind: str
    definition: Callable[..., Computation] | None
    sizes: dict[str, int]
    options: dict[str, Any] = field(default_factory=dict)
    checked_with: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-4
    precision: str = ""
    places: tuple[str, ...] = ("cpu", "cuda")
    peer: str | None = None
    unit: tuple[str, int] | None = None
    compared: bool = True

    @property
    def shape(self) -> str:
        """The sizes as text: N=64 C=1 ..."""
        return " ".join(f"{name}={size}" for name, size in self.sizes.items())

    @property
    def products(self) -> str:
        """The precision of products, tf32 or bfloat16, if it differs from the run's."""
        return str(self.options.get("dtype") or {"high": "tf32", "medium": "bfloat16"}.get(self.precision, ""))

    @property
    def smallest(self) -> dict[str, int]:
        """Small sizes that run the same code."""
        return {name: min(size, 8) for name, size in self.sizes.items() if name in ("N", "parameters")}

    def cost(self, **sizes: int) -> Cost | None:
        """The cost of one run."""
        return cost(self.definition, self.sizes | sizes, self.options)

    def build(self, fw: Framework, *, check: bool = False, **sizes: int) -> Computation:
        """Build the computation in a framework, from inputs that depend on the name only; check: without randomness."""
        if self.definition is None:
            raise ConfigError(f"bench: {self.name} is not run inside a worker")
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return self.definition(fw, rng, **(self.sizes | sizes), **self.options, **(self.checked_with if check else {}))


def _op(name: str, definition: Callable[..., Computation], **sizes: int) -> tuple[Workload, ...]:
    return (Workload(name, "op", definition, sizes),)


def _both(name: str, definition: Callable[..., Computation], **sizes: int) -> tuple[Workload, ...]:
    """Forward and backward, and forward alone."""
    return *_op(name, definition, **sizes), Workload(f"{name}-fwd", "forward", definition, sizes, {"backward": False})


def _step(
    name: str,
    definition: Callable[..., Computation],
    checked_with: dict[str, Any] | None = None,
    tolerance: float = 1e-4,
    **sizes: int,
) -> tuple[Workload, ...]:
    return (Workload(name, "step", definition, sizes, checked_with=checked_with or {}, tolerance=tolerance),)


def _one(name: str, model: Callable[..., Any], sample: Callable[..., Any], **sizes: int) -> tuple[Workload, ...]:
    """Inference on one sample."""
    return (Workload(name, "inference", more_steps.inference, sizes, {"model": model, "sample": sample}),)


_ROWS = (
    _op("tiny-ops", definitions.tiny_ops, H=4, ops=200),
    _op("pointwise-chain", definitions.pointwise_chain, elements=1_000_000),
    _both("conv-mnist1", definitions.conv, N=64, C=1, H=28, K=32, kernel=3),
    _both("conv-mnist2", definitions.conv, N=64, C=32, H=26, K=64, kernel=3),
    _both("conv-c64", definitions.conv, N=32, C=64, H=28, K=64, kernel=3, padding=1),
    _both("conv-stem", definitions.conv, N=8, C=3, H=224, K=64, kernel=7, stride=2, padding=3),
    _both("conv-pointwise", definitions.conv, N=32, C=256, H=14, K=256, kernel=1),
    _both("conv-depthwise", definitions.conv, N=32, C=128, H=28, K=128, kernel=3, padding=1, groups=128),
    _op("maxpool", definitions.max_pool, N=64, C=64, H=28, kernel=2),
    _op("batchnorm", definitions.batch_norm, N=64, C=64, H=28),
    _op("layernorm", definitions.layer_norm, M=4096, D=512),
    _both("lstm-small", definitions.lstm, T=50, N=50, I=128, H=128, layers=2),
    _both("lstm-medium", definitions.lstm, T=64, N=64, I=128, H=256, layers=1),
    _both("lstm-large", definitions.lstm, T=100, N=32, I=512, H=512, layers=1),
    _both("gru-medium", definitions.gru, T=64, N=64, I=128, H=256),
    _op("softmax-xent", definitions.softmax_cross_entropy, N=2500, V=65),
    _op("embedding", definitions.embedding, V=50_000, D=128, N=64, T=200),
    _step("adam-4m", steps.adam, parameters=4_000_000, tensors=4),
    _step("mlp-mnist", steps.mlp, N=128, I=784, H=256, classes=10),
    # ReLU inputs within rounding of zero have gradient 0 or 1, and of values within rounding of each other a pooling may choose
    # either, so the gradients of some pixels differ between frameworks: here and in resnet20, dcgan28 and unet, whose tolerances
    # are those of one such pixel.
    _step("cnn-mnist", steps.cnn, {"dropout": 0.0}, tolerance=1e-2, N=64, H=28, K=32, hidden=128),
    _step("resnet20", networks.resnet, tolerance=2e-2, N=32, H=32, width=16, blocks=3),
    _step("autoencoder", networks.autoencoder, N=128, I=784, H=400, D=20),
    _step("vae", networks.vae, {"noise": 0.0}, N=128, I=784, H=400, D=20),
    _step("dcgan28", networks.dcgan, tolerance=2e-2, N=64, D=64, width=64),
    _step("char-lstm", steps.char_lstm, T=50, N=50, H=128, layers=2, V=65),
    _step("seq2seq", networks.seq2seq, T=20, N=64, V=1000, H=256),
    _step("word2vec-sgns", networks.word2vec, V=10_000, D=100, N=4096, negatives=5),
    _step("gpt", more_steps.gpt, tolerance=1e-3, N=8, T=64, D=128, heads=4, layers=4, V=512),
    _step("vit", more_steps.vit, tolerance=1e-3, N=32, H=32, patch=4, D=64, heads=4, layers=4),
    _step("unet", more_steps.unet, tolerance=1e-2, N=8, H=32, width=16),
    _step("lstm-cell", more_steps.lstm_cell, T=32, N=32, I=64, H=128, classes=10),
    _step("seq2seq-by-steps", more_steps.seq2seq_by_steps, T=12, N=32, V=500, H=128),
    _one("mlp-one", models.mlp, more_steps.digit, I=784, H=256, classes=10),
    _one("cnn-one", models.cnn, more_steps.grey, H=28, K=32, hidden=128),
    _one("resnet20-one", models.resnet, more_steps.coloured, H=32, width=16, blocks=3),
    _one("lstm-one", models.char_lstm, more_steps.column, H=128, layers=2, V=65),
    _one("gpt-one", models.gpt, more_steps.line, T=64, D=128, heads=4, layers=4, V=512),
)

_HOST = {workload.name: workload for row in _ROWS for workload in row}
_HOST["word2vec-sgns"] = replace(_HOST["word2vec-sgns"], unit=("pairs", _HOST["word2vec-sgns"].sizes["N"]))

_EPOCH = {"V": 10_000, "D": 100, "tokens": 50_000, "window": 5, "negatives": 5, "N": 4096}
_PAIRS = _EPOCH["tokens"] // 1000 * 5 * (2 * 1000 - 5 - 1)
"""A sentence of 1000 words has 1000 - d pairs at each distance d up to 5, in both directions."""

_APART = (
    Workload(
        "word2vec-epoch", "library", word_vectors, _EPOCH, places=("cpu",), peer="gensim", unit=("pairs", _PAIRS), compared=False
    ),
    Workload("import", "import", None, {}, places=("cpu",)),
)


def _on_device() -> list[Workload]:
    """Workloads for GPUs only: large sizes, tensor cores, dropout, and training steps replayed as graphs."""
    large = (
        *_op("conv-r56", definitions.conv, N=64, C=64, H=56, K=64, kernel=3, padding=1),
        *_op("conv-r14", definitions.conv, N=64, C=256, H=14, K=256, kernel=3, padding=1),
        *_op("dropout", definitions.dropout, elements=16_000_000),
    )
    found = [replace(row, places=("cuda",)) for row in large]
    found[-1] = replace(found[-1], checked_with={"p": 0.0})
    convolutions = ("conv-mnist2", "conv-c64", "conv-stem", "conv-pointwise", "conv-depthwise")
    for row in (*(_HOST[name] for name in convolutions), *found[:2]):
        cuda: dict[str, Any] = {"places": ("cuda",)}
        found.append(replace(row, name=f"{row.name}-tf32", precision="high", tolerance=1e-2, **cuda))
        found.append(replace(row, name=f"{row.name}-bf16", options={"dtype": "bfloat16"}, tolerance=2e-2, **cuda))
    for name in ("mlp-mnist", "cnn-mnist", "char-lstm"):
        step = _HOST[name]
        options = {**step.options, "step": step.definition}
        found.append(
            replace(step, name=f"{name}-captured", kind="captured", definition=steps.captured, options=options, places=("cuda",))
        )
    return found


WORKLOADS: dict[str, Workload] = _HOST | {workload.name: workload for workload in (*_on_device(), *_APART)}


def select(patterns: tuple[str, ...], device: str = "cpu") -> list[Workload]:
    """The workloads of a device whose name contains a pattern or matches it as a glob; all for none. Raises ConfigError."""
    there = [workload for workload in WORKLOADS.values() if device in workload.places]
    if not patterns:
        return there
    for pattern in patterns:
        if not any(_matches(workload.name, pattern) for workload in there):
            names = ", ".join(workload.name for workload in there)
            raise ConfigError(f"bench: no workload matches {pattern!r}; there are {names}")
    return [w for w in there if any(_matches(w.name, pattern) for pattern in patterns)]


def _matches(name: str, pattern: str) -> bool:
    return pattern in name or fnmatchcase(name, pattern)
