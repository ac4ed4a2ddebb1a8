"""DataLoader: batches of tensors from a data set, in any order, made ahead by workers, from any place on."""

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

from ..autograd.base import TensorBase
from ..backend import CUPY, default_device, namespace_for
from ..errors import CheckpointError, ConfigError, DataError
from ..generator import Generator, default_generator
from ..io import reading
from ..ops.creation import asarray
from ..states import count, mapping, read_state
from .adapt import as_dataset
from .collate import as_batch, batch_of, host, is_array
from .draws import _current, derived_seed
from .iterable import IterableDataset
from .samplers import GivenSampler, RandomSampler, Sampler, SequentialSampler
from .upload import Uploader
from .workers import KINDS, Job, Maker, batches, executor


class DataLoader:
    """Iterating gives one epoch of tuples of tensors; of samples that are dicts, dicts of them; strings come as lists.

    dataset: anything with __len__ and __getitem__ (ours, PyTorch's, Hugging Face's, a list of samples), asked by number;
    arrays, row by row; or anything with __iter__, in its own order (a generator: for one epoch). Samples are put together
    by data.collate.collate, which says what they may be and names the one that does not fit.
    shuffle: a new order each epoch. sampler gives sample numbers in its own order, batch_sampler whole batches of them; both
    may be a Sampler or any iterable. collate_fn makes a batch (arrays, a tuple or a dict of them) of a list of samples;
    transform takes the first part of a batch and a Generator. drop_last: leave out a last batch that is not full.
    batch_size=None: samples as they come, without a batch axis; collate_fn then takes one sample.
    num_workers: how many make batches ahead, prefetch_factor batches each; worker_kind "thread" suits NumPy, file reading
    and Pillow, which release the interpreter; "spawn" starts processes, which get a pickled copy of the data set and live
    until close(), or the end of the loader or of this process. The data set must bear being read by several threads at once.
    worker_init_fn: called at the start of each worker with its number, from 0.
    device: where the tensors go; to a GPU through pinned memory, one batch ahead of the one in use.

    generator: of orders and of all random numbers in batches, by default a fork of the one that dl.manual_seed seeds. Each
    batch has a stream of its own (see batch_generator), so batches do not depend on num_workers or worker_kind.
    state_dict() taken inside an epoch resumes after the batch last given.
    Raises ConfigError, DTypeError for what is no data set, DataError for samples that do not fit together.
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
        drop_last: bool = False,
        transform: Callable[[Any, Generator], Any] | None = None,
        generator: Generator | None = None,
        device: str | None = None,
        worker_kind: str = "thread",
        prefetch_factor: int = 2,
        worker_init_fn: Callable[[int], Any] | None = None,
    ) -> None:
        counts = (("batch_size", batch_size, 1), ("num_workers", num_workers, 0), ("prefetch_factor", prefetch_factor, 1))
        for name, value, least in counts:
            if name == "batch_size" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"DataLoader: {name} must be an integer of at least {least}, got {value!r}")
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
        if chosen is None and not stream:
            order = RandomSampler if shuffle else SequentialSampler
            chosen = order(self.dataset, generator=self.generator)
        self.sampler = chosen if chosen is None or isinstance(chosen, Sampler) else GivenSampler(chosen)
        self._batched = batch_sampler is not None
        if batch_size is None:  # each job is one sample, which stays as it is
            collate_fn = _Single(collate_fn)
        self._maker = Maker(self.dataset, collate_fn, transform)
        self._pool: Executor | None = None
        self._start = self._position()
        self._given = 0
        self._resume = 0

    def __len__(self) -> int:
        """Batches in an epoch. Raises TypeError for a stream that does not know its length, as Python does."""
        source: Any = self.dataset if self.sampler is None else self.sampler
        if self._batched:
            return len(source)
        full, rest = divmod(len(source), self.batch_size or 1)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        skip, self._resume = self._resume, 0
        self._start, self._given = self._position(), skip
        made = self._streamed(skip) if self.sampler is None else self._drawn(self.sampler, skip)
        try:
            for i, parts in enumerate(self._moved(made), skip):
                self._given = i + 1
                yield self._tensors(parts)
        except BrokenProcessPool:
            self.close()  # a broken pool stays broken; another epoch may begin with a new one
            causes = "it was killed (memory?), or the script lacks `if __name__ == '__main__':` around what it runs"
            raise DataError(f"DataLoader: a worker process ended: {causes}") from None
        if self.sampler is not None:
            self.sampler.end()
        self._start, self._given = self._position(), 0

    def _drawn(self, sampler: Sampler, skip: int) -> Iterator[Any]:
        """The batches of an epoch from the first that is still to be given."""
        plan = islice(self._plan(sampler.begin()), skip, None)
        stream = self.generator.fork()
        jobs: Iterator[Job] = ((rows, derived_seed(stream, i)) for i, rows in enumerate(plan, skip))
        if not self.num_workers:
            return (self._maker(rows, seed) for rows, seed in jobs)
        return batches(self._workers(), self._maker, jobs, self.num_workers * self.prefetch_factor)

    def _plan(self, order: Any) -> Iterator[Any]:
        """The sample numbers of each batch, none before it is its turn: an order may be long, or without end."""
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

    def _streamed(self, skip: int) -> Iterator[Any]:
        """The batches of an epoch of an IterableDataset; those given before a resume are read and left out."""
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
                parts = batch_of(found, range(number * size, number * size + len(found)))
            else:
                parts = as_batch(self._maker.collate(found))
            return self._maker.transformed(parts, Generator(derived_seed(stream, number)))

        numbers = iter(range(2**63))
        if not self.num_workers:
            made: Iterator[Any] = map(make, numbers)
        else:
            # One thread reads, so the samples stay in their order.
            made = batches(self._workers(), make, ((n,) for n in numbers), self.prefetch_factor)
        for number, parts in enumerate(made):
            if parts is None:
                return
            if number >= skip:
                yield parts

    def _workers(self) -> Executor:
        if self._pool is None:
            self._pool, end = executor(self.worker_kind, self.num_workers, self._maker, self.worker_init_fn)
            self._end = weakref.finalize(self, end)
        return self._pool

    def _moved(self, made: Iterable[Any]) -> Iterable[Any]:
        """For a GPU, the batches with their arrays there, the upload of each begun while the one before is in use."""
        device = self.device or default_device()
        if namespace_for(device).library is not CUPY:
            return made
        waiting: deque[Any] = deque()  # batches whose arrays are on their way: at most two

        def values() -> Iterator[tuple[Any, ...]]:
            for parts in made:
                waiting.append(parts)
                yield tuple(parts.values() if isinstance(parts, dict) else parts)

        return (_like(waiting.popleft(), there) for there in Uploader(device).through(values()))

    def _tensors(self, parts: Any) -> Any:
        """A batch with its arrays as tensors, its structure kept."""
        return _like(parts, [self._tensor(part) for part in (parts.values() if isinstance(parts, dict) else parts)])

    def _tensor(self, part: Any) -> Any:
        if isinstance(part, np.ndarray) and part.dtype.kind in "US":
            return part.tolist()
        if isinstance(part, dict | tuple):
            return self._tensors(part)
        if isinstance(part, list):
            return [self._tensor(p) if isinstance(p, list | tuple | dict) or is_array(p) else p for p in part]
        if part is None or isinstance(part, str | bytes):
            return part
        foreign = is_array(part) and not isinstance(part, TensorBase)
        return asarray(host(part) if foreign else part, device=self.device)

    def close(self) -> None:
        """End the workers; the next epoch starts new ones."""
        if self._pool is not None:
            self._end()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: workers stay behind; a copy starts its own."""
        return {key: value for key, value in self.__dict__.items() if key != "_end"} | {"_pool": None}

    def _own(self) -> list[tuple[str, Generator]]:
        """The generators that an epoch draws from: the loader's and, if it is another, that of a sampler given to it."""
        named = [("generator", self.generator)]
        if self.sampler is not None and self.sampler.generator is not self.generator:
            named.append(("sampler", self.sampler.generator))
        return named

    def _position(self) -> dict[str, Any]:
        return {name: generator.state_dict() for name, generator in self._own()}

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch began in the streams of random numbers, and how many of its batches have been given."""
        return {**self._start, "batches": self._given}

    def _most(self) -> float:
        """Batches in an epoch, as far as is known: an order may be without end."""
        try:
            return len(self)
        except TypeError:
            return float("inf")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the batch after the one last given; nothing changes if the state does not fit.

        Raises CheckpointError.
        """
        own = self._own()
        readers: dict[str, Any] = {**{name: mapping for name, _ in own}, "batches": count}
        *starts, given = read_state("DataLoader", "a loader", state, readers)
        for start in starts:
            with reading("DataLoader", CheckpointError, "not the state of a loader"):
                Generator(0).load_state_dict(start)  # all are looked at before the first is taken over
        if self.sampler is not None and given > self._most():
            raise CheckpointError(f"DataLoader: the state is at batch {given}, an epoch has {len(self)}")
        for (_, generator), start in zip(own, starts, strict=True):
            generator.load_state_dict(start)
        self._start = {name: dict(start) for (name, _), start in zip(own, starts, strict=True)}
        self._given = self._resume = given


def _like(parts: Any, values: Sequence[Any]) -> Any:
    """Values in the structure of a batch: a dict of its keys, a named tuple of its kind, or a tuple."""
    if isinstance(parts, dict):
        return dict(zip(parts, values, strict=True))
    return type(parts)(*values) if hasattr(parts, "_fields") else tuple(values)


class _Single:
    """The collate function of batch_size=None: the one sample itself, made into what it is to be if that is given."""

    def __init__(self, convert: Callable[[Any], Any] | None) -> None:
        self.convert = convert

    def __call__(self, samples: list[Any]) -> Any:
        return samples[0] if self.convert is None else self.convert(samples[0])
