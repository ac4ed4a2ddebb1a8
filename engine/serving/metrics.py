"""Counts and times of the service, in the text format of Prometheus."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds of the times in seconds."""


class Metrics:
    """What the service has done since it began."""

    def __init__(self) -> None:
        self.started = time.time()
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._times, self._total = [0] * (len(BOUNDS) + 1), 0.0
        self._predictions = self._batches = 0

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        with self._lock:
            self._requests[path, status] += 1
            if path == "/predict":
                self._total += seconds
                self._times[next((k for k, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))] += 1

    def batch(self, predictions: int) -> None:
        """Count a batch of predictions."""
        with self._lock:
            self._batches += 1
            self._predictions += predictions

    def text(self) -> str:
        """The metrics as text."""
        with self._lock:
            lines = ["# TYPE dlengine_requests_total counter"]
            lines += [
                f'dlengine_requests_total{{path="{path}",status="{status}"}} {n}'
                for (path, status), n in sorted(self._requests.items())
            ]
            lines += ["# TYPE dlengine_predict_seconds histogram"]
            below = 0
            for bound, n in zip((*map(str, BOUNDS), "+Inf"), self._times, strict=True):
                below += n
                lines.append(f'dlengine_predict_seconds_bucket{{le="{bound}"}} {below}')
            lines += [f"dlengine_predict_seconds_sum {self._total:.6f}", f"dlengine_predict_seconds_count {below}"]
            lines += ["# TYPE dlengine_predictions_total counter", f"dlengine_predictions_total {self._predictions}"]
            lines += ["# TYPE dlengine_batches_total counter", f"dlengine_batches_total {self._batches}"]
        lines += ["# TYPE dlengine_uptime_seconds gauge", f"dlengine_uptime_seconds {time.time() - self.started:.1f}"]
        memory = _resident()
        if memory is not None:
            lines += ["# TYPE process_resident_memory_bytes gauge", f"process_resident_memory_bytes {memory}"]
        return "\n".join(lines) + "\n"


def _resident() -> int | None:
    """Bytes of memory of this process, where the system tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return None
