"""Requests that come at the same time are predicted together, by one thread that owns the model."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..data.readers import Samples, Table
from ..errors import DLEngineError
from ..fitting import Bundle, Prediction
from .metrics import Metrics
from .settings import Settings


class Busy(DLEngineError, RuntimeError):
    """More requests wait than are allowed, or one has waited too long."""


@dataclass
class Job:
    """Samples to predict, and where the answer goes."""

    samples: Samples | None
    future: Future[list[Prediction]] = field(default_factory=Future)

    def __len__(self) -> int:
        return 1 if self.samples is None else len(self.samples)


class Batcher:
    """The thread that predicts.

    Parameters
    ----------
    bundle : Bundle
        The model.
    settings : Settings
        The limits.
    metrics : Metrics
        What counts batches.
    """

    def __init__(self, bundle: Bundle, settings: Settings, metrics: Metrics) -> None:
        self.bundle, self.settings, self.metrics = bundle, settings, metrics
        self.jobs: queue.Queue[Job | None] = queue.Queue(settings.waiting)
        context = contextvars.copy_context()  # so that the backend in force here is in force there
        self.thread = threading.Thread(target=context.run, args=(self._run,), daemon=True, name="predictions")
        self.thread.start()

    def predict(self, samples: Samples | None) -> list[Prediction]:
        """Predict samples, or go on with the training series. Raises Busy, or what the model raises."""
        job = Job(samples)
        try:
            self.jobs.put_nowait(job)
        except queue.Full:
            raise Busy(f"{self.settings.waiting} requests are waiting; try again later") from None
        try:
            return job.future.result(self.settings.seconds)
        except TimeoutError:
            job.future.cancel()
            raise Busy(f"no answer within {self.settings.seconds:g} s; try again later, or with fewer inputs") from None

    def close(self) -> None:
        """Answer what waits, and end the thread."""
        self.jobs.put(None)
        self.thread.join(self.settings.seconds)

    def _run(self) -> None:
        while (first := self.jobs.get()) is not None:
            jobs, end = [first], False
            until = time.monotonic() + self.settings.wait
            while sum(map(len, jobs)) < self.settings.batch:
                try:
                    job = self.jobs.get(timeout=max(0.0, until - time.monotonic()))
                except queue.Empty:
                    break
                if job is None:
                    end = True
                    break
                jobs.append(job)
            self._answer([job for job in jobs if job.future.set_running_or_notify_cancel()])
            if end:
                return

    def _answer(self, jobs: Sequence[Job]) -> None:
        """Answer jobs together; if that fails, one by one, so that each gets its own error."""
        if not jobs:
            return
        try:
            joined = _joined([job.samples for job in jobs])
            if joined is not None:
                found = self.bundle.predict(joined)
                self.metrics.batch(len(found))
                for job in jobs:
                    job.future.set_result(found[: len(job)])
                    found = found[len(job) :]
                return
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
        for job in jobs:
            try:
                job.future.set_result(self.bundle.predict(job.samples))
                self.metrics.batch(len(job))
            except Exception as error:
                job.future.set_exception(error)


def _joined(parts: Sequence[Samples | None]) -> Samples | None:
    """Several samples as one; None for series, which are forecast one by one."""
    samples = [p for p in parts if p is not None]
    if len(samples) < len(parts) or not samples or samples[0].kind == "series":
        return None
    first, places = samples[0], [place for s in samples for place in s.places]
    inputs: Any
    if len(samples) == 1:
        return first
    if isinstance(first.inputs, Table):
        names = first.inputs.columns
        inputs = Table({n: np.concatenate([s.inputs.columns[n] for s in samples]) for n in names}, first.inputs.kinds)
    elif isinstance(first.inputs, list):
        inputs = [x for s in samples for x in s.inputs]
    else:
        inputs = np.concatenate([s.inputs for s in samples])
    return replace(first, inputs=inputs, places=places)
