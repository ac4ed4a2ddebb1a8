"""kl_divergence by pairs of distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...nn import functional as F
from ..names.core import own
from ..names.engine import dl
from ..special import gammaln
from .continuous import Exponential, Laplace, MultivariateNormal, Normal, Uniform
from .discrete import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical, Poisson
from .gammas import Beta, Dirichlet, Gamma, digamma
from .mixtures import ContinuousBernoulli
from .shapes import Independent, rightmost
from .transformed import EULER, Gumbel, HalfNormal, Pareto, TransformedDistribution

_RULES: dict[tuple[type, type], Any] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]:
    """Enter a rule for a pair of classes; a decorator."""

    def decorate(f: Any) -> Any:
        _RULES[type_p, type_q] = f
        return f

    return decorate


def kl_divergence(p: Any, q: Any) -> Any:
    """The Kullback-Leibler divergence of p from q."""
    rules = [(a, b) for a, b in _RULES if isinstance(p, a) and isinstance(q, b)]
    if not rules:
        raise NotImplementedError(f"kl_divergence: there is no rule for {type(p).__name__} and {type(q).__name__}")
    best = min(rules, key=lambda pair: type(p).__mro__.index(pair[0]) + type(q).__mro__.index(pair[1]))
    return own(_RULES[best](p, q))


@register_kl(Normal, Normal)
def _normals(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    gap = (p.loc - q.loc) / q.scale
    return 0.5 * (ratio * ratio + gap * gap - 1) - dl.log(ratio)


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Any, q: Any) -> Any:
    first = p.probs * (F.softplus(-q.logits) - F.softplus(-p.logits))
    return first + (1 - p.probs) * (F.softplus(q.logits) - F.softplus(p.logits))


@register_kl(Categorical, Categorical)
def _categoricals(p: Any, q: Any) -> Any:
    return dl.sum(dl.where(p.probs == 0, 0.0, p.probs * (p.logits - q.logits)), axis=-1)


@register_kl(Uniform, Uniform)
def _uniforms(p: Any, q: Any) -> Any:
    inside = (q.low <= p.low) & (q.high >= p.high)
    return dl.where(inside, dl.log((q.high - q.low) / (p.high - p.low)), float("inf"))


@register_kl(Exponential, Exponential)
def _exponentials(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - 1 - dl.log(ratio)


@register_kl(MultivariateNormal, MultivariateNormal)
def _vectors(p: Any, q: Any) -> Any:
    n = p.event_shape[0]
    inner = dl.linalg.solve(q.scale_tril, p.scale_tril)
    gap = dl.linalg.solve(q.scale_tril, dl.expand_dims(q.loc - p.loc, axis=-1))[..., 0]
    size = dl.sum(inner * inner, axis=(-2, -1)) + dl.sum(gap * gap, axis=-1) - n
    return 0.5 * size + q._half_log_det() - p._half_log_det()


@register_kl(Independent, Independent)
def _independents(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: the two take another number of axes as one event")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))


@register_kl(Gamma, Gamma)
def _gammas(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + gammaln(b) - gammaln(a) + (a - b) * digamma(a) + (q.rate - p.rate) * a / p.rate


@register_kl(Dirichlet, Dirichlet)
def _shares(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    norms = gammaln(total) - gammaln(b.sum(-1)) + (gammaln(b) - gammaln(a)).sum(-1)
    return norms + ((a - b) * (digamma(a) - digamma(total).unsqueeze(-1))).sum(-1)


@register_kl(Beta, Beta)
def _betas(p: Any, q: Any) -> Any:
    return _shares(p._shares, q._shares)


@register_kl(Gumbel, Gumbel)
def _gumbels(p: Any, q: Any) -> Any:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return gap - ratio.log() + ratio * EULER + (gammaln(1 + ratio) - gap).exp() - (1 + EULER)


@register_kl(Laplace, Laplace)
def _laplaces(p: Any, q: Any) -> Any:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc).abs()
    return gap / q.scale - ratio.log() + ratio * (-gap / p.scale).exp() - 1


@register_kl(Poisson, Poisson)
def _poissons(p: Any, q: Any) -> Any:
    return p.rate * (p.rate / q.rate).log() - (p.rate - q.rate)


@register_kl(Geometric, Geometric)
def _geometrics(p: Any, q: Any) -> Any:
    entropy = F.binary_cross_entropy_with_logits(p.logits, p.probs, reduction="none") / p.probs
    return -entropy - dl.log1p(-q.probs) / p.probs - q.logits


@register_kl(Binomial, Binomial)
def _binomials(p: Any, q: Any) -> Any:
    n, m = (dl.asarray(d.total_count) for d in (p, q))
    if bool(dl.any(n < m)):
        raise NotImplementedError("kl_divergence: of two Binomials the second may not count further than the first")
    each = p.total_count * (p.probs * (p.logits - q.logits) + dl.log1p(-p.probs) - dl.log1p(-q.probs))
    return dl.where(n > m, float("inf"), each)


@register_kl(Pareto, Pareto)
def _paretos(p: Any, q: Any) -> Any:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return dl.where(p.scale < q.scale, float("inf"), found)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hots(p: Any, q: Any) -> Any:
    return _categoricals(p, q)


@register_kl(HalfNormal, HalfNormal)
def _halves(p: Any, q: Any) -> Any:
    return _normals(p.base_dist, q.base_dist)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _between(p: Any, q: Any) -> Any:
    first, second = (d._log_norm() + dl.log1p(-d.probs) for d in (p, q))
    return p.mean * (p.logits - q.logits) + first - second


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("kl_divergence: the two are transformed in different ways")
    found = kl_divergence(p.base_dist, q.base_dist)
    return rightmost(found, len(p.event_shape) - len(p.base_dist.event_shape))
