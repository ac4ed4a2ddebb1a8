"""Losses: worked values, and targets that cannot be right."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import ConfigError, DataError, DTypeError, ShapeError
from dlengine.nn import functional as F


def test_values() -> None:
    x, t = dl.asarray([0.5, -2.0]), dl.asarray([0.0, 1.0])
    assert float(F.mse_loss(x, t)) == pytest.approx((0.25 + 9) / 2)
    assert float(F.l1_loss(x, t, "sum")) == pytest.approx(3.5)
    assert float(F.huber_loss(x, t)) == pytest.approx((0.125 + 2.5) / 2)
    scores = dl.asarray([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    row = -math.log(math.exp(1) / (math.exp(1) + math.exp(2) + math.exp(3)))
    assert float(F.cross_entropy(scores, dl.asarray([0, 2]))) == pytest.approx((row + math.log(3)) / 2)
    assert float(F.cross_entropy(scores, dl.asarray([0, -100]))) == pytest.approx(row)
    assert F.cross_entropy(scores, dl.asarray([0, -100]), reduction="none").numpy()[1] == 0
    assert float(F.binary_cross_entropy_with_logits(dl.asarray([1000.0]), dl.asarray([0.0]))) == 1000


def test_labels_of_any_integer_dtype() -> None:
    scores = dl.randn(3, 5)
    expected = float(F.cross_entropy(scores, dl.asarray([4, 0, 1])))
    for kind in ("uint8", "int32"):
        assert float(F.cross_entropy(scores, dl.asarray(np.array([4, 0, 1], kind)))) == pytest.approx(expected)


NAN = float("nan")
S = dl.zeros((2, 3))
WRONG: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (DataError, r"label 3 at \[1\] is no class; expected 0 <= label < V=3", lambda: F.cross_entropy(S, dl.asarray([0, 3]))),
    (DataError, r"label -1 at \[0\] is no class", lambda: F.nll_loss(S, dl.asarray([-1, 0]))),
    (DataError, r"target\[1\] is nan, expected a finite number", lambda: F.cross_entropy(S, dl.asarray([0.0, NAN]))),
    (DTypeError, "labels must be integers", lambda: F.cross_entropy(S, dl.asarray([0.0, 1.0]))),
    (ShapeError, r"labels must be \(N,\*S\)", lambda: F.cross_entropy(S, dl.asarray([0, 1, 2]))),
    (ShapeError, r"weight must be \(V,\)=\(3,\)", lambda: F.cross_entropy(S, dl.asarray([0, 1]), dl.ones(2))),
    (DataError, "expected between 0 and 1", lambda: F.cross_entropy(S, S + 2.0)),
    (ConfigError, "label_smoothing must be", lambda: F.cross_entropy(S, dl.asarray([0, 1]), label_smoothing=2.0)),
    (ConfigError, "reduction must be one of none, mean, sum", lambda: F.mse_loss(S, S, "average")),
    (ConfigError, "MSELoss: reduction", lambda: nn.MSELoss("average")),
    (ShapeError, r"target has shape \(3,\)", lambda: F.mse_loss(S, dl.zeros(3))),
    (DataError, r"target\[0, 1\] is inf", lambda: F.l1_loss(S, dl.asarray([[0.0, float("inf"), 0.0]] * 2))),
    (DTypeError, "target must be real numbers", lambda: F.mse_loss(S, dl.zeros((2, 3), dtype="complex64"))),
    (DataError, r"target\[0, 0\] is 2.0, expected between 0 and 1", lambda: F.binary_cross_entropy(S, S + 2.0)),
    (ConfigError, "delta must be positive", lambda: F.huber_loss(S, S, delta=0.0)),
    (ConfigError, "beta must not be negative", lambda: F.smooth_l1_loss(S, S, beta=-1.0)),
]


@pytest.mark.parametrize(("kind", "words", "call"), WRONG, ids=[w for _, w, _ in WRONG])
def test_wrong_targets_are_named(kind: type[Exception], words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=words):
        call()
