"""A step beside itself captured: what both give, while something changes between the calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from programs.steps import everything
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, training


def network() -> Any:
    dl.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))


def both(make: Callable[[], tuple[Any, Any, Any]], change: Callable[[int, Any], Any], n: int = 14) -> Any:
    """Run a step eagerly and captured; change(i, held) comes before each call and gives the arguments."""
    found = []
    train: Any = None
    for captured in (False, True):
        dl.manual_seed(1)
        step, held, state = make()
        train = training.capture(step, fuse=False) if captured else step
        results = []
        for i in range(n):
            y = train(*change(i, held))
            results.append(y.detach().numpy().copy())
        found.append([results, everything(state)])
    equal(found[1], found[0])
    return train


def classifier() -> tuple[Any, Any, Any]:
    model = network()
    opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, (model, opt), [model, opt]


def batch(i: int, n: int = 6, dtype: str = "float32") -> tuple[Any, Any]:
    rng = np.random.default_rng(i)
    return dl.asarray(rng.standard_normal((n, 4)).astype(dtype)), dl.asarray(rng.integers(0, 2, n))
