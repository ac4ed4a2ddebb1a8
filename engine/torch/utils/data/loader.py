"""DataLoader with PyTorch's arguments and batches: lists of tensors, tensors, dicts, whatever the collate function returns.

Workers are threads, which read samples ahead; batches do not depend on their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np

from ...names.core import is_tensor, own, refuse
from ...names.engine import dl
from .samplers import BatchSampler, RandomSampler, SequentialSampler


def default_collate(batch: Any) -> Any:
    """Samples as one batch: tensors and arrays stacked, numbers as a tensor, tuples, lists and dicts part by part."""
    first = batch[0]
    if is_tensor(first):
        return own(dl.stack(list(batch), axis=0))
    if isinstance(first, np.ndarray | np.generic):
        return own(dl.asarray(np.stack([np.asarray(b) for b in batch])))
    if isinstance(first, bool):
        return own(dl.asarray(list(batch)))
    if isinstance(first, float):
        return own(dl.asarray(np.asarray(batch, dtype=np.float64)))
    if isinstance(first, int):
        return own(dl.asarray(np.asarray(batch, dtype=np.int64)))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        kind: Any = type(first)
        return kind({k: default_collate([b[k] for b in batch]) for k in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(part) for part in zip(*batch, strict=True)))
    if isinstance(first, tuple | list):
        if any(len(b) != len(first) for b in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return [default_collate(part) for part in zip(*batch, strict=True)]
    raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}")


def get_worker_info() -> None:
    """None: workers are threads that share the data set, so no part of it is a worker's own."""
    return


class DataLoader:
    """Batches of a data set."""

    def __init__(self, dataset: Any, batch_size: Any = 1, shuffle: Any = None, sampler: Any = None, batch_sampler: Any = None,
                 num_workers: int = 0, collate_fn: Any = None, pin_memory: bool = False, drop_last: bool = False,
                 timeout: float = 0, worker_init_fn: Any = None, multiprocessing_context: Any = None, generator: Any = None, *,
                 prefetch_factor: Any = None, persistent_workers: bool = False, pin_memory_device: str = "",
                 in_order: bool = True) -> None:  # fmt: skip
        self.dataset, self.num_workers, self.drop_last, self.generator = dataset, num_workers, drop_last, generator
        self.pin_memory, self.timeout, self.worker_init_fn = pin_memory, timeout, worker_init_fn
        self.prefetch_factor = prefetch_factor
        self._stream = hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__") or _iterable(dataset)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
        if self._stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("DataLoader with IterableDataset: expected unspecified shuffle, sampler and batch_sampler")
        if self._stream:
            sampler = None
        elif sampler is None and batch_sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler: Any = sampler if batch_sampler is None else getattr(batch_sampler, "sampler", None)
        self.batch_size = None if batch_sampler is not None else batch_size
        if batch_sampler is None and batch_size is not None and not self._stream:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler: Any = batch_sampler
        batched = batch_sampler is not None or (self._stream and batch_size is not None)
        self.collate_fn = collate_fn or (default_collate if batched else _converted)

    def __len__(self) -> int:
        if self._stream:
            n = len(self.dataset)
            return n if self.batch_size is None else n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler) if self.batch_sampler is not None else len(self.sampler)

    def _batch(self, numbers: Any) -> Any:
        if self.batch_sampler is None:
            return self.collate_fn(self.dataset[numbers])
        fetch = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(fetch(numbers) if fetch else [self.dataset[i] for i in numbers])

    def __iter__(self) -> Iterator[Any]:
        if self._stream:
            yield from self._streamed()
            return
        order = iter(self.batch_sampler if self.batch_sampler is not None else self.sampler)
        if not self.num_workers:
            for numbers in order:
                yield self._batch(numbers)
            return
        if self.worker_init_fn is not None:
            self.worker_init_fn(0)
        with ThreadPoolExecutor(self.num_workers) as pool:
            waiting: deque[Any] = deque()
            for numbers in order:
                waiting.append(pool.submit(copy_context().run, self._batch, numbers))
                if len(waiting) > self.num_workers * (self.prefetch_factor or 2):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _streamed(self) -> Iterator[Any]:
        if self.batch_size is None:
            yield from map(self.collate_fn, self.dataset)
            return
        batch = []
        for sample in self.dataset:
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.collate_fn(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.collate_fn(batch)


def _iterable(dataset: Any) -> bool:
    from .datasets import IterableDataset

    return isinstance(dataset, IterableDataset)


def _converted(sample: Any) -> Any:
    """A sample whose arrays are tensors."""
    if isinstance(sample, np.ndarray | np.generic):
        return own(dl.asarray(np.asarray(sample)))
    if isinstance(sample, tuple | list):
        return type(sample)(_converted(s) for s in sample)
    return {k: _converted(v) for k, v in sample.items()} if isinstance(sample, dict) else sample


_ = refuse
