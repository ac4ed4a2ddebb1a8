"""What is timed: one row per workload. To add one, write its body in bodies.py or steps.py, its row here, its work in work.py."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from dlengine.errors import ConfigError

from . import bodies, networks, steps
from .bodies import Body, Framework
from .word_vectors import word_vectors
from .work import Work, work

KINDS = {
    "op": "forward and backward",
    "forward": "forward alone",
    "step": "forward, loss, backward, optimizer",
    "captured": "a step of ours replayed as a CUDA graph, against an eager one",
    "library": "beside a library for this one thing",
    "import": "import on top of numpy's own, in fresh processes",
}
APART = ("captured", "library", "import")
"""Kinds that the geometric mean leaves out: their two sides do not do the same."""


@dataclass(frozen=True)
class Workload:
    """A named body with its sizes. tolerance: largest difference between frameworks, relative to the largest value.

    precision: of float32 products, "" for the run's own. places: the devices it is timed on. peer: a library to be timed
    against instead of the run's. unit: what N counts, where a rate says more than a time. compared: both sides' results agree.
    """

    name: str
    kind: str
    body: Callable[..., Body] | None
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
        """What products are computed in, where it is not the run's own: TF32, bfloat16."""
        return str(self.options.get("dtype") or {"high": "tf32", "medium": "bfloat16"}.get(self.precision, ""))

    @property
    def smallest(self) -> dict[str, int]:
        """Sizes that reach the same code with next to no data."""
        return {name: min(size, 8) for name, size in self.sizes.items() if name in ("N", "parameters")}

    def work(self, **sizes: int) -> Work | None:
        """Arithmetic and traffic of one run."""
        return work(self.body, self.sizes | sizes, self.options)

    def build(self, fw: Framework, *, check: bool = False, **sizes: int) -> Body:
        """The body in a framework, from inputs that depend on the name alone; check: without what is random."""
        if self.body is None:
            raise ConfigError(f"bench: {self.name} is not run inside a worker")
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return self.body(fw, rng, **(self.sizes | sizes), **self.options, **(self.checked_with if check else {}))


def _op(name: str, body: Callable[..., Body], **sizes: int) -> tuple[Workload, ...]:
    return (Workload(name, "op", body, sizes),)


def _both(name: str, body: Callable[..., Body], **sizes: int) -> tuple[Workload, ...]:
    """Forward and backward, and forward alone."""
    return *_op(name, body, **sizes), Workload(f"{name}-fwd", "forward", body, sizes, {"backward": False})


def _step(
    name: str, body: Callable[..., Body], checked_with: dict[str, Any] | None = None, tolerance: float = 1e-4, **sizes: int
) -> tuple[Workload, ...]:
    return (Workload(name, "step", body, sizes, checked_with=checked_with or {}, tolerance=tolerance),)


_ROWS = (
    _op("tiny-ops", bodies.tiny_ops, H=4, ops=200),
    _op("pointwise-chain", bodies.pointwise_chain, elements=1_000_000),
    _both("conv-mnist1", bodies.conv, N=64, C=1, H=28, K=32, kernel=3),
    _both("conv-mnist2", bodies.conv, N=64, C=32, H=26, K=64, kernel=3),
    _both("conv-c64", bodies.conv, N=32, C=64, H=28, K=64, kernel=3, padding=1),
    _both("conv-stem", bodies.conv, N=8, C=3, H=224, K=64, kernel=7, stride=2, padding=3),
    _both("conv-pointwise", bodies.conv, N=32, C=256, H=14, K=256, kernel=1),
    _both("conv-depthwise", bodies.conv, N=32, C=128, H=28, K=128, kernel=3, padding=1, groups=128),
    _op("maxpool", bodies.max_pool, N=64, C=64, H=28, kernel=2),
    _op("batchnorm", bodies.batch_norm, N=64, C=64, H=28),
    _op("layernorm", bodies.layer_norm, M=4096, D=512),
    _both("lstm-small", bodies.lstm, T=50, N=50, I=128, H=128, layers=2),
    _both("lstm-medium", bodies.lstm, T=64, N=64, I=128, H=256, layers=1),
    _both("lstm-large", bodies.lstm, T=100, N=32, I=512, H=512, layers=1),
    _both("gru-medium", bodies.gru, T=64, N=64, I=128, H=256),
    _op("softmax-xent", bodies.softmax_cross_entropy, N=2500, V=65),
    _op("embedding", bodies.embedding, V=50_000, D=128, N=64, T=200),
    _step("adam-4m", steps.adam, parameters=4_000_000, tensors=4),
    _step("mlp-mnist", steps.mlp, N=128, I=784, H=256, classes=10),
    _step("cnn-mnist", steps.cnn, {"dropout": 0.0}, N=64, H=28, K=32, hidden=128),
    # A rectifier within rounding of zero may open or close: gradients of few pixels then jump, in either framework.
    _step("resnet20", networks.resnet, tolerance=2e-2, N=32, H=32, width=16, blocks=3),
    _step("autoencoder", networks.autoencoder, N=128, I=784, H=400, D=20),
    _step("vae", networks.vae, {"noise": 0.0}, N=128, I=784, H=400, D=20),
    _step("dcgan28", networks.dcgan, N=64, D=64, width=64),
    _step("char-lstm", steps.char_lstm, T=50, N=50, H=128, layers=2, V=65),
    _step("seq2seq", networks.seq2seq, T=20, N=64, V=1000, H=256),
    _step("word2vec-sgns", networks.word2vec, V=10_000, D=100, N=4096, negatives=5),
)

_HOST = {workload.name: workload for row in _ROWS for workload in row}
_HOST["word2vec-sgns"] = replace(_HOST["word2vec-sgns"], unit=("pairs", _HOST["word2vec-sgns"].sizes["N"]))

_EPOCH = {"V": 10_000, "D": 100, "tokens": 50_000, "window": 5, "negatives": 5, "N": 4096}
_PAIRS = _EPOCH["tokens"] // 1000 * 5 * (2 * 1000 - 5 - 1)
"""In sentences of 1000 words: 1000 - d at each distance d up to 5, both ways round."""

_APART = (
    Workload(
        "word2vec-epoch", "library", word_vectors, _EPOCH, places=("cpu",), peer="gensim", unit=("pairs", _PAIRS), compared=False
    ),
    Workload("import", "import", None, {}, places=("cpu",)),
)


def _on_device() -> list[Workload]:
    """What only a GPU is asked: sizes that fill one, tensor cores, dropout, and whole steps replayed as graphs."""
    large = (
        *_op("conv-r56", bodies.conv, N=64, C=64, H=56, K=64, kernel=3, padding=1),
        *_op("conv-r14", bodies.conv, N=64, C=256, H=14, K=256, kernel=3, padding=1),
        *_op("dropout", bodies.dropout, elements=16_000_000),
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
        options = {**step.options, "step": step.body}
        found.append(
            replace(step, name=f"{name}-captured", kind="captured", body=steps.captured, options=options, places=("cuda",))
        )
    return found


WORKLOADS: dict[str, Workload] = _HOST | {workload.name: workload for workload in (*_on_device(), *_APART)}


def select(patterns: tuple[str, ...], device: str = "cpu") -> list[Workload]:
    """The workloads for a device whose name contains, or as a glob matches, a pattern; all for none. Raises ConfigError."""
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
