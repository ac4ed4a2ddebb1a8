"""torch.distributions.transforms: maps of random variables, with the logarithm of how they stretch."""

from __future__ import annotations

import math
from typing import Any

from ...nn import functional as F
from ..names.core import FUNCTIONS, is_tensor, own
from ..names.engine import dl
from . import constraints
from .maps import ComposeTransform as ComposeTransform
from .maps import IndependentTransform as IndependentTransform
from .maps import ReshapeTransform as ReshapeTransform
from .maps import Transform as Transform
from .shapes import rightmost


def _broadcasting(*names: str) -> Any:
    """Shapes that grow by those of settings."""

    def shape_of(self: Any, shape: Any) -> Any:
        return dl.broadcast_shapes(tuple(shape), *(tuple(getattr(getattr(self, n), "shape", ())) for n in names))

    return shape_of


class PowerTransform(Transform):
    """x ** exponent for x > 0."""

    domain = codomain = constraints.positive
    bijective = True
    forward_shape = inverse_shape = _broadcasting("exponent")

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent if is_tensor(exponent) else own(dl.asarray(exponent, dtype=dl.get_default_dtype()))
        self.sign = own(dl.sign(self.exponent))

    def _call(self, x: Any) -> Any:
        return x**self.exponent

    def _inverse(self, y: Any) -> Any:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """log |e y / x|."""
        return (self.exponent * y / x).abs().log()


class AffineTransform(Transform):
    """loc + scale x."""

    bijective = True
    forward_shape = inverse_shape = _broadcasting("loc", "scale")

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim
        if event_dim:
            self.domain = self.codomain = constraints.independent(constraints.real, event_dim)

    def _settings(self) -> list[Any]:
        return [self.loc, self.scale, self._event_dim]

    @property
    def sign(self) -> Any:
        """The sign of the scale."""
        return self.scale.sign() if is_tensor(self.scale) else (self.scale > 0) - (self.scale < 0)

    def _call(self, x: Any) -> Any:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Any:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """log |scale|."""
        size = self.scale.abs().log() if is_tensor(self.scale) else dl.full_like(x, math.log(abs(self.scale)))
        return rightmost(own(dl.broadcast_to(size, tuple(x.shape))), self._event_dim)


class SoftmaxTransform(Transform):
    """The softmax over the last axis, which no inverse takes back whole."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Any) -> Any:
        return dl.softmax(x, axis=-1)

    def _inverse(self, y: Any) -> Any:
        return y.log()


class StickBreakingTransform(Transform):
    """n numbers as n + 1 shares, each of what the ones before it left."""

    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    @staticmethod
    def _offset(n: int, like: Any) -> Any:
        return dl.log(dl.asarray([float(n - i) for i in range(n)], dtype=like.dtype, device=like.device))

    def _call(self, x: Any) -> Any:
        z = _inside(own(dl.sigmoid(x - self._offset(x.shape[-1], x))))
        left = (1 - z).cumprod(-1)
        one = own(dl.ones_like(z[..., :1]))
        return FUNCTIONS["cat"]([z, one], -1) * FUNCTIONS["cat"]([one, left], -1)

    def _inverse(self, y: Any) -> Any:
        shares = y[..., :-1]
        left = dl.clip(1 - shares.cumsum(-1), min=float(dl.finfo(y.dtype).smallest_normal))
        return shares.log() - dl.log(left) + self._offset(shares.shape[-1], y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """The sum over the shares."""
        x = x - self._offset(x.shape[-1], x)
        return own(dl.sum(F.logsigmoid(x) - x + y[..., :-1].log(), axis=-1))

    def forward_shape(self, shape: Any) -> Any:
        """One more."""
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Any) -> Any:
        """One less."""
        return (*shape[:-1], shape[-1] - 1)


class LowerCholeskyTransform(Transform):
    """A matrix as a lower triangle with a positive diagonal."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class CumulativeDistributionTransform(Transform):
    """The cumulative distribution function of a distribution."""

    bijective, codomain = True, constraints.unit_interval

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    def _call(self, x: Any) -> Any:
        return self.distribution.cdf(x)

    def _inverse(self, y: Any) -> Any:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """The logarithm of the density."""
        return self.distribution.log_prob(x)


def _inside(p: Any) -> Any:
    """Probabilities that are neither 0 nor 1."""
    info = dl.finfo(p.dtype)
    return own(dl.clip(p, min=float(info.smallest_normal), max=1 - float(info.eps)))


def _atanh(y: Any) -> Any:
    return 0.5 * (dl.log1p(y) - dl.log1p(-y))


def _from_unit(y: Any) -> Any:
    y = _inside(y)
    return dl.log(y) - dl.log1p(-y)


_SIMPLE: dict[str, tuple[Any, ...]] = {
    "ExpTransform": (constraints.positive, dl.exp, dl.log, lambda x, y: x),
    "SigmoidTransform": (constraints.unit_interval, lambda x: _inside(dl.sigmoid(x)), _from_unit,
                         lambda x, y: -F.softplus(-x) - F.softplus(x)),
    "TanhTransform": (constraints.interval(-1.0, 1.0), dl.tanh, _atanh,
                      lambda x, y: 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))),
    "SoftplusTransform": (constraints.positive, F.softplus, lambda y: dl.log(-dl.expm1(-y)) + y, lambda x, y: -F.softplus(-x)),
}  # fmt: skip
"""Maps of single numbers without settings: what they map to, the map, its inverse, and the logarithm of its slope."""


def _simple(name: str, codomain: Any, call: Any, inverse: Any, slope: Any) -> Any:
    return type(name, (Transform,), {
        "_call": lambda self, x: call(x), "_inverse": lambda self, y: inverse(y), "codomain": codomain, "bijective": True,
        "log_abs_det_jacobian": lambda self, x, y: own(slope(x, y)), "__doc__": f"{name}.", "__module__": __name__,
    })  # fmt: skip


ExpTransform, SigmoidTransform, TanhTransform, SoftplusTransform = (_simple(n, *parts) for n, parts in _SIMPLE.items())


class AbsTransform(Transform):
    """|x|."""

    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return x.abs()

    def _inverse(self, y: Any) -> Any:
        return y


identity_transform = ComposeTransform([])
