"""Estimators with scikit-learn's habits, for pipelines, grid searches and cross-validation.

>>> from dlengine.sklearn import Classifier, Regressor
>>> Classifier().fit(X, y).predict(X)                        # a network with one hidden layer of 100 units
>>> Classifier(module=(64, 64), early_stopping=10)           # two hidden layers; stop after 10 epochs without improvement
>>> Classifier(module=lambda inputs, outputs: nn.Sequential(...))   # a network of your own
>>> make_pipeline(StandardScaler(), Regressor(lr=1e-2))

They need scikit-learn (``pip install scikit-learn``).
"""

from __future__ import annotations

from .base import Estimator as Estimator  # first, for it says what to install where scikit-learn is missing
from .classifier import Classifier
from .regressor import Regressor

__all__ = ["Classifier", "Regressor"]
