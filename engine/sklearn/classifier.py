"""Classifier: a network with the habits of scikit-learn's classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from .. import nn
from ..fitting.train import probabilities_of
from .base import Estimator

if TYPE_CHECKING:
    from ..data.host_arrays import HostArray


class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A network as a classifier of scikit-learn; it is trained by cross-entropy and Adam.

    Scale the features first, for instance by ``StandardScaler`` in a pipeline.

    Parameters
    ----------
    module : tuple of int or callable
        The sizes of the hidden layers, or a function (number of inputs, number of classes) -> Module that gives scores (N,V).
    max_epochs : int
        The most epochs.
    batch_size : int
        Samples of a batch.
    lr : float
        The learning rate of Adam.
    early_stopping : int
        Stop after so many epochs without improvement on a tenth of the samples; 0 trains all epochs on all samples.
    callbacks : sequence of Callback
        Callbacks of ``dlengine.training``.
    random_state : int, RandomState or None
        The seed of initial weights, dropout and shuffling.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The classes in the order of the scores.
    module_ : Module
        The trained network.
    history_ : list of dict
        A row for each epoch.
    n_iter_ : int
        The number of epochs.

    Examples
    --------
    >>> from dlengine.sklearn import Classifier
    >>> x = np.linspace(-1, 1, 40).reshape(20, 2)
    >>> labels = np.where(x[:, 0] > 0, "right", "left")
    >>> Classifier(module=(8,), lr=0.05, random_state=0).fit(x, labels).score(x, labels) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array_like
            Inputs (N,F), or (N,...) for a module of one's own.
        y : array_like
            Classes (N,), numbers or strings.
        sample_weight : array_like, optional
            The weight of each sample (N,).

        Returns
        -------
        Classifier
            The estimator itself.
        """
        x, targets = self._checked(X, y, reset=True)
        check_classification_targets(targets)
        self.classes_, labels = np.unique(column_or_1d(targets, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_[0]!r}")
        weights = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
        with self._seeded() as seed:
            self._begin(x.shape[1:], len(self.classes_))
            self._train((x.astype(np.float32), labels.astype(np.int64), weights), labels, self.max_epochs, seed)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch more; the first call names all classes.

        Parameters
        ----------
        X : array_like
            Inputs (N,F).
        y : array_like
            Classes (N,).
        classes : array_like, optional
            All classes that will come, for the first call.
        sample_weight : array_like, optional
            The weight of each sample (N,).

        Returns
        -------
        Classifier
            The estimator itself.
        """
        first = not hasattr(self, "module_")
        x, targets = self._checked(X, y, reset=first)
        check_classification_targets(targets)
        targets = column_or_1d(targets, warn=True)
        with self._seeded() as seed:
            if first:
                self.classes_ = np.unique(targets if classes is None else classes)
                self._begin(x.shape[1:], len(self.classes_))
            unknown = np.setdiff1d(targets, self.classes_)
            if len(unknown):
                raise ValueError(
                    f"partial_fit: {unknown[0]!r} is none of the classes {list(self.classes_)}; name all in the first call"
                )
            labels = np.searchsorted(self.classes_, targets).astype(np.int64)
            weights = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
            self._train((x.astype(np.float32), labels, weights), labels, 1, seed)
        return self

    def predict_proba(self, X: Any) -> HostArray:
        """The probability of each class.

        Parameters
        ----------
        X : array_like
            Inputs (N,F).

        Returns
        -------
        numpy.ndarray
            Probabilities (N,V) in the order of ``classes_``.
        """
        return probabilities_of(self._outputs(self._inputs(X)), 1.0)

    def predict(self, X: Any) -> HostArray:
        """The most probable class of each input.

        Parameters
        ----------
        X : array_like
            Inputs (N,F).

        Returns
        -------
        numpy.ndarray
            Classes (N,).
        """
        scores = self._outputs(self._inputs(X))
        found: HostArray = self.classes_[scores.argmax(axis=1)]
        return found

    def _loss(self) -> Any:
        return nn.CrossEntropyLoss(reduction="none")
