"""Training: the loop, what happens around it, metrics and pictures."""

from __future__ import annotations

from .callbacks import Callback, Checkpoint, CSVLog, EarlyStopping
from .metrics import Accuracy, ConfusionMatrix, Metric
from .plots import plot_confusion, plot_curves
from .progress import Progress
from .trainer import Trainer

__all__ = [
    "Accuracy", "CSVLog", "Callback", "Checkpoint", "ConfusionMatrix", "EarlyStopping", "Metric", "Progress", "Trainer",
    "plot_confusion", "plot_curves",
]  # fmt: skip
