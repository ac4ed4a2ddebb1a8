"""The settings of an optimizer's step, as the kernels of every set take them."""

from __future__ import annotations

from typing import NamedTuple


class SGDSettings(NamedTuple):
    """One step of gradient descent: learning rate, momentum and its dampening, weight decay.

    nesterov: look ahead along the momentum. first: the step that fills the momentum buffers with the gradient itself.
    """

    lr: float
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False
    first: bool = False


class AdamSettings(NamedTuple):
    """One step of Adam: learning rate, decays of both moments, what is added to the denominator, weight decay.

    decoupled: the weight decay shrinks the parameters themselves (AdamW). step: the number of the step, from 1.
    """

    lr: float
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False
    step: int = 1


class NormSettings(NamedTuple):
    """Batch normalisation with running statistics: what is added to the variance, and how far they move to those of the batch.

    A negative part is 1 over the number of batches, this one included.
    """

    eps: float
    part: float
