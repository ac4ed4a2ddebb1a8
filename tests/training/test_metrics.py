"""Metrics against their definitions, and against scikit-learn where it has them; batches of any size give the same number."""

from __future__ import annotations

from math import exp, log
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import training
from dlengine.errors import CheckpointError, ConfigError, DTypeError, LabelError, ShapeError

RNG = np.random.default_rng(3)
SCORES = RNG.standard_normal((60, 5)).astype("f4")
LABELS = RNG.integers(0, 4, 60)  # class 4 never occurs
OUTPUTS, TARGETS = RNG.standard_normal((40, 2)), RNG.standard_normal((40, 2)) + 1e6


def gathered(metric: training.Metric, outputs: Any, targets: Any, size: int = 7) -> Any:
    """Over unequal batches, the second half in a metric that continues from the state of the first."""
    metric.reset()
    half = len(targets) // 2 // size * size
    for i in range(0, half, size):
        metric.update(dl.asarray(outputs[i : i + size]), dl.asarray(targets[i : i + size]))
    state = {k: dl.asarray(v) if isinstance(v, np.ndarray) else v for k, v in metric.state_dict().items()}
    metric.reset()
    metric.load_state_dict(state)
    for i in range(half, len(targets), size):
        metric.update(outputs[i : i + size], targets[i : i + size])
    return metric.compute()


def test_classes_against_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    taken = SCORES.argmax(1)
    for average in ("macro", "micro", "weighted", None):
        options = {"average": average, "labels": range(5), "zero_division": 0}
        for kind, expected in (
            (training.Precision, sk.precision_score(LABELS, taken, **options)),
            (training.Recall, sk.recall_score(LABELS, taken, **options)),
            (training.F1, sk.f1_score(LABELS, taken, **options)),
        ):
            np.testing.assert_allclose(gathered(kind(5, average), SCORES, LABELS), expected, rtol=1e-12)
    for k in (1, 2, 3):
        expected = sk.top_k_accuracy_score(LABELS, SCORES, k=k, labels=range(5))
        assert gathered(training.Accuracy(k), SCORES, LABELS) == pytest.approx(expected)
    assert (gathered(training.ConfusionMatrix(5), SCORES, LABELS) == sk.confusion_matrix(LABELS, taken, labels=range(5))).all()
    assert gathered(training.Accuracy(5), SCORES, LABELS) == 1
    assert training.Accuracy(3).name == "top3_accuracy"


def test_regression_against_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    for kind, expected in (
        (training.MSE, sk.mean_squared_error(TARGETS, OUTPUTS)),
        (training.MAE, sk.mean_absolute_error(TARGETS, OUTPUTS)),
        (training.R2, sk.r2_score(TARGETS, OUTPUTS)),
    ):
        assert gathered(kind(), OUTPUTS, TARGETS) == pytest.approx(expected, rel=1e-9)
    near = TARGETS + 0.1 * OUTPUTS
    assert gathered(training.R2(), near, TARGETS) == pytest.approx(sk.r2_score(TARGETS, near), rel=1e-9)
    flat = np.ones(4)
    assert [gathered(training.R2(), y, flat, 1) for y in (flat, flat * 2)] == [1, 0]
    with pytest.raises(ShapeError, match="one shape"):
        training.MSE().update(np.ones((3, 1)), np.ones(3))


def test_ties_nan_and_ignored_labels() -> None:
    tied = np.zeros((1, 4))
    for label, k, right in ((0, 1, 1), (1, 1, 0), (1, 2, 1), (3, 3, 0)):
        metric = training.Accuracy(k)
        metric.update(tied, np.array([label]))
        assert metric.compute() == right
    for k in (1, 2):
        metric = training.Accuracy(k)
        metric.update(np.array([[np.nan, 1.0, 0.0]]), np.array([0]))
        assert metric.compute() == 0
    sequence = np.moveaxis(np.eye(3)[[[0, 1, 1], [2, 0, 0]]], -1, 1)  # (N,V,T)
    metric = training.Accuracy(ignore_index=9)
    metric.update(sequence, np.array([[0, 1, 9], [9, 9, 1]]))
    assert (metric.right, metric.count) == (2, 3)
    with pytest.raises(ShapeError, match="scores must be"):
        metric.update(np.ones((2, 3, 4)), np.ones((2, 5), int))


def test_perplexity_and_bits() -> None:
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    labels = np.array([0, 2])
    mean = -(log(0.5) + log(0.1)) / 2
    assert gathered(training.Perplexity(), np.log(p) + 700, labels, 1) == pytest.approx(exp(mean))
    assert gathered(training.BitsPerChar(), np.log(p), labels, 1) == pytest.approx(mean / log(2))
    unsure = training.Perplexity()
    unsure.update(np.array([[0.0, -2000.0]]), np.array([1]))
    assert unsure.compute() == np.inf
    for metric in (training.Perplexity(), training.BitsPerChar(), training.R2(), training.MAE(), training.BLEU(), training.F1(2)):
        assert np.isnan(metric.compute())


def test_bleu() -> None:
    cat = "the cat is on the mat".split()
    metric = training.BLEU(max_n=1)
    metric.update(["the the the the the the the".split()], [[cat, "there is a cat on the mat".split()]])
    assert metric.compute() == pytest.approx(2 / 7)  # Papineni et al., section 2.1.1
    metric = training.BLEU(max_n=2)
    metric.update(["the cat on the mat".split()], [cat])
    assert metric.compute() == pytest.approx(exp(1 - 6 / 5) * (5 / 5 * 3 / 4) ** 0.5)
    metric.reset()
    metric.update([cat, cat], [cat, cat])
    assert metric.compute() == 1
    metric.update([["dog"]], [cat])
    assert 0 < metric.compute() < 1
    ids = training.BLEU(max_n=1, end=9, ignore=0)
    ids.update(np.eye(10)[[[1, 2, 9, 5]]].transpose(0, 2, 1), np.array([[1, 3, 0, 9]]))
    assert ids.compute() == 0.5
    with pytest.raises(ShapeError, match="1 outputs and 2 references"):
        metric.update([cat], [cat, cat])


def test_bleu_of_a_corpus_against_nltk() -> None:
    """The sentences and the figure, 0.5920..., of the documentation of nltk.translate.bleu_score.corpus_bleu."""
    hypotheses = [
        "it is a guide to action which ensures that the military always obeys the commands of the party".split(),
        "he read the book because he was interested in world history".split(),
    ]
    references = [
        [
            "it is a guide to action that ensures that the military will forever heed party commands".split(),
            "it is the guiding principle which guarantees the military forces always being under the command of "
            "the party".split(),
            "it is the practical guide for the army always to heed the directions of the party".split(),
        ],
        ["he was interested in world history because he read the book".split()],
    ]
    metric = training.BLEU()
    for h, r in zip(hypotheses, references, strict=True):
        metric.update([h], [r])
    assert 0.5920 <= metric.compute() < 0.5921


@pytest.mark.parametrize(
    "make",
    [
        training.Accuracy, lambda: training.Accuracy(2), lambda: training.ConfusionMatrix(4), lambda: training.Recall(4),
        training.Perplexity, training.BitsPerChar,
    ],
)  # fmt: skip
@pytest.mark.parametrize(("label", "dtype"), [(4, "int64"), (-1, "int8"), (200, "uint8"), (2**64 - 1, "uint64")])
def test_a_label_that_is_no_class_is_refused_by_every_metric(make: Any, label: int, dtype: str) -> None:
    labels = np.array([0, label, 3], dtype)
    metric = make()
    with pytest.raises(LabelError, match="is no class; expected 0 <= label < 4"):
        metric.update(np.eye(4)[:3], labels)
    with pytest.raises(DTypeError, match="labels must be integers"):
        metric.update(np.eye(4)[:3], np.zeros(3))
    metric.update(np.eye(4)[:3], np.array([0, 1, -100]))
    assert np.isfinite(metric.compute()).all()


def test_more_classes_than_a_confusion_matrix_has() -> None:
    with pytest.raises(ShapeError, match="F1: the scores are of 4 classes, it was made for 3"):
        training.F1(3).update(np.eye(4), np.arange(4) % 3)


def test_settings_that_make_no_sense() -> None:
    for words, call in (
        ("k must be", lambda: training.Accuracy(0)),
        ("average must be", lambda: training.F1(2, "mean")),
        ("max_n", lambda: training.BLEU(0)),
    ):
        with pytest.raises(ConfigError, match=words):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(CheckpointError, match="lacks right, count"):
        training.Accuracy().load_state_dict({})
