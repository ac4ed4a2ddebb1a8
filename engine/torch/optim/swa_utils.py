"""torch.optim.swa_utils: averages of weights."""

from __future__ import annotations

import copy
from typing import Any

from ..names.core import refuse
from ..names.engine import dl
from ..nn.module import Module


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
            for mean, p in zip(self.module.parameters(), model.parameters(), strict=True):
                if n == 0:
                    mean.copy_(p)
                else:
                    mean.copy_(self.avg_fn(mean, p, n) if self.avg_fn else mean + (p - mean) / (n + 1))
            self.n_averaged.add_(1)


def get_ema_avg_fn(decay: float = 0.999) -> Any:
    """A rule for AveragedModel: an exponentially weighted average."""
    return lambda mean, p, n: mean * decay + p * (1 - decay)
