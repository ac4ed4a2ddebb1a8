"""The estimators keep scikit-learn's habits: its own checks, pipelines, searches, calibration, weights, pickles."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, training
from dlengine.errors import ConfigError

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from dlengine.sklearn import Classifier, Regressor  # noqa: E402

IRIS = load_iris()
X, Y = StandardScaler().fit_transform(IRIS.data), np.array(IRIS.target_names)[IRIS.target]
EXCEPTIONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "networks are trained in float32 by batches: a weight of 2 is a repetition up to rounding, not to a part in 10 million"
    )
}


@pytest.fixture(autouse=True)
def on_numpy() -> Iterator[None]:
    with dl.use_backend("numpy"):
        yield


def quick(**settings: Any) -> Classifier:
    return Classifier(**{"module": (16,), "max_epochs": 30, "lr": 0.02, "random_state": 0, **settings})


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [Classifier(max_epochs=60, lr=5e-3), Regressor(max_epochs=60, lr=5e-3)], ids=["c", "r"])
def test_scikit_learns_own_checks(estimator: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, expected_failed_checks=EXCEPTIONS, on_fail=None)
    failed = [f"{r['check_name']}: {r['exception']!r}" for r in found if r["status"] == "failed"]
    assert len(found) > 50
    assert not failed


def test_pipeline_search_and_cross_validation() -> None:
    pipeline = make_pipeline(StandardScaler(), quick())
    assert cross_val_score(pipeline, IRIS.data, Y, cv=3).min() > 0.85
    search = GridSearchCV(pipeline, {"classifier__lr": [1e-5, 0.02]}, cv=3).fit(IRIS.data, Y)
    assert search.best_params_ == {"classifier__lr": 0.02}
    assert search.predict(IRIS.data[:2]).tolist() == ["setosa", "setosa"]


def test_calibration() -> None:
    calibrated = CalibratedClassifierCV(quick(), cv=3).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9
    assert np.allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_string_labels_and_probabilities() -> None:
    model = quick().fit(X, Y)
    p = model.predict_proba(X)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert p.shape == (150, 3)
    assert np.allclose(p.sum(axis=1), 1)
    assert np.array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    assert model.score(X, Y) > 0.95


def test_the_same_seed_gives_the_same_and_leaves_the_generator_alone() -> None:
    dl.manual_seed(3)
    expected = float(dl.rand(()))
    dl.manual_seed(3)
    a, b = quick().fit(X, Y), clone(quick()).fit(X, Y)
    assert float(dl.rand(())) == expected
    assert np.array_equal(a.predict_proba(X), b.predict_proba(X))


def test_pickles_predict_the_same_and_go_on() -> None:
    model = quick().fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(copy.partial_fit(X, Y).predict_proba(X), model.partial_fit(X, Y).predict_proba(X))


def test_partial_fit_learns_batch_by_batch() -> None:
    model, order = quick(), np.random.default_rng(0).permutation(150)
    for _ in range(20):
        for rows in np.array_split(order, 3):
            model.partial_fit(X[rows], Y[rows], classes=np.unique(Y))
    assert model.score(X, Y) > 0.9
    with pytest.raises(ValueError, match="none of the classes"):
        model.partial_fit(X[:2], ["oak", "setosa"])


def test_weights_decide() -> None:
    x, y = np.zeros((40, 1)), np.array(["a", "b"] * 20)
    for favoured in "ab":
        model = quick().fit(x, y, sample_weight=np.where(y == favoured, 5.0, 1.0))
        assert set(model.predict(x)) == {favoured}
    only = quick().fit(np.vstack([X, X]), np.concatenate([Y, np.roll(Y, 50)]), sample_weight=np.repeat([1.0, 0.0], 150))
    assert only.score(X, Y) > 0.95


def test_early_stopping_and_callbacks() -> None:
    class Count(training.Callback):
        epochs = 0

        def on_epoch_end(self, trainer: training.TrainerView, row: dict[str, float]) -> None:
            Count.epochs += 1

    model = quick(early_stopping=3, max_epochs=400, lr=0.1, callbacks=[Count()]).fit(X, Y)
    assert Count.epochs == model.n_iter_ == len(model.history_) < 400
    assert "val_loss" in model.history_[0]


def test_a_module_of_ones_own_takes_images() -> None:
    images, labels = dl.data.digits().arrays

    def network(inputs: int, outputs: int) -> nn.Module:
        assert inputs == 64
        return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, outputs))

    model = Classifier(network, max_epochs=5, lr=0.01, random_state=0).fit(images[:600], labels[:600])
    assert model.score(images[600:900], labels[600:900]) > 0.8


def test_what_is_wrong_is_said() -> None:
    scipy = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="dense data is required"):
        quick().fit(scipy.csr_matrix(X), Y)
    with pytest.raises(ConfigError, match="module must be a function"):
        quick(module=nn.Linear(4, 3)).fit(X, Y)
    with pytest.raises(ValueError, match="only one class"):
        quick().fit(X[:50], Y[:50])
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(np.full((4, 2), np.nan), [0, 1, 0, 1])


def test_regression_on_another_scale() -> None:
    y = 1e4 + 500 * X[:, 0] - 300 * X[:, 1]
    model = Regressor((32,), max_epochs=60, lr=0.02, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.97
    assert pickle.loads(pickle.dumps(model)).predict(X).shape == (150,)
    with pytest.raises(ValueError, match="numbers"):
        Regressor().fit(X, Y)
