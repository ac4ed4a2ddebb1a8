"""Named experiments with the figures that each must reach."""

from __future__ import annotations

from .experiment import Classifier, Experiment, Prediction, Stage
from .export import export
from .gallery import finished, gallery
from .recipe import RECIPES, Figure, Recipe, Scale, Setting, find
from .run import Run, evaluate, first_values, restored, resume, train
from .use import explain, predict, use

__all__ = [
    "RECIPES", "Classifier", "Experiment", "Figure", "Prediction", "Recipe", "Run", "Scale", "Setting", "Stage", "evaluate",
    "explain", "export", "find", "finished", "first_values", "gallery", "predict", "restored", "resume", "train", "use",
]  # fmt: skip
