"""Optimizers, clipping, weight averages and learning-rate schedules. Names, arguments and state_dict layouts are PyTorch's."""

from __future__ import annotations

from . import lr_scheduler
from .adam import Adam, AdamW
from .adam_variants import Lion, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .average import EMA
from .clip import clip_grad_norm_, clip_grad_value_
from .combined import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from .cyclic import CosineAnnealingLR, CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from .decay import DANNLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR, dann_ramp
from .lbfgs import LBFGS
from .older import ASGD, Adamax, Rprop
from .optimizer import Optimizer
from .scheduler import Scheduler
from .sgd import SGD
from .skipgram import skipgram_step_

__all__ = [
    "ASGD", "DANNLR", "EMA", "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ChainedScheduler",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR", "LambdaLR", "LinearLR", "Lion",
    "MultiStepLR", "NAdam", "OneCycleLR", "Optimizer", "RAdam", "RMSprop", "ReduceLROnPlateau", "Rprop", "Scheduler",
    "SequentialLR", "StepLR", "clip_grad_norm_", "clip_grad_value_", "dann_ramp", "lr_scheduler", "skipgram_step_",
]  # fmt: skip
