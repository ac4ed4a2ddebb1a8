"""torch.optim.swa_utils: averages of weights."""

from __future__ import annotations

import copy
import math
from typing import Any

from ..names.core import refuse
from ..names.engine import dl
from ..nn.module import Module
from .lr_scheduler import LRScheduler


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those seen in update_parameters."""

    def __init__(
        self, model: Any, device: Any = None, avg_fn: Any = None, multi_avg_fn: Any = None, use_buffers: bool = False
    ) -> None:
        if multi_avg_fn is not None:
            raise refuse("optim.swa_utils.AveragedModel", "multi_avg_fn is not supported; avg_fn is")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", dl.zeros((), dtype="int64"))
        self.avg_fn, self.use_buffers = avg_fn, use_buffers

    def forward(self, *args: Any, **options: Any) -> Any:
        return self.module(*args, **options)

    def update_parameters(self, model: Any) -> None:
        """Add a model's weights to the average."""
        n = int(self.n_averaged)
        with dl.no_grad():
            buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
            for held, b in [] if self.use_buffers else buffers:  # the model's own, not a mean of them
                held.copy_(b)
            pairs = list(zip(self.module.parameters(), model.parameters(), strict=True)) + (buffers if self.use_buffers else [])
            for mean, p in pairs:
                if n == 0:
                    mean.copy_(p)
                else:
                    mean.copy_(self.avg_fn(mean, p, n) if self.avg_fn else mean + (p - mean) / (n + 1))
            self.n_averaged.add_(1)


class SWALR(LRScheduler):
    """A rate that goes from what it was to swa_lr in anneal_epochs steps, then stays."""

    def __init__(self, optimizer: Any, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
                 last_epoch: int = -1) -> None:  # fmt: skip
        n = len(optimizer.param_groups)
        self.swa_lrs = list(swa_lr) if isinstance(swa_lr, list | tuple) else [swa_lr] * n
        self.starts = [float(group["lr"]) for group in optimizer.param_groups]
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Any:
        """The rates at last_epoch."""
        part = min(1.0, (max(1, self.last_epoch) if self.anneal_epochs == 0 else self.last_epoch) / max(1, self.anneal_epochs))
        done = (1 - math.cos(math.pi * part)) / 2 if self.anneal_strategy == "cos" else part
        if self.last_epoch <= 1:  # the rates that another schedule has left
            self.starts = [float(group["lr"]) for group in self.optimizer.param_groups]
        return [end * done + start * (1 - done) for start, end in zip(self.starts, self.swa_lrs, strict=True)]


def update_bn(loader: Any, model: Any, device: Any = None) -> None:
    """Compute the running statistics of batch norm layers anew, as means over the batches of a loader."""
    norms = [m for m in model.modules() if hasattr(m, "running_mean") and m.running_mean is not None]
    was = model.training, [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
    model.train()
    with dl.no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, list | tuple) else batch)
    for m, momentum in zip(norms, was[1], strict=True):
        m.momentum = momentum
    model.train(was[0])


def get_ema_avg_fn(decay: float = 0.999) -> Any:
    """A rule for AveragedModel: an exponentially weighted average."""
    return lambda mean, p, n: mean * decay + p * (1 - decay)
