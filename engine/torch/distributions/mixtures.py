"""Mixtures, distributions on the circle and between 0 and 1, and normal vectors whose covariance has a low rank."""

from __future__ import annotations

import math
from typing import Any

from ...nn import functional as F
from ..names.core import FUNCTIONS, own
from ..names.engine import dl
from . import constraints
from .continuous import _HALF_LOG_2PI, MultivariateNormal
from .discrete import _ByProbability
from .gammas import generator
from .shapes import Distribution, parameters


class MixtureSameFamily(Distribution):
    """A distribution chosen by chance among those of the last batch axis of another."""

    def __init__(self, mixture_distribution: Any, component_distribution: Any, validate_args: Any = None) -> None:
        mix, parts = mixture_distribution, component_distribution
        if tuple(mix.batch_shape) not in ((), tuple(parts.batch_shape[:-1])):
            raise ValueError(f"MixtureSameFamily: the mixture's batch {tuple(mix.batch_shape)} does not fit that of its "
                             f"components, {tuple(parts.batch_shape)}")  # fmt: skip
        if mix.probs.shape[-1] != parts.batch_shape[-1]:
            raise ValueError(f"MixtureSameFamily: {mix.probs.shape[-1]} probabilities for "
                             f"{parts.batch_shape[-1]} components")  # fmt: skip
        self._mixture_distribution, self._component_distribution = mix, parts
        super().__init__(parts.batch_shape[:-1], parts.event_shape, validate_args=validate_args)

    @property
    def mixture_distribution(self) -> Any:
        """Which part is chosen."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The parts."""
        return self._component_distribution

    @property
    def _axis(self) -> int:
        return -1 - len(self.event_shape)

    def _weights(self) -> Any:
        p = self.mixture_distribution.probs
        return p.reshape((*p.shape, *(1,) * len(self.event_shape)))

    @property
    def mean(self) -> Any:
        """The mean."""
        return (self._weights() * self.component_distribution.mean).sum(self._axis)

    @property
    def variance(self) -> Any:
        """The variance."""
        p, parts = self._weights(), self.component_distribution
        gap = parts.mean - self.mean.unsqueeze(self._axis)
        return (p * parts.variance).sum(self._axis) + (p * gap**2).sum(self._axis)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return (self.component_distribution.cdf(value.unsqueeze(self._axis)) * self.mixture_distribution.probs).sum(-1)

    def _log_prob(self, value: Any) -> Any:
        each = self.component_distribution.log_prob(value.unsqueeze(self._axis))
        return dl.logsumexp(each + dl.log_softmax(self.mixture_distribution.logits, axis=-1), axis=-1)

    def sample(self, sample_shape: Any = ()) -> Any:
        """A sample without gradient."""
        with dl.no_grad():
            lead = (*sample_shape, *self.batch_shape)
            chosen = self.mixture_distribution.expand(self.batch_shape).sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            n = len(self.event_shape)
            index = dl.broadcast_to(dl.reshape(chosen, (*lead, *(1,) * (n + 1))), (*lead, 1, *self.event_shape))
            return own(dl.take_along_axis(drawn, index, axis=self._axis)).squeeze(self._axis)


class VonMises(Distribution):
    """Angles about a mean."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: Any = None) -> None:
        self.loc, self.concentration = parameters(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean angle."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Any:
        """The variance on the circle."""
        from .. import special

        names: Any = special
        return 1 - names.i1e(self.concentration) / names.i0e(self.concentration)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        loc, k = self.loc.detach(), self.concentration.detach()
        drawn = generator().vonmises(loc.numpy_copy(), k.numpy_copy(), shape)
        return dl.asarray(drawn.astype(loc.dtype), device=loc.device)

    def _log_prob(self, value: Any) -> Any:
        from .. import special

        names: Any = special
        k = self.concentration  # log I0(k) = log I0(k) e^-k + k
        return k * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - names.i0e(k).log()


class ContinuousBernoulli(_ByProbability):
    """Numbers between 0 and 1 with a density that rises or falls exponentially."""

    has_rsample = True
    support = constraints.unit_interval

    def __init__(self, probs: Any = None, logits: Any = None, lims: Any = (0.499, 0.501), validate_args: Any = None) -> None:
        self._given(probs, logits)
        eps = float(dl.finfo(self.probs.dtype).eps)
        self.probs, self._lims = self.probs.clamp(min=eps, max=1 - eps), lims
        super().__init__(self.probs.shape)

    def _far(self) -> Any:
        """Where the closed forms have enough digits: away from 1/2."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _safe(self) -> Any:
        return own(dl.where(self._far(), self.probs, self._lims[0]))

    def _either(self, closed: Any, series: Any) -> Any:
        return own(dl.where(self._far(), closed, series))

    @staticmethod
    def _odds(p: Any) -> Any:
        """log(1 - p) - log(p)."""
        return dl.log1p(-p) - dl.log(p)

    def _log_norm(self) -> Any:
        p, x = self._safe(), (self.probs - 0.5) ** 2
        closed = dl.log(dl.abs(self._odds(p))) - dl.log(dl.abs(1 - 2 * p))
        return self._either(closed, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Any:
        """The mean."""
        p, x = self._safe(), self.probs - 0.5
        return self._either(p / (2 * p - 1) + 1 / self._odds(p), 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x)

    @property
    def variance(self) -> Any:
        """The variance."""
        p, x = self._safe(), (self.probs - 0.5) ** 2
        closed = p * (p - 1) / (1 - 2 * p) ** 2 + 1 / self._odds(p) ** 2
        return self._either(closed, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self.icdf(own(dl.rand(*shape, dtype=self.probs.dtype, device=self.probs.device)))

    def _log_prob(self, value: Any) -> Any:
        logits, v = dl.broadcast_arrays(self.logits, value)
        return self._log_norm() - F.binary_cross_entropy_with_logits(logits, v, reduction="none")

    def _entropy(self) -> Any:
        return self.mean * self._odds(self.probs) - self._log_norm() - dl.log1p(-self.probs)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        p = self._safe()
        inside = self._either((p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1), value)
        return own(dl.where(value <= 0, 0.0, dl.where(value >= 1, 1.0, inside)))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        p = self._safe()
        return self._either((dl.log1p(value * (2 * p - 1) - p) - dl.log1p(-p)) / -self._odds(p), value)


class LowRankMultivariateNormal(MultivariateNormal):
    """Normal vectors of covariance W W^T + D, computed in the few columns of W."""

    arg_constraints = {
        "loc": constraints.real_vector, "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }  # fmt: skip

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: Any = None) -> None:
        n, m = cov_factor.shape[-2:]
        if loc.shape[-1] != n or cov_diag.shape[-1] != n:
            raise ValueError(f"LowRankMultivariateNormal: loc, cov_factor and cov_diag must have {n} rows, got "
                             f"{tuple(loc.shape)}, {tuple(cov_factor.shape)} and {tuple(cov_diag.shape)}")  # fmt: skip
        lead = dl.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = (own(dl.broadcast_to(t, (*lead, n))) for t in (loc, cov_diag))
        self.cov_factor = own(dl.broadcast_to(cov_factor, (*lead, n, m)))
        inner = self._scaled() @ self.cov_factor + dl.eye(m, dtype=loc.dtype, device=loc.device)
        self._inner = own(dl.linalg.cholesky(inner))
        Distribution.__init__(self, lead, (n,), validate_args)

    def _scaled(self) -> Any:
        """W^T / D."""
        return self.cov_factor.mT / self.cov_diag.unsqueeze(-2)

    @property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return own(dl.linalg.cholesky(self.covariance_matrix))

    @property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        a = FUNCTIONS["linalg_solve_triangular"](self._inner, self._scaled(), upper=False)
        return (1 / self.cov_diag).diag_embed() - a.mT @ a

    @property
    def variance(self) -> Any:
        """The variances."""
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    def _draw(self, shape: tuple[int, ...]) -> Any:
        like = {"dtype": self.loc.dtype, "device": self.loc.device}
        few = dl.randn(*shape[:-1], self.cov_factor.shape[-1], 1, **like)
        return self.loc + (self.cov_factor @ own(few))[..., 0] + self.cov_diag.sqrt() * dl.randn(*shape, **like)

    def _half_log_det(self) -> Any:
        return dl.sum(dl.log(dl.linalg.diagonal(self._inner)), axis=-1) + 0.5 * self.cov_diag.log().sum(-1)

    def _log_prob(self, value: Any) -> Any:
        gap = value - self.loc
        z = dl.linalg.solve(*_alike(self._inner, self._scaled() @ gap.unsqueeze(-1)))[..., 0]
        distance = (gap**2 / self.cov_diag).sum(-1) - dl.sum(z * z, axis=-1)
        return -0.5 * distance - self._half_log_det() - self.event_shape[0] * _HALF_LOG_2PI


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Matrices of the same batch shape."""
    lead = dl.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return dl.broadcast_to(a, (*lead, *a.shape[-2:])), dl.broadcast_to(b, (*lead, *b.shape[-2:]))
