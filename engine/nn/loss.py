"""Losses as modules. Formulas, shapes and checks are those of the functions in ops.loss; arguments are PyTorch's."""

from __future__ import annotations

from typing import Any

from ..ops import loss as ops
from ..ops import loss_distribution, loss_sequence
from .module import Module


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = ops.check_reduction(type(self).__name__, reduction)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class MSELoss(_Loss):
    """(input - target)^2, input and target of one shape. Source: Gauss 1809."""

    def forward(self, input: Any, target: Any) -> Any:
        return ops.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """|input - target|, the mean absolute error (MAE), input and target of one shape. Source: Boscovich 1757."""

    def forward(self, input: Any, target: Any) -> Any:
        return ops.l1_loss(input, target, self.reduction)


class MBELoss(_Loss):
    """target - input with its sign, the mean bias error, input and target of one shape. Source: Willmott 1982."""

    def forward(self, input: Any, target: Any) -> Any:
        return loss_distribution.mbe_loss(input, target, self.reduction)


class HuberLoss(_Loss):
    """d^2 / 2 up to delta, delta (|d| - delta / 2) beyond, d = input - target of one shape. Source: Huber 1964."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        return ops.huber_loss(input, target, self.reduction, self.delta)


class SmoothL1Loss(_Loss):
    """Huber's loss divided by beta, input and target of one shape. Source: Girshick 2015, arXiv:1504.08083."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        return ops.smooth_l1_loss(input, target, self.reduction, self.beta)


class _Weighted(_Loss):
    """A loss with a weight per class or element, which moves with the module."""

    weight: Any

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class NLLLoss(_Weighted):
    """-log-probability of the label: input (N,V,*S), target (N,*S) integers. Source: Fisher 1922."""

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return ops.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Weighted):
    """-log softmax(input)[label]: input (N,V,*S) scores, target (N,*S) integers, or probabilities of the input's shape.

    weight: (V,) or None. label_smoothing: the part of the target spread over all classes. Source: Bridle 1990; smoothing:
    Szegedy et al. 2016, arXiv:1512.00567.
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return ops.cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class BCELoss(_Weighted):
    """Binary cross-entropy of probabilities: input and target of one shape, values from 0 to 1. Source: Cox 1958."""

    def forward(self, input: Any, target: Any) -> Any:
        return ops.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_Weighted):
    """Binary cross-entropy of sigmoid(input): scores and targets of one shape, targets from 0 to 1. Source: see BCELoss."""

    pos_weight: Any

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return ops.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class KLDivLoss(Module):
    """target (log target - input): input log-probabilities, target probabilities of one shape (or their logarithms).

    reduction "batchmean" is the divergence itself. Source: Kullback & Leibler 1951.
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.reduction, self.log_target = reduction, log_target

    def forward(self, input: Any, target: Any) -> Any:
        return loss_distribution.kl_div(input, target, self.reduction, self.log_target)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, log_target={self.log_target}"


class GaussianNLLLoss(_Loss):
    """(log v + (input - target)^2 / v) / 2, v = max(var, eps): all of one shape, or var (N,1) or (N,).

    Source: Nix & Weigend 1994.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        return loss_distribution.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(_Loss):
    """exp(input) - target input: counts target and logarithms of rates input of one shape. Source: Nelder & Wedderburn 1972."""

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, input: Any, target: Any) -> Any:
        return loss_distribution.poisson_nll_loss(input, target, self.log_input, self.full, self.eps, self.reduction)


class CTCLoss(_Loss):
    """-log of the probability of all alignments that spell the target, which is shorter than the input.

    log_probs: (T,N,V), targets: (N,S) or (sum of lengths,) labels, input_lengths, target_lengths: (N,).
    Source: Graves et al. 2006.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return loss_sequence.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
