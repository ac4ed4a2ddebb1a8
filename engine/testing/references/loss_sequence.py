"""References of losses of sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from .loss_common import exact_sum, exp_or_inf, log_or_inf, reduced


def ctc_loss(
    logs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """-log of the sum of the probabilities of every path that spells the target, path by path."""
    targets = np.asarray(targets)
    starts = np.cumsum([0, *target_lengths])
    loss = []
    for n, (steps, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        wanted = targets[starts[n] : starts[n + 1]] if targets.ndim == 1 else targets[n, :count]
        paths = [
            exp_or_inf(exact_sum([float(logs[t, n, v]) for t, v in enumerate(path)]))
            for path in product(range(logs.shape[2]), repeat=int(steps))
            if _spelt(path, blank) == wanted.tolist()
        ]
        cost = -log_or_inf(exact_sum(paths))
        loss.append(0.0 if zero_infinity and math.isinf(cost) else cost)
    if reduction == "mean":
        return reduced([v / max(c, 1) for v, c in zip(loss, target_lengths, strict=True)], "mean")
    return reduced(loss, reduction)


def _spelt(path: Sequence[int], blank: int) -> list[int]:
    """A path without repetitions and blanks."""
    return [v for i, v in enumerate(path) if v != blank and (i == 0 or path[i - 1] != v)]
