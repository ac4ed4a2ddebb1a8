"""torch.optim.swa_utils: averages of weights."""

from __future__ import annotations

import copy
import math
from typing import Any

from ..names.core import own
from ..names.engine import dl
from ..nn.layers import NAMES as _LAYERS
from ..nn.module import Module
from .lr_scheduler import LRScheduler

_BatchNorm = tuple(_LAYERS[f"BatchNorm{n}d"] for n in (1, 2, 3))


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those seen in update_parameters."""

    def __init__(
        self, model: Any, device: Any = None, avg_fn: Any = None, multi_avg_fn: Any = None, use_buffers: bool = False
    ) -> None:
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: give one of avg_fn and multi_avg_fn")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", dl.zeros((), dtype="int64"))
        if device is not None:
            self.to(device)
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **options: Any) -> Any:
        return self.module(*args, **options)

    def update_parameters(self, model: Any) -> None:
        """Add a model's weights to the average."""
        with dl.no_grad():
            buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
            for held, b in [] if self.use_buffers else buffers:  # the model's own, not a mean of them
                held.copy_(b)
            pairs = list(zip(self.module.parameters(), model.parameters(), strict=True)) + (buffers if self.use_buffers else [])
            if int(self.n_averaged) == 0:
                for mean, p in pairs:
                    mean.copy_(p)
            elif self.avg_fn is not None:
                for mean, p in pairs:
                    mean.copy_(self.avg_fn(mean.detach(), p.detach(), own(self.n_averaged.clone())))
            else:
                many = self.multi_avg_fn or get_swa_multi_avg_fn()
                for dtype in dict.fromkeys(mean.dtype for mean, _ in pairs):
                    alike = [(own(mean.detach()), own(p.detach())) for mean, p in pairs if mean.dtype == dtype]
                    many(*map(list, zip(*alike, strict=True)), own(self.n_averaged.clone()))
            self.n_averaged.add_(1)


class SWALR(LRScheduler):
    """A rate that goes from what it was to swa_lr in anneal_epochs steps, then stays."""

    def __init__(self, optimizer: Any, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
                 last_epoch: int = -1) -> None:  # fmt: skip
        n = len(optimizer.param_groups)
        rates = list(swa_lr) if isinstance(swa_lr, list | tuple) else [swa_lr] * n
        if len(rates) != n:
            raise ValueError(f"SWALR: expected a rate for each of {n} groups, got {len(rates)}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy: expected cos or linear, got {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs: expected 0 or more, got {anneal_epochs}")
        self.swa_lrs = rates
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _done(self, step: int) -> float:
        """The share of the way that a step has gone."""
        part = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * part)) / 2 if self.anneal_strategy == "cos" else part

    def get_lr(self) -> Any:
        """The rates at last_epoch: the way starts anew from the rates in force, which another schedule may have changed."""
        step = max(1, self.last_epoch) if self.anneal_epochs == 0 else self.last_epoch
        before, now = self._done(max(0, step - 1)), self._done(step)
        found = []
        for group, end in zip(self.optimizer.param_groups, self.swa_lrs, strict=True):
            start = end if before == 1 else (float(group["lr"]) - before * end) / (1 - before)
            found.append(end * now + start * (1 - now))
        return found


def update_bn(loader: Any, model: Any, device: Any = None) -> None:
    """Compute the running statistics of batch norm layers anew, as means over the batches of a loader."""
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not norms:
        return
    was = model.training, [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
    model.train()
    with dl.no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, list | tuple) else batch
            model(x if device is None else x.to(device))
    for m, momentum in zip(norms, was[1], strict=True):
        m.momentum = momentum
    model.train(was[0])


def _share(decay: float) -> float:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"decay: expected a number from 0 to 1, got {decay}")
    return decay


def get_ema_avg_fn(decay: float = 0.999) -> Any:
    """A rule for AveragedModel: an exponentially weighted average."""
    kept = _share(decay)
    return lambda mean, p, n: own(mean * kept + p * (1 - kept))


def get_swa_avg_fn() -> Any:
    """A rule for AveragedModel: the mean."""
    return lambda mean, p, n: own(mean + (p - mean) / (n + 1))


def _for_many(one: Any) -> Any:
    """A rule for lists of weights from one for a weight."""

    def update(means: Any, current: Any, n: Any) -> None:
        with dl.no_grad():
            for mean, p in zip(means, current, strict=True):
                mean.copy_(one(mean, p, n))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Any:
    """get_ema_avg_fn for lists of weights."""
    return _for_many(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Any:
    """get_swa_avg_fn for lists of weights."""
    return _for_many(get_swa_avg_fn())
