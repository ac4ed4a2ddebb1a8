"""Losses of labels for planes of scores: the same whether the scores stay as they lie or the classes are brought together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.ops import loss


def both(x: Any, labels: Any, **options: Any) -> list[Any]:
    """The loss and its gradient."""
    scores = dl.asarray(x, copy=True)
    scores.requires_grad_(True)
    y = dl.cross_entropy(scores, dl.asarray(labels), **options)
    dl.sum(y * dl.arange(1, y.size + 1, dtype=y.dtype).reshape(y.shape)).backward()
    return [y.detach().numpy(), scores.grad.numpy()]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore_index", [-100, 1, 255])
@pytest.mark.parametrize("weighted", [False, True])
def test_planes_of_few_classes(monkeypatch: pytest.MonkeyPatch, weighted: bool, ignore_index: int, reduction: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 4, 5), (2, 3, 4, 5), (1, 1, 7), (2, loss.FEW_CLASSES, 2, 3)):
        x, labels = rng.standard_normal(shape), rng.integers(0, shape[1], (shape[0], *shape[2:]))
        if ignore_index != 1:
            labels[0, 0] = ignore_index
        weight = dl.asarray(rng.random(shape[1])) if weighted else None
        options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
        found = both(x, labels, **options)
        with monkeypatch.context() as patch:
            patch.setattr(loss, "FEW_CLASSES", 0)
            for a, b in zip(found, both(x, labels, **options), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_ignored_pixel_may_have_any_scores(bad: float) -> None:
    for classes in (3, loss.FEW_CLASSES, loss.FEW_CLASSES + 1):
        x, labels = np.ones((1, classes, 2, 2)), np.ones((1, 2, 2), int)
        x[0, :, 0, 0], labels[0, 0, 0] = bad, -100
        y, g = both(x, labels)
        assert np.isfinite(y)
        assert np.isfinite(g).all()
        assert not g[0, :, 0, 0].any()


def test_wrong_labels_of_planes() -> None:
    x = dl.zeros((2, 3, 4))
    for labels, kind in ((np.full((2, 4), 3), "no class"), (np.full((2, 4), -1), "no class"), (np.ones((2, 5), int), "must be")):
        for function in (dl.cross_entropy, dl.nn.functional.nll_loss):
            with pytest.raises(dl.errors.DLEngineError, match=kind):
                function(x, dl.asarray(labels))
