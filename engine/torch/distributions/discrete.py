"""Distributions of numbers and classes."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ...nn import functional as F
from ..names.core import own
from ..names.engine import dl
from ..special import gammaln, xlogy
from .shapes import Distribution, parameters

_INDEX = np.dtype("int64")


@cache
def _limits(dtype: Any) -> tuple[float, float]:
    """The spacing of numbers at 1, and the least number."""
    found = dl.finfo(dtype)
    return float(found.eps), float(found.min)


class _ByProbability(Distribution):
    """A distribution given by probs or by logits."""

    def _given(self, probs: Any, logits: Any) -> None:
        if (probs is None) == (logits is None):
            raise ValueError(f"{type(self).__name__}: give one of probs and logits")
        if probs is not None:
            (self.probs,) = parameters(probs)
            if bool(dl.any(~((self.probs >= 0) & (self.probs <= 1 + 1e-6)))):
                raise ValueError(f"{type(self).__name__}: probs must be from 0 to 1")
            tiny = _limits(self.probs.dtype)[0]
            p = dl.clip(self.probs, min=tiny, max=1 - tiny)
            self.logits = own(dl.log(p) - dl.log1p(-p))
        else:
            (self.logits,) = parameters(logits)
            self.probs = own(dl.sigmoid(self.logits))


class Bernoulli(_ByProbability):
    """0 or 1."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._given(probs, logits)
        super().__init__(self.probs.shape)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.probs

    @property
    def variance(self) -> Any:
        """The variance."""
        return own(self.probs * (1 - self.probs))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        p = self.probs
        return dl.astype(dl.rand(*shape, dtype=p.dtype, device=p.device) < p, p.dtype)

    def _log_prob(self, value: Any) -> Any:
        logits, v = dl.broadcast_arrays(self.logits, dl.astype(value, self.logits.dtype))
        return -F.binary_cross_entropy_with_logits(logits, v, reduction="none")

    def _entropy(self) -> Any:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")


class Geometric(_ByProbability):
    """The number of failures before the first success."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._given(probs, logits)
        super().__init__(self.probs.shape)

    @property
    def mean(self) -> Any:
        """The mean."""
        return own(1 / self.probs - 1)

    @property
    def variance(self) -> Any:
        """The variance."""
        return own((1 / self.probs - 1) / self.probs)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        u = 1 - dl.rand(*shape, dtype=self.probs.dtype, device=self.probs.device)
        return dl.floor(dl.log(u) / dl.log1p(-self.probs))

    def _log_prob(self, value: Any) -> Any:
        return value * dl.log1p(-self.probs) + dl.log(self.probs)


class Binomial(_ByProbability):
    """The number of successes in several draws."""

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._given(probs, logits)
        self.total_count = total_count
        super().__init__(self.probs.shape)

    @property
    def mean(self) -> Any:
        """The mean."""
        return own(self.total_count * self.probs)

    @property
    def variance(self) -> Any:
        """The variance."""
        return own(self.total_count * self.probs * (1 - self.probs))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        rng = np.random.default_rng(int(dl.randint(0, 2**62, 1).item()))
        n = self.total_count.numpy_copy().astype(np.int64) if isinstance(self.total_count, dl.Tensor) else int(self.total_count)
        return dl.asarray(np.asarray(rng.binomial(n, self.probs.numpy_copy(), shape)).astype(self.probs.dtype))

    def _log_prob(self, value: Any) -> Any:
        n = self.total_count if isinstance(self.total_count, dl.Tensor) else dl.full_like(self.probs, float(self.total_count))
        ways = gammaln(n + 1) - gammaln(value + 1) - gammaln(n - value + 1)
        return ways + value * self.logits - n * F.softplus(self.logits)


class Categorical(Distribution):
    """Classes with given probabilities, or logarithms of shares."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueError(f"{type(self).__name__}: give one of probs and logits")
        if probs is not None:
            if not bool(dl.all(probs >= 0)):
                raise ValueError("Categorical: probs must be at least 0 with a positive sum")
            self.probs = own(probs / dl.sum(probs, axis=-1, keepdims=True))
            tiny = _limits(self.probs.dtype)[0]
            self.logits = own(dl.log(dl.clip(self.probs, min=tiny, max=1 - tiny)))
        else:
            self.logits = own(logits - dl.logsumexp(logits, axis=-1, keepdims=True))
            self.probs = own(dl.softmax(self.logits, axis=-1))
        super().__init__(self.probs.shape[:-1])

    @property
    def mean(self) -> Any:
        """NaN: classes have no mean."""
        return own(dl.full(self.probs.shape[:-1], math.nan, dtype=self.probs.dtype, device=self.probs.device))

    variance = mean

    @property
    def mode(self) -> Any:
        """The most probable class."""
        return own(dl.argmax(self.probs, axis=-1))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        flat = dl.reshape(self.probs.detach(), (-1, self.probs.shape[-1]))
        n = math.prod(shape) // max(flat.shape[0], 1)
        drawn = dl.multinomial(flat, n, True)
        return dl.reshape(dl.matrix_transpose(drawn), shape)

    def _log_prob(self, value: Any) -> Any:
        index = dl.expand_dims(value if value.dtype == _INDEX else dl.astype(value, _INDEX), axis=-1)
        logits = self.logits
        lead = logits.array.shape[:-1]
        if index.array.shape[:-1] != lead:
            lead = dl.broadcast_shapes(index.shape[:-1], lead)
            logits, index = dl.broadcast_to(logits, (*lead, logits.shape[-1])), dl.broadcast_to(index, (*lead, 1))
        return dl.take_along_axis(logits, index, axis=-1)[..., 0]

    def _entropy(self) -> Any:
        low = _limits(self.logits.dtype)[1]
        return -dl.sum(dl.clip(self.logits, min=low) * self.probs, axis=-1)


class OneHotCategorical(Distribution):
    """Classes as vectors with one 1."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._classes = Categorical(probs, logits)
        self.probs, self.logits = self._classes.probs, self._classes.logits
        super().__init__(self.probs.shape[:-1], self.probs.shape[-1:])

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return dl.one_hot(self._classes._draw(shape[:-1]), shape[-1], dtype=self.probs.dtype)

    def _log_prob(self, value: Any) -> Any:
        return self._classes.log_prob(dl.argmax(value, axis=-1))

    def _entropy(self) -> Any:
        return self._classes.entropy()


class Multinomial(Distribution):
    """How often each class came in several draws."""

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self.total_count = total_count
        self._classes = Categorical(probs, logits)
        self.probs, self.logits = self._classes.probs, self._classes.logits
        super().__init__(self.probs.shape[:-1], self.probs.shape[-1:])

    @property
    def mean(self) -> Any:
        """The mean."""
        return own(self.total_count * self.probs)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        drawn = self._classes._draw((self.total_count, *shape[:-1]))
        return dl.sum(dl.one_hot(drawn, shape[-1], dtype=self.probs.dtype), axis=0)

    def _log_prob(self, value: Any) -> Any:
        value = dl.astype(value, self.logits.dtype)
        ways = gammaln(dl.sum(value, axis=-1) + 1) - dl.sum(gammaln(value + 1), axis=-1)
        return ways + dl.sum(dl.where(value == 0, 0.0, self.logits) * value, axis=-1)


class Poisson(Distribution):
    """Counts of rare events."""

    def __init__(self, rate: Any, validate_args: Any = None) -> None:
        (self.rate,) = parameters(rate)
        super().__init__(self.rate.shape)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.rate

    @property
    def variance(self) -> Any:
        """The variance."""
        return self.rate

    def _draw(self, shape: tuple[int, ...]) -> Any:
        rng = np.random.default_rng(int(dl.randint(0, 2**62, 1).item()))
        return dl.asarray(np.asarray(rng.poisson(self.rate.numpy_copy(), shape)).astype(self.rate.dtype), device=self.rate.device)

    def _log_prob(self, value: Any) -> Any:
        value = dl.astype(value, self.rate.dtype)
        return xlogy(value, self.rate) - self.rate - gammaln(value + 1)
