"""torch.optim.lr_scheduler: schedules with PyTorch's arguments."""

from __future__ import annotations

import inspect
import math
from abc import ABC
from typing import Any

from ... import optim as _optim
from ..names.core import refuse


class LRScheduler(ABC):  # noqa: B024 - get_lr may come from a base of the program's own
    """Base of schedules: a subclass of the program's own defines get_lr, from last_epoch and base_lrs."""

    def __init__(self, optimizer: Any, last_epoch: int = -1, verbose: Any = None) -> None:
        self.optimizer, self.last_epoch = optimizer, last_epoch
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._last_lr = list(self.base_lrs)
        self.step()

    def get_lr(self) -> Any:
        """The rates at last_epoch."""
        raise NotImplementedError

    def get_last_lr(self) -> Any:
        """The rates that are in force."""
        return self._last_lr

    def step(self, epoch: Any = None) -> None:
        """Go on to the next epoch."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> Any:
        """Everything but the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue from a state_dict."""
        vars(self).update(state_dict)


def _whole(args: Any, options: Any) -> Any:
    """StepLR's arguments with a step size that is an integer, where it is one in value."""
    named = {k: int(v) if k == "step_size" and float(v).is_integer() else v for k, v in options.items()}
    return [int(a) if i == 1 and float(a).is_integer() else a for i, a in enumerate(args)], named


def _make(name: str) -> Any:
    base = getattr(_optim, name)
    known = inspect.signature(base.__init__).parameters

    def init(self: Any, *args: Any, last_epoch: int = -1, verbose: Any = None, **options: Any) -> None:
        names = [n for n in known if n != "self"]
        if len(args) > len(names):
            extra = args[len(names) :]
            args = args[: len(names)]
            last_epoch = extra[0]
        if name == "StepLR":  # PyTorch divides by it, so that 1.0 is as good as 1
            args, options = _whole(args, options)
        if last_epoch != -1:
            raise refuse(f"optim.lr_scheduler.{name}", "last_epoch is not supported; continue with load_state_dict")
        base.__init__(self, *args, **options)

    return type(name, (base,), {"__init__": init, "__doc__": base.__doc__, "__module__": "dlengine.torch.optim.lr_scheduler"})


StepLR, MultiStepLR, ExponentialLR = map(_make, ("StepLR", "MultiStepLR", "ExponentialLR"))
CosineAnnealingLR, CosineAnnealingWarmRestarts = map(_make, ("CosineAnnealingLR", "CosineAnnealingWarmRestarts"))
LambdaLR, LinearLR, OneCycleLR, ReduceLROnPlateau = map(_make, ("LambdaLR", "LinearLR", "OneCycleLR", "ReduceLROnPlateau"))
SequentialLR, ChainedScheduler = _make("SequentialLR"), _make("ChainedScheduler")
LRScheduler.register(_optim.Scheduler)
_LRScheduler = LRScheduler


def ConstantLR(optimizer: Any, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> Any:  # noqa: N802
    """A rate times factor for the first epochs."""
    return LambdaLR(optimizer, lambda epoch: factor if epoch < total_iters else 1.0)


def PolynomialLR(optimizer: Any, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> Any:  # noqa: N802
    """A rate that falls to 0 as a polynomial."""
    return LambdaLR(optimizer, lambda epoch: (1.0 - min(epoch, total_iters) / total_iters) ** power)


def MultiplicativeLR(optimizer: Any, lr_lambda: Any, last_epoch: int = -1) -> Any:  # noqa: N802
    """A rate multiplied each epoch by what a function says."""
    return LambdaLR(optimizer, lambda epoch: math.prod(lr_lambda(e) for e in range(1, epoch + 1)))


def CyclicLR(  # noqa: N802
    optimizer: Any, base_lr: Any, max_lr: Any, step_size_up: int = 2000, step_size_down: Any = None, mode: str = "triangular",
    gamma: float = 1.0, scale_fn: Any = None, scale_mode: str = "cycle", cycle_momentum: bool = True, base_momentum: float = 0.8,
    max_momentum: float = 0.9, last_epoch: int = -1,
) -> Any:  # fmt: skip
    """A rate that rises and falls between two bounds."""
    if scale_fn is not None or isinstance(base_lr, list | tuple) or isinstance(max_lr, list | tuple):
        raise refuse("optim.lr_scheduler.CyclicLR", "scale_fn and bounds for each group are not supported; use LambdaLR")
    if (base_momentum, max_momentum) != _optim.CyclicLR.MOMENTA:
        raise refuse("optim.lr_scheduler.CyclicLR", "the momentum runs between 0.8 and 0.9")
    height = gamma if mode == "exp_range" else mode
    return _optim.CyclicLR(optimizer, base_lr, max_lr, step_size_up, step_size_down, height, cycle_momentum=cycle_momentum)
