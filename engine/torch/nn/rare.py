"""Layers that few programs use: a softmax over very many classes, fractional pooling, batch norm over several devices."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..names.core import own
from ..names.engine import dl
from . import functional as F
from .containers import ModuleList, Sequential
from .layers import NAMES as LAYER_NAMES
from .module import Module
from .modules import NAMES, function_layer

for _n in (2, 3):
    function_layer(f"FractionalMaxPool{_n}d", getattr(F, f"fractional_max_pool{_n}d"),
                   "kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None")  # fmt: skip


class ASMoutput(NamedTuple):
    """The logarithm of the target's share for each sample, and the mean loss."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """A softmax over classes by frequency: the first in a head, the rarer ones in clusters of smaller width."""

    def __init__(self, in_features: int, n_classes: int, cutoffs: Any, div_value: float = 4.0, head_bias: bool = False,
                 device: Any = None, dtype: Any = None) -> None:  # fmt: skip
        ends = list(cutoffs)
        if not ends or ends != sorted(set(ends)) or ends[0] <= 0 or ends[-1] > n_classes - 1 or any(int(c) != c for c in ends):
            raise ValueError("cutoffs should be a sequence of unique, positive integers sorted in an increasing order, "
                             "where each value is between 1 and n_classes-1")  # fmt: skip
        linear, placed = LAYER_NAMES["Linear"], {"device": device, "dtype": dtype}
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*ends, n_classes]
        self.shortlist_size, self.n_clusters = ends[0], len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = linear(in_features, self.head_size, bias=head_bias, **placed)
        self.tail: Any = ModuleList()
        for i, (low, high) in enumerate(zip(self.cutoffs[:-1], self.cutoffs[1:], strict=True)):
            width = int(in_features // div_value ** (i + 1))
            parts = linear(in_features, width, bias=False, **placed), linear(width, high - low, bias=False, **placed)
            self.tail.append(Sequential(*parts))

    def reset_parameters(self) -> None:
        """Random weights anew."""
        for m in (self.head, *(layer for part in self.tail for layer in part)):
            m.reset_parameters()

    def forward(self, input: Any, target: Any) -> Any:
        x, wanted = (input, target) if target.ndim else (input.unsqueeze(0), target.unsqueeze(0))
        if target.ndim > 1 or x.shape[0] != wanted.shape[0] or x.ndim != 2:
            raise RuntimeError(f"AdaptiveLogSoftmaxWithLoss: expected input (N,{self.in_features}) and target (N), got "
                               f"{tuple(input.shape)} and {tuple(target.shape)}")  # fmt: skip
        if bool(((wanted < 0) | (wanted >= self.n_classes)).any()):
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                               f"[{int(wanted.min())}, {int(wanted.max())}] were found. ")  # fmt: skip
        first = wanted
        for i, low in enumerate(self.cutoffs[:-1]):
            first = own(dl.where(wanted >= low, self.shortlist_size + i, first))
        found = F.log_softmax(self.head(x), 1).gather(1, first.unsqueeze(1)).squeeze(1)
        for i, (low, high) in enumerate(zip(self.cutoffs[:-1], self.cutoffs[1:], strict=True)):
            rows = ((wanted >= low) & (wanted < high)).nonzero().squeeze(1)
            if rows.shape[0]:
                inner = F.log_softmax(self.tail[i](x.index_select(0, rows)), 1)
                part = inner.gather(1, (wanted.index_select(0, rows) - low).unsqueeze(1)).squeeze(1)
                found = found.index_add(0, rows, part)
        loss = (-found).mean()
        return ASMoutput(found if target.ndim else found.squeeze(0), loss)

    def log_prob(self, input: Any) -> Any:
        """The logarithms of the shares of all classes."""
        head = F.log_softmax(self.head(input), 1)
        n = self.shortlist_size
        inner = [F.log_softmax(part(input), 1) + head[:, n + i].unsqueeze(1) for i, part in enumerate(self.tail)]
        return own(dl.concat([head[:, :n], *inner], axis=1))

    def predict(self, input: Any) -> Any:
        """The most probable class of each sample."""
        return self.log_prob(input).argmax(dim=1)


_Norm: Any = LAYER_NAMES["BatchNorm2d"]


class SyncBatchNorm(_Norm):  # type: ignore[misc]
    """Batch norm over any number of axes: with one process there is nothing to bring together."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: Any = 0.1, affine: bool = True,
                 track_running_stats: bool = True, process_group: Any = None, device: Any = None,
                 dtype: Any = None) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype)

    def forward(self, input: Any) -> Any:
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")
        return super().forward(own(dl.reshape(input, (*input.shape[:2], -1, 1)))).reshape(tuple(input.shape))

    @classmethod
    def convert_sync_batchnorm(cls, module: Any, process_group: Any = None) -> Any:
        """Make the batch norms of a module of this class."""
        for m in module.modules():
            if type(m) in (LAYER_NAMES[f"BatchNorm{n}d"] for n in (1, 2, 3)):
                m.__class__ = cls
        return module


NAMES |= {"AdaptiveLogSoftmaxWithLoss": AdaptiveLogSoftmaxWithLoss, "SyncBatchNorm": SyncBatchNorm}
