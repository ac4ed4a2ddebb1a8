"""The state of the random generator: a Philox key and a block counter, from which kernels compute the numbers.

Ops take (key, counter) as an argument, so that running an op again gives the same numbers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dlengine.kernels import graph_capture

from .errors import CheckpointError, ConfigError, DTypeError, GradientError, ShapeError
from .states import count, read_state

Drawn: TypeAlias = tuple[int, int, int]
"""One draw: key, counter, and number of 32-bit words."""

draws: ContextVar[list[Drawn] | None] = ContextVar("dlengine_draws", default=None)
"""The log of draws while a checkpoint runs its function the first time."""

replayed: ContextVar[Iterator[Drawn] | None] = ContextVar("dlengine_replayed", default=None)
"""The draws to repeat while it runs the function again."""


class BatchPart(NamedTuple):
    """The samples start ... stop - 1 of a batch of ``total``: the part that one of several processes computes."""

    start: int
    stop: int
    total: int
    axis: int = 0  # of the batch, in what the model computes


own_part: ContextVar[BatchPart | None] = ContextVar("dlengine_batch_part", default=None)
"""The part of the batch that this process computes; None where it computes all of it."""


def _shaped(xp: Any, values: Any, shape: tuple[int, ...]) -> Any:
    return values.reshape(shape) if type(values) is np.ndarray else xp.reshape(values, shape)


class Draw(NamedTuple):
    """Where a kernel finds the random values of an array: it makes ``made`` of them, and ``cut`` takes what is asked for."""

    key: int
    counter: int
    made: int
    skip: int
    shape: tuple[int, ...]
    kept: tuple[slice, ...]

    def cut(self, xp: Any, values: Any) -> Any:
        """The array of the values that are asked for."""
        values = values[self.skip :] if self.skip else values
        whole = values if values.shape == self.shape else _shaped(xp, values, self.shape)
        return whole[self.kept] if self.kept else whole

    @property
    def plain(self) -> bool:
        """Whether all values are used, in the order in which they are made."""
        return not self.skip and not self.kept


class Generator:
    """A stream of random numbers: Philox4x32-10 with a 64-bit key, the seed, and a counter of 128-bit blocks.

    The same seed gives the same numbers on every backend and device. Threads must not share a generator; give each its own,
    for instance by ``fork()``.

    Parameters
    ----------
    seed : int or None
        The seed, from 0 to ``2**64 - 1``; None takes a random one from the operating system.

    Attributes
    ----------
    counter : int
        The number of blocks used so far.

    Raises
    ------
    ConfigError
        For a seed out of range.

    Examples
    --------
    >>> first, second = dl.Generator(7), dl.Generator(7)
    >>> x, y = dl.randn(3, generator=first), dl.randn(3, generator=second)
    >>> x.tolist() == y.tolist()
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = _checked(secrets.randbits(63) if seed is None else seed)
        self.counter = 0
        self._forks = 0

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream from a seed.

        Parameters
        ----------
        seed : int
            The seed, from 0 to ``2**64 - 1``.

        Returns
        -------
        Generator
            This generator.
        """
        graph_capture.refuse("a generator is seeded within the step; seed it outside")
        self.seed, self.counter, self._forks = _checked(seed), 0, 0
        return self

    def take(self, words: int) -> tuple[int, int]:
        """Reserve random words for a kernel.

        Parameters
        ----------
        words : int
            The number of 32-bit words that the kernel uses.

        Returns
        -------
        tuple of int
            The key and the counter of the first block.
        """
        return self._take(words, 0)

    def draw(self, shape: tuple[int, ...], words: int = 1, axis: int | None = None) -> Draw:
        """Reserve the random words of an array, by the numbers of its samples.

        Where this process computes a part of a batch (``own_part``), the values are those of its samples in a draw for the whole
        batch: several processes together draw what one would draw.

        Parameters
        ----------
        shape : tuple of int
            The shape; an array that does not have the part's number of samples along ``axis`` is drawn as a whole.
        words : int
            The number of 32-bit words per value, 1 or 2.
        axis : int or None
            The axis of the samples; None is that of the part.

        Returns
        -------
        Draw
            Key and counter for a kernel, and what to take of its values.

        Raises
        ------
        DTypeError
            If a size is no integer; nothing has been reserved then.
        ShapeError
            If a size is negative.
        """
        for size in shape:
            if type(size) is not int or size < 0:
                shape = _sizes(shape)
                break
        n, part = prod(shape), own_part.get()
        if part is not None:
            axis = part.axis if axis is None else axis
            if axis < len(shape) and shape[axis] == part.stop - part.start and part.stop - part.start < part.total:
                return self._draw_rows(shape, words, axis, part)
        key, counter = self._take(words * n, 0)
        return Draw(key, counter, n, 0, shape, ())

    def _draw_rows(self, shape: tuple[int, ...], words: int, axis: int, part: BatchPart) -> Draw:
        """The rows of a part, of the draw for the whole batch."""
        whole = (*shape[:axis], part.total, *shape[axis + 1 :])
        if prod(shape[:axis]) != 1:  # the rows do not lie together: make all values and keep some
            key, counter = self._take(words * prod(whole), 0)
            return Draw(key, counter, prod(whole), 0, whole, (*(slice(None),) * axis, slice(part.start, part.stop)))
        first = words * part.start * prod(shape[axis + 1 :])
        key, counter = self._take(words * prod(whole), first // 4)  # a block has 4 words
        skip = first % 4 // words
        return Draw(key, counter, prod(shape) + skip, skip, shape, ())

    def _take(self, words: int, blocks: int) -> tuple[int, int]:
        """As take(), with the counter so many blocks further on."""
        again, log = replayed.get(), draws.get()
        if again is None and graph_capture.current_capture.get() is None:
            key, counter = self._reserve(words, blocks)
        elif again is None:
            key, counter = graph_capture.per_replay("a draw of random numbers", partial(self._reserve, words, blocks), self._mark)
        else:
            key, counter, before = next(again, (0, 0, -1))
            if before != words:
                raise GradientError(
                    "checkpoint: the function drew other random numbers when it ran again for its gradient; "
                    "it must do the same on the same arguments"
                )
        if log is not None:  # also while a checkpoint is replayed, if it contains another one
            log.append((key, counter, words))
        return key, counter

    def _reserve(self, words: int, blocks: int) -> tuple[int, int]:
        """Advance the counter past the words; returns the key and the counter before, and so many blocks further on."""
        start = self.seed, self.counter + blocks
        self.counter += -(-words // 4)
        return start

    def _mark(self) -> Callable[[], object]:
        """A function that goes back to the present state."""
        return partial(self.__dict__.update, dict(self.__dict__))

    def fork(self) -> Generator:
        """Create a generator whose stream does not overlap this one's or those of other forks.

        Returns
        -------
        Generator
            The new generator.
        """
        graph_capture.refuse("a generator is forked within the step; fork it outside")
        self._forks += 1
        child = Generator(self.seed)
        child.counter = self.counter + (self._forks << 40)
        return child

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to resume the stream at this point.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        return {"seed": self.seed, "counter": self.counter, "forks": self._forks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict()``.

        Parameters
        ----------
        state : dict
            The state.

        Raises
        ------
        CheckpointError
            If the state does not fit; then nothing has changed.
        """
        readers = {"seed": count, "counter": count, "forks": count}
        seed, counter, forks = read_state("Generator", "a generator", state, readers)
        if seed >= 2**64:
            raise CheckpointError(f"Generator: seed of the state must be below 2**64, got {seed}")
        graph_capture.refuse("the state of a generator is set within the step; set it outside")
        self.seed, self.counter, self._forks = seed, counter, forks


def _checked(seed: int) -> int:
    """Return the seed, or raise ConfigError."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ConfigError(f"seed: expected an integer with 0 <= seed < 2**64, got {seed!r}")
    return seed


default_generator = Generator(0)
"""The generator that is used if none is given. Its seed is 0, so that runs are reproducible unless another seed is set."""


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which is used where no generator is given.

    Parameters
    ----------
    seed : int
        The seed, from 0 to ``2**64 - 1``.

    Returns
    -------
    Generator
        The default generator.

    Examples
    --------
    >>> generator = dl.manual_seed(7)
    >>> x = dl.rand(2)
    >>> generator = dl.manual_seed(7)
    >>> x.tolist() == dl.rand(2).tolist()
    True
    """
    return default_generator.manual_seed(seed)


def is_count(n: Any) -> bool:
    """Whether something is an integer, which True and False are not."""
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool)


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape whose sizes are of any type of integers, which True and False are not, in Python's own."""
    if not all(map(is_count, shape)):
        raise DTypeError(f"random numbers: a shape has integers, got {tuple(shape)}")
    if min(shape) < 0:
        raise ShapeError(f"random numbers: a size must be at least 0, got shape {tuple(shape)}")
    return tuple(map(int, shape))
