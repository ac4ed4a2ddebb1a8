"""Which of several kernels answers for a shape: measured once on a card and remembered, else the heuristic's.

    variant = autotune("gemm", {"tiles_128": run_128, "tiles_64": run_64}, "tiles_64", x, "nt", bucket(m), bucket(n))

On a GPU the first call with a new key runs every candidate and times it with events; the answer is kept in a file, per card and
per version of the kernels' sources. During a capture, and on the emulator, nothing is measured: the remembered answer stands if
there is one, else the heuristic's.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from ... import cache, precision
from ...types import Array
from .launch import capturing, device_library
from .source import FOLDER

REPEATS = 5
"""Timed runs of a candidate, after one that compiles; the fastest counts."""

Candidates = Mapping[str, Callable[[], object]]
Times = dict[str, float | None]
"""Candidate -> microseconds, or None if it failed."""


class TimingCache:
    """Times by key, in memory and in a kept file (kernels.cache) that processes share.

    path: of the file, which holds JSON; damaged or of other sources, it counts as empty. None: times are not kept.
    measure: microseconds that a candidate takes.
    """

    def __init__(self, path: Path | None, measure: Callable[[Callable[[], object]], float]) -> None:
        self.path, self.measure = path, measure
        self.answers: dict[str, Times] = {}
        self.given: dict[object, str] = {}  # by the call itself, of which no text need be made
        self.chosen: dict[str, str] = {}  # what was answered in this process, by key and candidates
        self.pinned: dict[str, str] = {}  # what is to be answered, as a saved training was
        self.read = False
        self._lock = threading.Lock()

    def known(self, key: str, candidates: Iterable[str]) -> str | None:
        """The fastest of these candidates as far as measured, or None."""
        if not self.read:
            self.answers |= self._load()
            self.read = True
        times = self.answers.get(key, {})
        measured = [(time, name) for name in candidates if (time := times.get(name)) is not None]
        return min(measured)[1] if measured else None

    def pin(self, choices: Mapping[str, str]) -> None:
        """Answer as another process did. choices: its `chosen`."""
        self.pinned |= choices
        self.given.clear()

    def measured(self) -> dict[str, list[tuple[str, float]]]:
        """All that is remembered: key -> (candidate, microseconds)."""
        return {key: [(name, t) for name, t in times.items() if t is not None] for key, times in self._load().items()}

    def choose(self, key: str, candidates: Candidates) -> str:
        """The fastest candidate; those of which nothing is known are measured first, and their times remembered.

        A candidate that raises is out of the race; if all do, the last error is raised. An error after which the card answers
        nothing any more is raised at once: what failed must not show elsewhere.
        """
        found = self.known(key, candidates)
        new = candidates.keys() - self.answers.get(key, {}).keys()
        if found is not None and not new:
            return found
        with self._lock:
            times: dict[str, float | None] = {}
            failure: Exception | None = None
            for name in sorted(new):
                try:
                    times[name] = round(self.measure(candidates[name]), 2)
                except Exception as error:
                    if is_fatal(error):
                        raise
                    times[name], failure = None, error
            if failure is not None and found is None and set(times.values()) == {None}:
                raise failure
            self.answers[key] = self.answers.get(key, {}) | times
            self._save()
        return str(self.known(key, candidates))

    def _load(self) -> dict[str, Times]:
        content = None if self.path is None else cache.load(self.path, sources())
        if content is None:
            return {}
        try:
            return {str(key): {name: t and float(t) for name, t in times.items()} for key, times in json.loads(content).items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def _save(self) -> None:
        """Write the file with what others wrote meanwhile; where it cannot be written, only the memory of it is lost."""
        self.answers = self._load() | self.answers
        if self.path is not None:
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            cache.save(self.path, sources(), json.dumps(dict(sorted(self.answers.items()))).encode())


FATAL = re.compile(
    "illegal.?address|launch.?fail|misaligned.?address|illegal.?instruction|hardware.?stack|invalid.?(address.?space|pc)|launch.?timeout"
    "|device.?side.?assert|error.?assert|uncorrectable",
    re.IGNORECASE,
)


def is_fatal(error: BaseException) -> bool:
    """Whether an error leaves the process without a card: each later call of CUDA in it fails the same way."""
    return type(error).__name__ in ("CUDARuntimeError", "CUDADriverError") and FATAL.search(str(error)) is not None


def autotune(kernel: str, candidates: Candidates, heuristic: str, x: Array, *shape: object) -> str:
    """The name of the candidate to run for this kernel and class of shape on the card that holds x.

    candidates: name -> what runs it; run again and again when measured, so it must not change its arguments.
    heuristic: the name to answer with where nothing is measured. shape: what else the answer depends on.

    $DLENGINE_CUDA_CHOICE is the name of a candidate to run wherever there is one, and else the heuristic's: with "heuristic"
    nothing is ever measured, and a run gives the same bits on any day. What a checkpoint has pinned comes before it.
    """
    if len(candidates) == 1:
        return heuristic
    name = forced()
    if isinstance(x, np.ndarray):
        return name if name is not None and name in candidates else heuristic
    dtype, answers = str(x.dtype), timing_cache()
    multiplied = precision.multiply_dtype(dtype)
    call = (kernel, x.device.id, dtype, multiplied, shape, name, *candidates)
    if call in answers.given:
        return answers.given[call]
    key = " | ".join((kernel, card(x.device.id), dtype, multiplied, *map(str, shape)))
    place = f"{key} | {' '.join(sorted(candidates))}"
    if answers.pinned.get(place) in candidates:
        name = answers.pinned[place]
    elif name:
        name = name if name in candidates else heuristic
    elif capturing(x):
        answers.chosen[place] = answers.known(key, candidates) or heuristic
        return answers.chosen[place]  # a later call may measure
    else:
        name = answers.choose(key, candidates)
    answers.given[call] = answers.chosen[place] = name
    return name


def forced() -> str | None:
    """The name in $DLENGINE_CUDA_CHOICE."""
    return os.environ.get("DLENGINE_CUDA_CHOICE")


def bucket(n: int) -> int:
    """Sizes that share an answer: up to the next power of two."""
    return 1 << (n - 1).bit_length() if n > 0 else 0


@functools.cache
def timing_cache() -> TimingCache:
    """The times that this process knows."""
    return TimingCache(cache.cache_root() / "cuda-timings", _microseconds)


@functools.cache
def sources() -> str:
    """A hash of all kernel texts: an answer is of no use once they change."""
    files = sorted([*FOLDER.glob("*.cu"), *FOLDER.glob("*.cuh")])
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:24]


@functools.cache
def card(device: int) -> str:
    """The name of a device, such as NVIDIA H200."""
    name = device_library().cuda.runtime.getDeviceProperties(device)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def _microseconds(run: Callable[[], object]) -> float:
    """The fastest of some runs on the current stream, by device events."""
    cuda = device_library().cuda
    run()
    times = []
    for _ in range(REPEATS):
        start, end = cuda.Event(), cuda.Event()
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(1000 * float(cuda.get_elapsed_time(start, end)))
    return min(times)
