"""The operators of ONNX in terms of dlengine's ops, by family."""

from __future__ import annotations

from . import (
    activation,
    arithmetic,
    attention,
    control,
    convolution,
    exchange,
    host,
    images,
    indexing,
    linear,
    loss,
    norm,
    pool,
    quantised,
    random,
    recurrent,
    reduction,
    sequences,
    shaping,
    signal,
    text,
)

__all__ = [
    "activation", "arithmetic", "attention", "control", "convolution", "exchange", "host", "images", "indexing", "linear", "loss",
    "norm", "pool", "quantised", "random", "recurrent", "reduction", "sequences", "shaping", "signal", "text",
]  # fmt: skip
