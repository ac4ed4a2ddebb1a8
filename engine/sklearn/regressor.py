"""Regressor: a network with the habits of scikit-learn's regressors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from .. import nn
from .base import Estimator

if TYPE_CHECKING:
    from ..data.host_arrays import HostArray


class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network as a regressor of scikit-learn; it is trained by the squared error and Adam on scaled targets.

    Scale the features first, for instance by ``StandardScaler`` in a pipeline.

    Parameters
    ----------
    module : tuple of int or callable
        The sizes of the hidden layers, or a function (number of inputs, 1) -> Module that gives values (N,1).
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
    module_ : Module
        The trained network.
    history_ : list of dict
        A row for each epoch.
    n_iter_ : int
        The number of epochs.

    Examples
    --------
    >>> from dlengine.sklearn import Regressor
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> Regressor(module=(8,), lr=0.05, random_state=0).fit(x, 3 * x[:, 0]).score(x, 3 * x[:, 0]) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array_like
            Inputs (N,F), or (N,...) for a module of one's own.
        y : array_like
            Targets (N,).
        sample_weight : array_like, optional
            The weight of each sample (N,).

        Returns
        -------
        Regressor
            The estimator itself.
        """
        x, targets, weights = self._weighted(X, y, sample_weight, reset=True)
        there = weights > 0
        self._shift = float(np.average(targets, weights=weights)) if there.any() else 0.0
        self._scale = float(np.sqrt(np.average((targets - self._shift) ** 2, weights=weights))) if there.any() else 1.0
        self._scale = self._scale if self._scale > 0 else 1.0
        with self._seeded() as seed:
            self._begin(x.shape[1:], 1)
            self._train((x, self._scaled(targets), weights), None, self.max_epochs, seed)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch more; the first call finds the scale of the targets.

        Parameters
        ----------
        X : array_like
            Inputs (N,F).
        y : array_like
            Targets (N,).
        sample_weight : array_like, optional
            The weight of each sample (N,).

        Returns
        -------
        Regressor
            The estimator itself.
        """
        first = not hasattr(self, "module_")
        x, targets, weights = self._weighted(X, y, sample_weight, reset=first)
        with self._seeded() as seed:
            if first:
                self._shift, self._scale = float(targets.mean()), float(targets.std()) or 1.0
                self._begin(x.shape[1:], 1)
            self._train((x, self._scaled(targets), weights), None, 1, seed)
        return self

    def predict(self, X: Any) -> HostArray:
        """The value of each input.

        Parameters
        ----------
        X : array_like
            Inputs (N,F).

        Returns
        -------
        numpy.ndarray
            Values (N,).
        """
        return self._outputs(self._inputs(X))[:, 0] * self._scale + self._shift

    def _weighted(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[HostArray, HostArray, HostArray]:
        """Inputs float32, targets (N,) float64, and weights."""
        x, given = self._checked(X, y, reset)
        targets = column_or_1d(given, warn=True)
        if targets.dtype.kind not in "biuf":
            try:
                targets = targets.astype(np.float64)
            except (TypeError, ValueError):
                raise ValueError(f"Regressor: targets must be numbers, got {targets[0]!r}") from None
        weights = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
        return x.astype(np.float32), targets.astype(np.float64), weights

    def _scaled(self, targets: HostArray) -> HostArray:
        """Targets (N,1) on the scale of the network."""
        return ((targets - self._shift) / self._scale).astype(np.float32)[:, None]

    def _loss(self) -> Any:
        return nn.MSELoss(reduction="none")
