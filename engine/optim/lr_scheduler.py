"""The schedules under PyTorch's module name: optim.lr_scheduler.StepLR is optim.StepLR."""

from __future__ import annotations

from .combined import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from .cyclic import CosineAnnealingLR, CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from .decay import DANNLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR
from .scheduler import Scheduler

__all__ = [
    "DANNLR", "ChainedScheduler", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR", "LambdaLR",
    "LinearLR", "MultiStepLR", "OneCycleLR", "ReduceLROnPlateau", "Scheduler", "SequentialLR", "StepLR",
]  # fmt: skip
