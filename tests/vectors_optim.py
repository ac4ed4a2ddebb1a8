"""What the optimizers are compared on: settings, schedules, and the function that they minimise."""

from __future__ import annotations

from typing import Any

import numpy as np

START = np.linspace(-1, 1, 6).reshape(2, 3)
STEPS = 10

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True}),
    ("Adam", {"lr": 0.1, "maximize": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    ("Adagrad", {"lr": 0.3}),
    ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-4}),
    ("Adagrad", {"lr": 0.1, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 2.0, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1, "momentum": 0.5}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "centered": True, "momentum": 0.8}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1, "momentum_decay": 0.02}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adamax", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 3, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.1}),
    ("Rprop", {"lr": 0.3, "etas": (0.6, 1.5), "step_sizes": (0.05, 0.4), "maximize": False}),
    ("LBFGS", {"lr": 0.1, "max_iter": 2}),
    ("LBFGS", {"lr": 0.5, "max_iter": 3, "history_size": 2}),
    ("LBFGS", {"max_iter": 2, "line_search_fn": "strong_wolfe"}),
    ("LBFGS", {"lr": 3.0, "max_iter": 3, "history_size": 2, "line_search_fn": "strong_wolfe"}),
]

SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("LinearLR", {"start_factor": 0.25, "end_factor": 0.8, "total_iters": 4}),
    ("CosineAnnealingLR", {"T_max": 6, "eta_min": 0.05}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 30}),
    ("OneCycleLR", {"max_lr": 0.5, "epochs": 5, "steps_per_epoch": 6, "anneal_strategy": "linear", "three_phase": True}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 30, "pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 4, "cycle_momentum": False}),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.7, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2", "cycle_momentum": False},
    ),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 2}),
    ("ReduceLROnPlateau", {"mode": "max", "factor": 0.5, "patience": 0, "cooldown": 3, "min_lr": 0.02}),
    ("ReduceLROnPlateau", {"factor": 0.3, "patience": 1, "threshold": 0.1, "threshold_mode": "abs"}),
    ("ReduceLROnPlateau", {"mode": "max", "factor": 0.7, "patience": 0, "threshold": 0.05}),
    ("ReduceLROnPlateau", {"mode": "max", "factor": 0.6, "patience": 1, "threshold": 0.2, "threshold_mode": "abs"}),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 0, "min_lr": [0.3, 0.01]}),
]
RATE_STEPS = 30
MEASURED = np.cos(np.arange(RATE_STEPS) * 0.7) + 0.02 * np.arange(RATE_STEPS)
"""What a plateau schedule is told, epoch by epoch."""

MIXED = ("chained", "sequential")


def loss(p: Any) -> Any:
    """What is minimised: convex, its minimum at no round number."""
    return (p**4 / 4 + p + 0.3 * p**2).sum()


def label(kind: str, settings: dict[str, Any]) -> str:
    """The name of a row, and of its vector."""
    return ",".join((kind, *(f"{k}={v}" for k, v in settings.items())))
