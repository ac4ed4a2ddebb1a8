"""Training: the loop, what happens around it, metrics and pictures."""

from __future__ import annotations

from .bleu import BLEU
from .callbacks import (
    Callback,
    Checkpoint,
    ClipGradients,
    CSVLog,
    EarlyStopping,
    Schedule,
    TimeLimit,
    WeightAverage,
)
from .capture import CapturedStep, capture
from .gradient_flow import GradientFlow
from .metrics import F1, Accuracy, BitsPerChar, ConfusionMatrix, Metric, Perplexity, Precision, Recall
from .plots import new_figure, plot_confusion, plot_curves, plot_gradient_flow, plot_rate_search, save_figure
from .precision import GradScaler, MixedPrecision
from .progress import Progress
from .rate_finder import RateSearch, find_learning_rate
from .regression import MAE, MSE, R2
from .sequences import TeacherForcing, TruncatedBPTT, detach, segments
from .tensorboard import TensorBoard
from .trainer import Trainer

__all__ = [
    "BLEU", "F1", "MAE", "MSE", "R2", "Accuracy", "BitsPerChar", "CSVLog", "Callback", "CapturedStep", "Checkpoint",
    "ClipGradients",
    "ConfusionMatrix", "EarlyStopping", "GradScaler", "GradientFlow", "Metric", "MixedPrecision", "Perplexity", "Precision",
    "Progress", "RateSearch", "Recall", "Schedule", "TeacherForcing", "TensorBoard", "TimeLimit", "Trainer", "TruncatedBPTT",
    "WeightAverage", "capture", "detach", "find_learning_rate", "new_figure", "plot_confusion", "plot_curves",
    "plot_gradient_flow", "plot_rate_search", "save_figure", "segments",
]  # fmt: skip
