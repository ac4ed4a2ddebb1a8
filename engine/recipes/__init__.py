"""Named experiments with the figure that each must reach."""

from __future__ import annotations

from . import digits
from .recipe import RECIPES, Experiment, Recipe, Setting, find
from .run import Prediction, Run, evaluate, predict, resume, train

__all__ = [
    "RECIPES", "Experiment", "Prediction", "Recipe", "Run", "Setting", "digits", "evaluate", "find", "predict", "resume", "train",
]  # fmt: skip
