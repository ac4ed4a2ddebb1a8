"""A limit on the time of a whole fit: how much of it each step may take, and what is cut short to keep it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..data.readers import Samples
from .encoding import encoder_for
from .splits import proportional

READING, ENCODING, EVALUATING = 0.35, 0.3, 0.5
"""The most that reading, making numbers of the samples, and evaluation may take of the time that is left when they begin."""

TRIED = (10, 50, 200, 1000)
"""Samples by which the time for all is estimated: the first call loads what is needed, the others tell what one more costs."""

LEAST = 500
"""Samples that are always used."""

WRITING = 2.0
"""Seconds that are kept for figures, pictures and files."""


class Deadline:
    """The moment by which everything has to be done.

    Parameters
    ----------
    seconds : float or None
        The time from now, None without a limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.end = math.inf if seconds is None else time.monotonic() + seconds
        self.kept = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return math.isfinite(self.end)

    def left(self) -> float:
        """Seconds until then, infinite without a limit."""
        return max(0.0, self.end - time.monotonic())

    def for_reading(self) -> float | None:
        """Seconds that reading may take, None without a limit."""
        return READING * self.left() if self.limited else None

    def shortened(self, samples: Samples, seed: int) -> Samples:
        """As many samples, each class in its proportion, as are encoded in a share of the time; with a note if it is not all."""
        n = len(samples)
        if not self.limited or samples.kind in ("series", "text") or n <= LEAST:
            return samples
        before, took = time.monotonic(), list[tuple[int, float]]()
        for k in TRIED:
            tried = samples.take(np.linspace(0, n - 1, k).astype(np.int64))
            encoder_for(tried).encode(tried)
            took.append((k, time.monotonic() - before))
            before += took[-1][1]
            if len(took) > 1 and took[-1][1] > 0.02 * self.left():
                break
        (few, some), (many, all_) = took[-2:] if len(took) > 2 else [(0, 0.0), took[-1]]
        needed = 2 * n * max(0.0, all_ - some) / (many - few)
        if needed <= ENCODING * self.left():
            return samples
        share = max(ENCODING * self.left() / needed, LEAST / n)
        kept = np.flatnonzero(proportional(samples, share, seed))
        note = f"cut short: {len(kept):,} of {n:,} samples, chosen at random, are used for want of time"
        return replace(samples.take(kept), notes=(*samples.notes, note))

    def timed(self, one_batch: Callable[[], object]) -> float:
        """Seconds of a call, 0 without a limit; another call before compiles kernels and is not counted."""
        if not self.limited:
            return 0.0
        one_batch()
        start = time.monotonic()
        one_batch()
        return time.monotonic() - start

    def keep(self, seconds: float) -> None:
        """Keep so many seconds, and some for writing, for what comes after the training."""
        if self.limited:
            self.kept = min(EVALUATING * self.left(), WRITING + 1.3 * seconds)

    def affordable(self, seconds: float, batches: int) -> int:
        """How many batches of so many seconds each are evaluated in a tenth of the time, at least one."""
        return min(batches, max(1, int(0.1 * self.left() / seconds))) if self.limited and seconds > 0 else batches

    @property
    def training(self) -> float | None:
        """The moment by which the training has to end, None without a limit."""
        return self.end - self.kept if self.limited else None
