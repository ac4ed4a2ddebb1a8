"""Optimizers and learning-rate schedules. Names, arguments and state_dict layouts are PyTorch's."""

from __future__ import annotations

from . import scheduler as lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .scheduler import CosineAnnealingLR, LambdaLR, Scheduler, StepLR
from .sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "CosineAnnealingLR", "LambdaLR", "Optimizer", "Scheduler", "StepLR", "lr_scheduler",
]  # fmt: skip
