"""The random generator's state: a Philox key and a block counter. The kernels turn (key, counter) into numbers.

Randomness enters an op as an argument, so that reading it a second time replays the first.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

from dlengine.kernels import live

from .errors import CheckpointError, ConfigError, GradientError
from .states import count, read_state

Drawn = tuple[int, int, int]  # key, counter, words

draws: ContextVar[list[Drawn] | None] = ContextVar("dlengine_draws", default=None)
"""While a checkpoint runs its function the first time: what was drawn."""

replayed: ContextVar[Iterator[Drawn] | None] = ContextVar("dlengine_replayed", default=None)
"""While it runs again: what to hand out once more."""


class Generator:
    """A stream of random numbers: Philox4x32-10 with a 64-bit key (the seed) and a counter of 128-bit blocks.

    The same seed gives the same numbers on every backend and device. Not shared between threads: give each its own,
    for instance by fork().
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = _checked(secrets.randbits(63) if seed is None else seed)
        self.counter = 0
        self._forks = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start again from a seed, 0 <= seed < 2**64."""
        self.seed, self.counter, self._forks = _checked(seed), 0, 0
        return self

    def take(self, words: int) -> tuple[int, int]:
        """Reserve 32-bit words: the (key, counter) for a random kernel that uses that many."""
        again, log = replayed.get(), draws.get()
        if again is None:
            key, counter = live.again("a draw of random numbers", partial(self._reserve, words))
        else:
            key, counter, before = next(again, (0, 0, -1))
            if before != words:
                raise GradientError(
                    "checkpoint: the function drew other random numbers when it ran again for its gradient; "
                    "it must do the same on the same arguments"
                )
        if log is not None:  # a checkpoint that runs inside another's second run notes them too
            log.append((key, counter, words))
        return key, counter

    def _reserve(self, words: int) -> tuple[int, int]:
        start = self.seed, self.counter
        self.counter += -(-words // 4)
        return start

    def fork(self) -> Generator:
        """A generator with a stream of its own, far from this one's and from other forks'."""
        self._forks += 1
        child = Generator(self.seed)
        child.counter = self.counter + (self._forks << 40)
        return child

    def state_dict(self) -> dict[str, Any]:
        """What resumes the stream exactly here."""
        return {"seed": self.seed, "counter": self.counter, "forks": self._forks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state_dict(); nothing changes if it does not fit. Raises CheckpointError."""
        readers = {"seed": count, "counter": count, "forks": count}
        seed, counter, forks = read_state("Generator", "a generator", state, readers)
        if seed >= 2**64:
            raise CheckpointError(f"Generator: seed of the state must be below 2**64, got {seed}")
        self.seed, self.counter, self._forks = seed, counter, forks


def _checked(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ConfigError(f"seed: expected an integer with 0 <= seed < 2**64, got {seed!r}")
    return seed


default_generator = Generator(0)
"""The generator that is used where none is given; seeded with 0 at the start, so runs repeat unless a seed is set."""


def manual_seed(seed: int) -> Generator:
    """Seed the default generator; returns it."""
    return default_generator.manual_seed(seed)
