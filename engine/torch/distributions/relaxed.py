"""Relaxed distributions: classes as points that lie near the corners, so that samples have gradients."""

from __future__ import annotations

import math
from typing import Any

from ...nn import functional as F
from ..names.core import own
from ..names.engine import dl
from . import constraints
from .discrete import Categorical, _ByProbability
from .shapes import Distribution
from .transformed import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform


def _open(shape: tuple[int, ...], like: Any) -> Any:
    """Uniform numbers that are neither 0 nor 1."""
    eps = float(dl.finfo(like.dtype).eps)
    return dl.clip(dl.rand(*shape, dtype=like.dtype, device=like.device), min=eps, max=1 - eps)


def _temperature(temperature: Any, like: Any) -> Any:
    return temperature if isinstance(temperature, dl.Tensor) else own(dl.asarray(float(temperature), dtype=like.dtype))


class LogitRelaxedBernoulli(_ByProbability):
    """The logit of a number between 0 and 1 that lies near an end."""

    has_rsample = True
    support = constraints.real

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._given(probs, logits)
        self.temperature = _temperature(temperature, self.logits)
        super().__init__(self.logits.shape)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        u = _open(shape, self.logits)
        return (dl.log(u) - dl.log1p(-u) + self.logits) / self.temperature

    def _log_prob(self, value: Any) -> Any:
        gap = self.logits - value * self.temperature
        return self.temperature.log() + gap - 2 * F.softplus(gap)


class ExpRelaxedCategorical(Distribution):
    """The logarithm of shares of which one is nearly 1."""

    has_rsample = True
    support = constraints.real_vector

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._classes = Categorical(probs, logits)
        self.probs, self.logits = self._classes.probs, self._classes.logits
        self.temperature = _temperature(temperature, self.logits)
        super().__init__(self.logits.shape[:-1], self.logits.shape[-1:])

    def _draw(self, shape: tuple[int, ...]) -> Any:
        gumbels = -dl.log(-dl.log(_open(shape, self.logits)))
        return dl.log_softmax((self.logits + gumbels) / self.temperature, axis=-1)

    def _log_prob(self, value: Any) -> Any:
        k = self.event_shape[0]
        score = dl.sum(dl.log_softmax(self.logits - value * self.temperature, axis=-1), axis=-1)
        return score + math.lgamma(k) + (k - 1) * self.temperature.log()


class _Relaxed(TransformedDistribution):
    """A relaxed distribution in probabilities."""

    base: Any = None
    map: Any = None

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        super().__init__(self.base(temperature, probs, logits), self.map(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """How far samples are from the ends."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Any:
        """The logarithms of the odds."""
        return self.base_dist.logits

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self.base_dist.probs


class RelaxedBernoulli(_Relaxed):
    """A number between 0 and 1 that lies near an end."""

    base, map, support = LogitRelaxedBernoulli, SigmoidTransform, constraints.unit_interval


class RelaxedOneHotCategorical(_Relaxed):
    """Shares of which one is nearly 1."""

    base, map, support = ExpRelaxedCategorical, ExpTransform, constraints.simplex
