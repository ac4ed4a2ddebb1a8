"""DistributedDataParallel: a model that computes the same gradients on every rank, from different samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakMethod, finalize

import numpy as np

from ..autograd.base import TensorBase, recording, written
from ..autograd.watch import Watcher, watchers
from ..errors import ConfigError
from ..nn import Module
from .buckets import BUCKET_BYTES, GradientSum
from .communicator import Communicator, Request
from .sync_batch_norm import SyncBatchNorm
from .world import init


def share_start(model: Module, communicator: Communicator) -> None:
    """Give parameters and buffers of all ranks the values of rank 0. Raises RankError if the models differ."""
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    layout = [(name, tuple(t.shape), str(t.dtype)) for name, t in tensors.items()]
    communicator.require_same("the model", layout)
    from .collectives import copied

    for t in tensors.values():
        t.array[...] = copied(t.array, communicator, 0)
        written(t)


class DistributedDataParallel(Module):
    """Average the gradients of a model over ranks while backward computes them.

    Every rank has a copy of the model and computes with other samples. In each backward the ranks average their gradients, in
    buckets that are sent while the gradients of earlier layers are still computed; each rank counts by its number of samples.
    All ranks must run the model equally often. Parameters and buffers start as those of rank 0.

    Parameters
    ----------
    module : Module
        The model. It stays as it is, and is what is saved: its ``state_dict`` fits programs without ranks.
    communicator : Communicator or None
        The ranks; None is all of them.
    bucket_bytes : int
        The most bytes of gradients that are sent together.
    batch_axis : int
        The axis of the first input along which the samples lie, which are counted for the average.

    See Also
    --------
    dlengine.training.Trainer : With ``distributed=True`` it does all this, and divides the data.

    Examples
    --------
    >>> model = dl.nn.Linear(2, 1)
    >>> parallel = dl.distributed.DistributedDataParallel(model)
    >>> dl.mean(parallel(dl.ones((4, 2)))).backward()
    >>> model.weight.grad
    tensor([[1., 1.]])
    """

    def __init__(
        self, module: Module, communicator: Communicator | None = None, *, bucket_bytes: int = BUCKET_BYTES, batch_axis: int = 0
    ) -> None:
        if not isinstance(module, Module):
            raise ConfigError(f"DistributedDataParallel: expected a Module, got {type(module).__name__}")
        self.module, self.communicator, self.batch_axis = module, communicator or init(), batch_axis
        share_start(module, self.communicator)
        self._sum = GradientSum(module.parameters(), self.communicator, bucket_bytes)
        self._header = self.communicator.separate()
        self._request: Request | None = None
        self._counts = np.zeros(1)
        self._expected = 0.0  # the samples of all ranks in the step before
        self._exact = any(isinstance(layer, SyncBatchNorm) for layer in module.modules())
        self._syncs, self._kept = True, False
        if self.communicator.size > 1:
            own = WeakMethod(self._weigh)  # what watches parameters must not keep this object alive

            def weigh() -> float:
                found = own()
                return 1.0 if found is None else found()

            def correct(samples: float) -> float:
                found = own_correction()
                return 1.0 if found is None else found(samples)

            own_correction = WeakMethod(self._correction)
            self._sum.weight, self._sum.weigh, self._sum.correct = None, weigh, correct
            for layer in module.modules():
                if isinstance(layer, SyncBatchNorm):
                    layer.weigh = weigh
            watchers.update(dict.fromkeys(module.parameters(), self._sum))
            finalize(self, _unwatch, list(module.parameters()), self._sum)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Run the model.

        Parameters
        ----------
        *inputs : Any
            The inputs of the model; the first has the samples along ``batch_axis``.
        **named : Any
            Keyword arguments of the model.

        Returns
        -------
        Any
            The outputs of the model.
        """
        if self.communicator.size > 1 and recording.get() and self._syncs:
            self._sum.rebuild()
            if self._kept:
                self._sum.keep_local()
                self._kept = False
            self._count(inputs[0])
        return self.module(*inputs, **named)

    def _count(self, x: Any) -> None:
        """Note the samples of this rank. Those of all ranks are added first where they are not expected to be as before.

        Waiting for other ranks between forward and backward costs time. So gradients are weighted by the samples that all ranks
        had in the step before, and where the sums show others, they are corrected.
        """
        if self._request is not None:
            self._request.wait()
            self._request = None
        self._sum.samples = float(x.shape[self.batch_axis])
        if self._exact or not self._expected:
            self._counts = np.asarray([self._sum.samples])
            self._request = self._header.host.start_reduce(self._counts, "sum", "all_reduce of the numbers of samples")

    def _weigh(self) -> float:
        """The part of this rank in the samples of all ranks, or in those expected."""
        if self._request is not None:
            self._request.wait()
            self._request, self._expected = None, float(self._counts[0])
        return self._sum.samples / self._expected if self._expected else 0.0

    def _correction(self, samples: float) -> float:
        """What sums are multiplied by when all ranks had this many samples."""
        expected, self._expected = self._expected, samples
        return expected / samples if samples else 1.0

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Keep the gradients of this rank for itself in a block; the next backward after it sends them too.

        For several backwards before a step of the optimizer, of which the last one alone is to send.

        Yields
        ------
        None
            The block.

        Examples
        --------
        >>> model = dl.nn.Linear(2, 1)
        >>> parallel = dl.distributed.DistributedDataParallel(model)
        >>> with parallel.no_sync():
        ...     dl.sum(parallel(dl.ones((4, 2)))).backward()
        >>> dl.sum(parallel(dl.ones((4, 2)))).backward()
        >>> model.weight.grad
        tensor([[8., 8.]])
        """
        held: dict[TensorBase, Watcher] = {p: watchers.pop(p) for p in self.module.parameters() if p in watchers}
        self._syncs = False
        try:
            yield
        finally:
            watchers.update(held)
            self._syncs, self._kept = True, True


def _unwatch(parameters: list[Any], watcher: GradientSum) -> None:
    """Let the gradients of parameters be again those of this rank alone."""
    for p in parameters:
        if watchers.get(p) is watcher:
            del watchers[p]
