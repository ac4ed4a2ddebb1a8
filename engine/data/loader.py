"""DataLoader: batches of tensors from a data set, in any order, made ahead by workers, resumable at any batch."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextvars import copy_context
from itertools import islice
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..backend import CUPY, default_device, namespace_for
from ..errors import CheckpointError, ConfigError, DataError
from ..generator import BatchPart, Generator, default_generator
from ..io import reading
from ..ops.conversion import asarray
from ..states import count, mapping, read_state
from .adapt import as_dataset
from .checks import require_integer, require_integers
from .collate import SingleSample, as_batch, collate_batch
from .host_arrays import is_array, to_host
from .host_random import _current, derived_seed
from .iterable import IterableDataset
from .parts import Division, cut_batch, first_samples
from .samplers import GivenSampler, RandomSampler, Sampler, SequentialSampler
from .upload import Uploader
from .workers import KINDS, BatchMaker, Job, batches, executor


class DataLoader:
    """Iterate over a data set in batches of tensors.

    Iterating gives one epoch of tuples of tensors, or dicts of tensors where the samples are dicts; strings come as lists.
    Samples are combined by stacking; an error names the sample that does not fit. ``state_dict`` taken inside an epoch resumes
    after the batch last given.

    Parameters
    ----------
    dataset : object
        Any object with ``__len__`` and ``__getitem__`` (of dlengine, PyTorch, Hugging Face, a list of samples), read by number;
        arrays, by row; or any object with ``__iter__``, in its own order (a generator: for one epoch). With threads as workers,
        it must allow reads by several threads at once.
    batch_size : int or None, default 1
        Samples in a batch N. None gives samples as they are, without a batch axis; ``collate_fn`` then takes one sample.
    shuffle : bool, default False
        Visit the samples in a new random order each epoch.
    sampler : Sampler or iterable, optional
        Sample numbers, in the order of the epoch.
    batch_sampler : Sampler or iterable, optional
        Batches of sample numbers.
    num_workers : int, default 0
        Number of threads or processes that make batches ahead; 0 makes each batch when it is asked for.
    collate_fn : callable, optional
        Makes a batch (arrays, or a tuple or dict of them) from a list of samples.
    pin_memory : bool, default False
        PyTorch's setting, without effect: batches for a GPU always go through pinned memory.
    drop_last : bool, default False
        Leave out a last batch with fewer than N samples.
    transform : callable, optional
        Function of the first part of a batch and a Generator that returns the new first part.
    generator : Generator, optional
        Source of orders and of all random numbers in batches, by default a fork of the default generator.
    device : str, optional
        Device of the tensors, by default the default device. A GPU gets each batch through pinned memory while the one before it
        is in use.
    worker_kind : {"thread", "spawn"}, default "thread"
        Threads suit NumPy, file reading and Pillow, which release the interpreter lock. "spawn" starts processes, which get a
        pickled copy of the data set and live until ``close()``, or the end of the loader or of the program.
    prefetch_factor : int, default 2
        Batches that each worker makes ahead.
    worker_init_fn : callable, optional
        Called at the start of each worker with its number, from 0.

    Raises
    ------
    ConfigError
        If arguments have wrong values or exclude one another.
    DTypeError
        If ``dataset`` gives no samples.
    DataError
        While iterating, if samples do not fit together or a worker process ends.

    Notes
    -----
    Each batch has a stream of random numbers of its own (see ``batch_generator``), so batches do not depend on ``num_workers`` or
    ``worker_kind``.

    Examples
    --------
    >>> loader = dl.data.DataLoader(dl.data.digits(), batch_size=32, shuffle=True)
    >>> len(loader)
    57
    >>> images, labels = next(iter(loader))
    >>> images.shape, labels.shape
    ((32, 1, 8, 8), (32,))
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Sampler | Iterable[Any] | None = None,
        batch_sampler: Sampler | Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        *,
        pin_memory: bool = False,
        drop_last: bool = False,
        transform: Callable[[Any, Generator], Any] | None = None,
        generator: Generator | None = None,
        device: str | None = None,
        worker_kind: str = "thread",
        prefetch_factor: int = 2,
        worker_init_fn: Callable[[int], Any] | None = None,
    ) -> None:
        if batch_size is not None:
            require_integer("DataLoader", "batch_size", batch_size)
        require_integers("DataLoader", num_workers=(num_workers, 0), prefetch_factor=(prefetch_factor, 1))
        if worker_kind not in KINDS:
            raise ConfigError(f"DataLoader: worker_kind must be one of {', '.join(KINDS)}, got {worker_kind!r}")
        if sum([bool(shuffle), sampler is not None, batch_sampler is not None]) > 1:
            raise ConfigError("DataLoader: shuffle, sampler and batch_sampler exclude one another")
        if batch_sampler is not None and (batch_size != 1 or drop_last):
            raise ConfigError("DataLoader: a batch_sampler decides about batch_size and drop_last itself")
        if batch_size is None and (drop_last or transform is not None):
            raise ConfigError("DataLoader: batch_size=None makes no batches: no drop_last or transform")
        self.dataset = as_dataset(dataset)
        self.batch_size, self.shuffle, self.drop_last, self.device = batch_size, shuffle, drop_last, device
        self.num_workers, self.worker_kind, self.prefetch_factor = num_workers, worker_kind, prefetch_factor
        self.worker_init_fn = worker_init_fn
        stream = isinstance(self.dataset, IterableDataset)
        self.generator = generator or (default_generator.fork() if shuffle or transform or stream else Generator(0))
        if stream:
            if shuffle or sampler is not None or batch_sampler is not None:
                raise ConfigError("DataLoader: an IterableDataset or generator has its own order: no shuffle or sampler")
            if num_workers > 1 or (num_workers and worker_kind == "spawn"):
                raise ConfigError("DataLoader: an IterableDataset or generator is read by one thread: num_workers 0 or 1")
        chosen = batch_sampler if batch_sampler is not None else sampler
        if chosen is None and not isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)
            chosen = RandomSampler(n, generator=self.generator) if shuffle else SequentialSampler(n, self.generator)
        self.sampler = chosen if chosen is None or isinstance(chosen, Sampler) else GivenSampler(chosen)
        self._batched = batch_sampler is not None
        if batch_size is None:  # each job is one sample without a batch axis
            collate_fn = SingleSample(collate_fn)
        self._maker = BatchMaker(self.dataset, collate_fn, transform)
        self._pool: Executor | None = None
        self._start = self._position()
        self._batches_given = 0
        self._resume = 0

    def __len__(self) -> int:
        """Number of batches in an epoch. Raises TypeError for a stream without a length, as Python does."""
        source: Any = self.dataset if self.sampler is None else self.sampler
        if self._batched:
            return len(source)
        full, rest = divmod(len(source), self.batch_size or 1)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        return self._epoch(None)

    def parts(self, number: int, of: int) -> Iterator[tuple[Any, BatchPart]]:
        """Iterate over one epoch, making a part of each batch: that of one of several processes.

        All processes iterate over the same batches in the same order; together their parts are the batch. Order, random
        numbers and ``state_dict`` do not depend on the number of processes.

        Parameters
        ----------
        number : int
            The number of the part, from 0.
        of : int
            The number of parts; the first ones have a sample more where the batch cannot be divided.

        Yields
        ------
        tuple
            The part of the batch, and which samples of the batch it holds.

        Examples
        --------
        >>> loader = dl.data.DataLoader(np.arange(5.0), batch_size=3)
        >>> [x.numpy().tolist() for (x,), part in loader.parts(1, of=2)]
        [[2.0], [4.0]]
        """
        parts: deque[BatchPart] = deque()
        if self.sampler is None or self.batch_size is None:
            for batch in self:
                yield cut_batch(batch, number, of)
            return
        for batch in self._epoch(Division(number, of, parts)):
            part = parts.popleft()
            yield (batch if part.stop > part.start else first_samples(batch, 0)), part

    def _epoch(self, division: Division | None) -> Iterator[Any]:
        """One epoch, of whole batches or of parts of them."""
        skip, self._resume = self._resume, 0
        self._start, self._batches_given = self._position(), skip
        if self.sampler is None:
            made = self._streamed_batches(skip)
        else:
            made = self._sampled_batches(self.sampler, skip, division)
        try:
            for i, parts in enumerate(self._upload(made), skip):
                self._batches_given = i + 1
                yield self._tensors(parts)
        except BrokenProcessPool:
            self.close()  # a broken pool cannot be used again; the next epoch starts a new one
            causes = "it was killed (memory?), or the script lacks `if __name__ == '__main__':` around what it runs"
            raise DataError(f"DataLoader: a worker process ended: {causes}") from None
        if self.sampler is not None:
            self.sampler.end()
        self._start, self._batches_given = self._position(), 0

    def _sampled_batches(self, sampler: Sampler, skip: int, division: Division | None) -> Iterator[Any]:
        """The batches of an epoch, without the first ``skip``."""
        plan = islice(self._batches_of_rows(sampler.begin()), skip, None)
        stream = self.generator.fork()
        jobs: Iterator[Job] = ((rows, derived_seed(stream, i), None) for i, rows in enumerate(plan, skip))
        if division is not None:
            jobs = map(division.job, jobs)
        if not self.num_workers:
            return (self._maker(*job) for job in jobs)
        return batches(self._workers(), self._maker, jobs, self.num_workers * self.prefetch_factor)

    def _batches_of_rows(self, order: Any) -> Iterator[Any]:
        """The sample numbers of each batch, read one batch at a time, because an order may be infinite."""
        if self._batched:
            yield from order
            return
        size = self.batch_size or 1
        if isinstance(order, np.ndarray | range | list | tuple):
            cut: Iterator[Any] = (order[i : i + size] for i in range(0, len(order), size))
        else:
            numbers = iter(order)
            cut = iter(lambda: list(islice(numbers, size)), [])
        for rows in cut:
            if len(rows) == size or not self.drop_last:
                yield rows

    def _streamed_batches(self, skip: int) -> Iterator[Any]:
        """The batches of an epoch of an IterableDataset; the first ``skip`` are read and left out."""
        stream = self.generator.fork()
        context = copy_context()
        context.run(_current.set, Generator(derived_seed(stream, -1)))
        samples = context.run(lambda: iter(self.dataset))
        size = self.batch_size or 1

        def make(number: int) -> Any:
            found = context.run(list, islice(samples, size))
            if not found or (self.drop_last and len(found) < size):
                return None
            if number < skip:
                return ()
            if self._maker.collate is None:
                parts = collate_batch(found, range(number * size, number * size + len(found)))
            else:
                parts = as_batch(self._maker.collate(found))
            return self._maker.transformed(parts, Generator(derived_seed(stream, number)))

        numbers = iter(range(2**63))
        if not self.num_workers:
            made: Iterator[Any] = map(make, numbers)
        else:
            # A single thread reads, so that the samples stay in order.
            made = batches(self._workers(), make, ((n,) for n in numbers), self.prefetch_factor)
        for number, parts in enumerate(made):
            if parts is None:
                return
            if number >= skip:
                yield parts

    def _workers(self) -> Executor:
        """The pool of workers, started at the first call."""
        if self._pool is None:
            self._pool, end = executor(self.worker_kind, self.num_workers, self._maker, self.worker_init_fn)
            self._end = weakref.finalize(self, end)
        return self._pool

    def _upload(self, made: Iterable[Any]) -> Iterable[Any]:
        """For a GPU, the batches with their arrays there; each upload starts while the batch before it is in use."""
        device = self.device or default_device()
        if namespace_for(device).library is not CUPY:
            return made
        waiting: deque[Any] = deque()  # at most two batches that are being uploaded

        def values() -> Iterator[tuple[Any, ...]]:
            for parts in made:
                waiting.append(parts)
                yield tuple(parts.values() if isinstance(parts, dict) else parts)

        return (_rebuild(waiting.popleft(), there) for there in Uploader(device).through(values()))

    def _tensors(self, parts: Any) -> Any:
        """A batch with its arrays as tensors, its structure kept."""
        return _rebuild(parts, [self._tensor(part) for part in (parts.values() if isinstance(parts, dict) else parts)])

    def _tensor(self, part: Any) -> Any:
        """One part of a batch as a tensor; strings and other objects stay as they are."""
        if isinstance(part, np.ndarray) and part.dtype.kind in "US":
            return part.tolist()
        if isinstance(part, dict | tuple):
            return self._tensors(part)
        if isinstance(part, list):
            return [self._tensor(p) if isinstance(p, list | tuple | dict) or is_array(p) else p for p in part]
        if part is None or isinstance(part, str | bytes):
            return part
        foreign = is_array(part) and not isinstance(part, Tensor)
        return asarray(to_host(part) if foreign else part, device=self.device)

    def close(self) -> None:
        """Stop the workers; the next epoch starts new ones."""
        if self._pool is not None:
            self._end()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: workers are not copied; a copy starts its own."""
        return {key: value for key, value in self.__dict__.items() if key != "_end"} | {"_pool": None}

    def _generators(self) -> list[tuple[str, Generator]]:
        """The generators that an epoch draws from: the loader's and, if another, that of a sampler given to it."""
        named = [("generator", self.generator)]
        if self.sampler is not None and self.sampler.generator is not self.generator:
            named.append(("sampler", self.sampler.generator))
        return named

    def _position(self) -> dict[str, Any]:
        """The states of the generators."""
        return {name: generator.state_dict() for name, generator in self._generators()}

    def state_dict(self) -> dict[str, Any]:
        """The position of the loader in its epoch.

        Returns
        -------
        dict
            The generators' states at the beginning of the epoch, and how many batches have been given.

        Examples
        --------
        >>> loader = dl.data.DataLoader(np.arange(6.0), batch_size=2)
        >>> batches = iter(loader)
        >>> _ = next(batches), next(batches)
        >>> resumed = dl.data.DataLoader(np.arange(6.0), batch_size=2)
        >>> resumed.load_state_dict(loader.state_dict())
        >>> [x.numpy().tolist() for (x,) in resumed]
        [[4.0, 5.0]]
        """
        return {**self._start, "batches": self._batches_given}

    def _batch_limit(self) -> float:
        """Number of batches in an epoch, infinite where it is unknown."""
        try:
            return len(self)
        except TypeError:
            return float("inf")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the batch after the one last given; nothing changes if the state does not fit.

        Parameters
        ----------
        state : dict
            What ``state_dict`` returned.

        Raises
        ------
        CheckpointError
            If this is not the state of such a loader.
        """
        own = self._generators()
        readers: dict[str, Any] = {**{name: mapping for name, _ in own}, "batches": count}
        *starts, given = read_state("DataLoader", "a loader", state, readers)
        for start in starts:
            with reading("DataLoader", CheckpointError, "not the state of a loader"):
                Generator(0).load_state_dict(start)  # check every state before the first is loaded
        if self.sampler is not None and given > self._batch_limit():
            raise CheckpointError(f"DataLoader: the state is at batch {given}, an epoch has {len(self)}")
        for (_, generator), start in zip(own, starts, strict=True):
            generator.load_state_dict(start)
        self._start = {name: dict(start) for (name, _), start in zip(own, starts, strict=True)}
        self._batches_given = self._resume = given


def _rebuild(parts: Any, values: Sequence[Any]) -> Any:
    """Values in the structure of a batch: a dict with its keys, its named tuple, or a tuple."""
    if isinstance(parts, dict):
        return dict(zip(parts, values, strict=True))
    return type(parts)(*values) if hasattr(parts, "_fields") else tuple(values)
