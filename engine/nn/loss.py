"""Losses of classes, distributions and label sequences, with the arguments of PyTorch; the functions are in ``ops.loss``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..ops import loss as ops
from ..ops import loss_checks, loss_distribution, loss_sequence
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Loss(Module):
    """Base of losses with the reductions none, mean and sum."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = loss_checks.check_reduction(type(self).__name__, reduction)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class _Weighted(_Loss):
    """Base of losses with a weight per class or element, which is a buffer and moves with the module."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class NLLLoss(_Weighted):
    """Negative log-likelihood: ``-weight[label] input[label]`` for each row of log-probabilities.

    Shape: input (N,V) or (N,V,*S), log-probabilities; target (N,) or (N,*S), integers from 0 to V - 1 -> (); without
    reduction the shape of the target. The mean divides by the sum of the weights of the labels.

    Parameters
    ----------
    weight : Tensor or None
        A factor for each class, shape (V,); None is 1 for all. It is a buffer and moves with the module.
    ignore_index : int
        Rows with this label do not count.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Fisher, "On the mathematical foundations of theoretical statistics", 1922.

    Examples
    --------
    >>> log_probabilities = dl.log(dl.asarray([[0.5, 0.5], [0.25, 0.75]]))
    >>> dl.exp(-dl.nn.NLLLoss(reduction="none")(log_probabilities, dl.asarray([0, 1])))
    tensor([0.5 , 0.75])
    """

    def __init__(self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Weighted):
    """Cross-entropy of scores: ``-log softmax(input)[label]``.

    Shape: input (N,V) or (N,V,*S), scores; target (N,) or (N,*S), integers from 0 to V - 1, or probabilities of the
    shape
    of the input -> (); without reduction the shape of the labels. The mean divides by the sum of the weights of the
    labels.

    Parameters
    ----------
    weight : Tensor or None
        A factor for each class, shape (V,); None is 1 for all. It is a buffer and moves with the module.
    ignore_index : int
        Rows with this label do not count.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").
    label_smoothing : float
        The part of the target, from 0 to 1, that is spread evenly over all classes.

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990; smoothing: Szegedy et
    al., 2016, arXiv:1512.00567.

    Examples
    --------
    >>> loss = dl.nn.CrossEntropyLoss()
    >>> loss(dl.asarray([[0.0, 100.0], [0.0, 100.0]]), dl.asarray([1, 0]))
    tensor(50.)
    """

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class BCELoss(_Weighted):
    """Binary cross-entropy of probabilities: ``-(t log p + (1 - t) log(1 - p))``.

    For scores, ``BCEWithLogitsLoss`` is more accurate. Logarithms are bounded below by -100, as in PyTorch.
    Shape: input p and target t of one shape, values from 0 to 1 -> (); without reduction the shape of the input.

    Parameters
    ----------
    weight : Tensor or None
        A factor that broadcasts to the losses; None is 1. It is a buffer and moves with the module.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Cox, "The regression analysis of binary sequences", 1958.

    Examples
    --------
    >>> dl.nn.BCELoss(reduction="none")(dl.asarray([1.0, 0.0]), dl.asarray([0.0, 0.0]))
    tensor([100.,   0.])
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_Weighted):
    """Binary cross-entropy of ``sigmoid(input)``, without overflow.

    Shape: input, scores, and target, values from 0 to 1, of one shape -> (); without reduction the shape of the
    input.

    Parameters
    ----------
    weight : Tensor or None
        A factor that broadcasts to the losses; None is 1. It is a buffer and moves with the module.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").
    pos_weight : Tensor or None
        A factor of the part of the loss that positive targets cause; it broadcasts. None is 1. A buffer too.

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Cox, "The regression analysis of binary sequences", 1958.

    Examples
    --------
    >>> dl.nn.BCEWithLogitsLoss(reduction="none")(dl.asarray([100.0, 100.0]), dl.asarray([1.0, 0.0]))
    tensor([  0., 100.])
    """

    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class KLDivLoss(Module):
    """Kullback-Leibler divergence: ``target (log target - input)``.

    Shape: input, log-probabilities, and target, probabilities, of one shape -> (); without reduction the shape of the
    input.

    Parameters
    ----------
    reduction : str
        "none", "mean" (over all elements), "sum", or "batchmean", the sum divided by the size of the first axis,
        which is the divergence itself.
    log_target : bool
        Whether the target holds logarithms of probabilities.

    References
    ----------
    Kullback and Leibler, "On information and sufficiency", 1951.

    Examples
    --------
    >>> p = dl.asarray([[0.5, 0.5]])
    >>> dl.nn.KLDivLoss("batchmean")(dl.log(p), p)
    tensor(0.)
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.reduction, self.log_target = reduction, log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_distribution.kl_div(input, target, self.reduction, self.log_target)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, log_target={self.log_target}"


class CTCLoss(_Loss):
    """Connectionist temporal classification: -log of the probability of all alignments that spell the target.

    It trains on sequences whose labels have no given times; a target is not longer than its input.
    Shape: log_probs (T,N,V), targets (N,S) or (sum of target lengths,), input_lengths and target_lengths (N,) -> ();
    without
    reduction (N,). The mean is of the losses divided by their target lengths.

    Parameters
    ----------
    blank : int
        The class that stands for no label.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").
    zero_infinity : bool
        Whether a target that cannot be aligned costs 0 instead of infinity.

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Graves, Fernandez, Gomez and Schmidhuber, "Connectionist temporal classification", 2006.

    Examples
    --------
    >>> log_probs = dl.log_softmax(dl.zeros((2, 1, 2)))
    >>> dl.exp(-dl.nn.CTCLoss()(log_probs, dl.asarray([[1]]), dl.asarray([2]), dl.asarray([1])))
    tensor(0.75)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Tensor | Sequence[int], target_lengths: Tensor | Sequence[int]
    ) -> Tensor:
        return loss_sequence.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
