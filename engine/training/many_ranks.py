"""ManyRanks: a trainer's part in a training on several processes."""

from __future__ import annotations

import signal
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..data import DataLoader
from ..data.host_arrays import to_host
from ..data.parts import cut_batch
from ..distributed import Communicator, SyncBatchNorm
from ..distributed.buckets import GradientSum
from ..distributed.data_parallel import share_start
from ..errors import ConfigError, RankError
from ..generator import BatchPart, default_generator, own_part
from .one_rank import WISHES, OneRank

if TYPE_CHECKING:
    from .trainer_state import TrainerState


class ManyRanks(OneRank):
    """One of several processes that train the same model, each on a part of every batch.

    Parameters
    ----------
    communicator : Communicator
        The ranks.
    trainer : TrainerState
        The trainer, whose model becomes that of rank 0 on all ranks. Its batch normalisations become ``SyncBatchNorm``.
    """

    def __init__(self, communicator: Communicator, trainer: TrainerState) -> None:
        self.communicator, self.rank, self.size = communicator, communicator.rank, communicator.size
        if SyncBatchNorm.convert(trainer.model, communicator) is not trainer.model:
            raise ConfigError("Trainer: with distributed=True a batch normalisation must be part of a model, as Sequential(...)")
        share_start(trainer.model, communicator)
        self._sums = {
            name: GradientSum((p for g in optimizer.param_groups for p in g["params"]), communicator)
            for name, optimizer in trainer.optimizers.items()
        }
        self._first = next(iter(self._sums))
        self._summed = self._before = 0
        self._wishes = dict.fromkeys(WISHES, False)
        self._agreed = dict.fromkeys(WISHES, False)
        self._asked_to_end = False
        self._part: BatchPart | None = None  # of the last batch

    # ------------------------------------------------------------------ data
    def divided(self, loader: Any, axis: int) -> Iterator[tuple[Any, BatchPart | None]]:
        if isinstance(loader, DataLoader) and loader.sampler is not None and loader.batch_size is not None:
            for batch, part in loader.parts(self.rank, self.size):
                yield batch, part._replace(axis=axis)
            return
        for batch in loader:
            yield cut_batch(batch, self.rank, self.size, axis)

    # ------------------------------------------------------------------ gradients
    @contextmanager
    def computing(self, part: BatchPart | None) -> Iterator[None]:
        self._part = part
        with super().computing(part):
            yield

    @contextmanager
    def summing(self, name: str | None, first: bool, last: bool) -> Iterator[None]:
        chosen = self._sums[self._first if name is None else name]
        if not last:
            yield
            return
        if not first:
            chosen.rebuild()
            chosen.keep_local()
        chosen.weight = self._weight()
        with chosen.active():
            yield
        self._summed += 1

    def _weight(self) -> float:
        """What the gradients of this rank count: the loss of a part of a batch is weighted already."""
        return 1.0 if own_part.get() is not None else 1.0 / self.size

    def sum_gradients(self, name: str) -> None:
        chosen = self._sums[name]
        chosen.weight = self._weight()
        chosen.add_now()
        self._summed += 1

    def require_sum(self, kind: type) -> None:
        if self._summed == self._before:
            raise ConfigError(
                f"{kind.__name__}.train_step computes its gradients or steps by itself, so they are not those of all ranks: call "
                "self.update(loss), or train on one rank"
            )
        self._before = self._summed

    # ------------------------------------------------------------------ values
    def totals(self, values: dict[str, float], samples: int) -> tuple[dict[str, float], int]:
        wishes = [float(self._wishes[name]) for name in WISHES]
        wishes[WISHES.index("end")] = float(self._asked_to_end)
        weighted = [value * samples if samples else 0.0 for value in values.values()]
        found = self.communicator.sum_numbers([*weighted, samples, *wishes]).tolist()
        self._wishes = dict.fromkeys(WISHES, False)
        for name, agreed in zip(WISHES, found[len(values) + 1 :], strict=True):
            self._agreed[name] = self._agreed[name] or agreed > 0
        count = int(found[len(values)])
        if self._part is not None and count != self._part.total:
            raise RankError(
                f"fit: the ranks have {count} samples of a batch that has {self._part.total} on rank {self.rank}: every rank "
                "must give the same batches, which are divided"
            )
        return {name: total / count for name, total in zip(values, found, strict=False)}, count

    def agree(self, name: str, wish: bool) -> bool:
        agreed, self._agreed[name] = self._agreed[name], False
        self._wishes[name] = wish and not agreed
        return agreed

    def merge(self, metrics: Sequence[Any]) -> None:
        if metrics:
            states = self.communicator.gather_objects([m.state_dict() for m in metrics])
            for metric, *own in zip(metrics, *states, strict=True):
                metric.merge(own)

    def keep_on_first(self, metrics: Sequence[Any]) -> None:
        self.merge(metrics)
        if self.rank:
            for metric in metrics:
                metric.reset()

    # ------------------------------------------------------------------ a fit
    @contextmanager
    def start(self, trainer: TrainerState) -> Iterator[None]:
        """Begin a fit: all ranks at the same place of the same data. SIGTERM lets them save and end."""
        self.communicator.require_same("the position of the training (epoch, batch)", (trainer.epoch, trainer.batch))
        loader = trainer.train_loader
        parts: tuple[Any, Any] = (loader, getattr(loader, "dataset", None))
        sizes = [len(x) if hasattr(x, "__len__") else None for x in parts]
        self.communicator.require_same("the training data (batches, samples)", sizes)
        state, generator = self.communicator.broadcast_object((trainer._loader_position(), default_generator.state_dict()))
        if self.rank:
            default_generator.load_state_dict(generator)
            if state is not None and hasattr(loader, "load_state_dict"):
                loader.load_state_dict(state)
        share_start(trainer.model, self.communicator)
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, self._note_end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _note_end(self, number: int, frame: Any) -> None:
        """Note that this process is asked to end; it does so with all others, after the current step."""
        self._asked_to_end = True

    def after_epoch(self, trainer: TrainerState) -> None:
        check = 0
        for p in trainer.model.parameters():
            check = zlib.crc32(to_host(p.array).tobytes(), check)
        self.communicator.require_same(f"the model after epoch {trainer.epoch} (a checksum of its parameters)", check)

    def after_loading(self, trainer: TrainerState) -> None:
        if self.rank:
            for metric in trainer.metrics:
                metric.reset()

    def after_fit(self, trainer: TrainerState) -> None:
        if self._asked_to_end or self._agreed["end"]:
            self.communicator.barrier()
            raise KeyboardInterrupt("terminated: every rank has stopped after the same step")
