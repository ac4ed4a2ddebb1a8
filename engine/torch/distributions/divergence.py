"""kl_divergence by pairs of distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...nn import functional as F
from ..names.core import own
from ..names.engine import dl
from .continuous import Exponential, MultivariateNormal, Normal, Uniform
from .discrete import Bernoulli, Categorical
from .shapes import Independent

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
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
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
