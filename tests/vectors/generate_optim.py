"""Makes optim.npz: what PyTorch's optimizers and schedules do, for tests where PyTorch is not installed.

Run: python tests/vectors/generate_optim.py
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

import vectors_optim as rows  # noqa: E402 - found through the path above


def trajectory(kind: str, settings: dict[str, Any]) -> Any:
    """The parameter after each step."""
    p = torch.nn.Parameter(torch.from_numpy(rows.START.copy()))
    optimizer = getattr(torch.optim, kind)([p], **settings)

    def closure() -> Any:
        optimizer.zero_grad()
        value = rows.loss(p)
        value.backward()
        return value

    found = []
    for _ in range(rows.STEPS):
        optimizer.step(closure)
        found.append(p.detach().numpy().copy())
    return np.stack(found)


def rates(kind: str, settings: dict[str, Any]) -> Any:
    """Learning rate and momentum of two groups before each step."""
    a, b = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 0.4}], lr=0.1, momentum=0.9)
    schedules = torch.optim.lr_scheduler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer made no step
        if kind == "chained":
            parts = [schedules.LinearLR(optimizer, 0.2, total_iters=5), schedules.ExponentialLR(optimizer, 0.95)]
            schedule: Any = schedules.ChainedScheduler([*parts, schedules.MultiStepLR(optimizer, [8, 20])])
        elif kind == "sequential":
            warm = schedules.LinearLR(optimizer, 0.1, total_iters=4)
            parts = [warm, schedules.CosineAnnealingLR(optimizer, 10), schedules.ExponentialLR(optimizer, 0.8)]
            schedule = schedules.SequentialLR(optimizer, parts, [4, 15])
        else:
            schedule = getattr(schedules, kind)(optimizer, **settings)
        found = []
        for i in range(rows.RATE_STEPS):
            found.append([[g["lr"], g["momentum"]] for g in optimizer.param_groups])
            schedule.step(*([float(rows.MEASURED[i])] if kind == "ReduceLROnPlateau" else []))
    return np.array(found)


def vectors() -> dict[str, Any]:
    """Every row by its label."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of momenta in it
    try:
        found = {rows.label(kind, settings): trajectory(kind, settings) for kind, settings in rows.OPTIMIZERS}
    finally:
        torch.set_default_dtype(before)
    found |= {rows.label(kind, settings): rates(kind, settings) for kind, settings in rows.SCHEDULES}
    return found | {kind: rates(kind, {}) for kind in rows.MIXED}


if __name__ == "__main__":
    np.savez_compressed(FOLDER / "optim.npz", **vectors())
