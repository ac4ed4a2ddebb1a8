"""Training: the training loop, callbacks, metrics, mixed precision, CUDA graphs and figures."""

from __future__ import annotations

from .bleu import BLEU
from .callback import Callback, TrainerView
from .callbacks import Checkpoint, CSVLog, EarlyStopping, TimeLimit
from .capture import CapturedStep, capture
from .classification import F1, Accuracy, ConfusionMatrix, Precision, Recall
from .gradient_flow import GradientFlow
from .metric import Metric
from .perplexity import BitsPerChar, Perplexity
from .plots import plot_confusion, plot_curves, plot_gradient_flow, plot_rate_search
from .precision import GradScaler, MixedPrecision
from .progress import Progress
from .rate_finder import RateSearch, find_learning_rate
from .regression import MAE, MSE, R2
from .sequences import TeacherForcing, TruncatedBPTT, detach, segments
from .step_callbacks import ClipGradients, Schedule, WeightAverage
from .tensorboard import TensorBoard
from .trainer import Trainer

__all__ = [
    "BLEU", "F1", "MAE", "MSE", "R2", "Accuracy", "BitsPerChar", "CSVLog", "Callback", "CapturedStep", "Checkpoint",
    "ClipGradients", "ConfusionMatrix", "EarlyStopping", "GradScaler", "GradientFlow", "Metric", "MixedPrecision",
    "Perplexity", "Precision", "Progress", "RateSearch", "Recall", "Schedule", "TeacherForcing", "TensorBoard", "TimeLimit",
    "Trainer", "TrainerView", "TruncatedBPTT", "WeightAverage",
    "capture", "detach", "find_learning_rate", "plot_confusion", "plot_curves", "plot_gradient_flow", "plot_rate_search",
    "segments",
]  # fmt: skip
