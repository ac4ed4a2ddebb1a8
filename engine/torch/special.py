"""torch.special: functions of mathematics. SciPy computes those that dlengine has no op for; their derivatives stand here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from .names.core import FUNCTIONS, METHODS, define, is_tensor, kind_of, lifted
from .names.core import assigning as _assigning
from .names.engine import dl


def _library(x: Any) -> Any:
    """SciPy's special functions for an array of this kind."""
    if isinstance(x, np.ndarray | np.generic):
        import scipy.special

        return scipy.special
    from cupyx.scipy import special

    return special


def _function(name: str, slope: Any, *, scipy_name: str = "") -> Any:
    """An op of one tensor that SciPy computes; slope: its derivative, from (xp, x, y) with the functions made here."""
    asked = scipy_name or name

    def text(xp: Any, x: Any, /) -> Any:
        y = op(x) if isinstance(x, TensorBase) else xp.asarray(getattr(_library(x), asked)(x), dtype=x.dtype)
        return y, (lambda gy: gy * slope(xp, x, y)) if slope is not None else None

    op = dl.op(name=f"_special_{name}", needs=None, promotes="float")(text)

    def apply(x: Any) -> Any:
        """The op of a tensor, or the value for an array."""
        return op(x) if isinstance(x, TensorBase) else getattr(_library(x), asked)(x).astype(x.dtype)

    return apply


_TWO_PI = 2 / math.sqrt(math.pi)
_polygammas: dict[int, Any] = {}
_i0: Any
gammaln: Any
_igamma: Any
_igammac: Any


def polygamma_of(n: int) -> Any:
    """The n-th derivative of digamma."""
    if n not in _polygammas:

        def text(xp: Any, x: Any, /) -> Any:
            y = op(x) if isinstance(x, TensorBase) else xp.asarray(
                _library(x).digamma(x) if n == 0 else _library(x).polygamma(n, x), dtype=x.dtype)  # fmt: skip
            return y, lambda gy: gy * polygamma_of(n + 1)(x)

        op = dl.op(name=f"_special_polygamma_{n}", needs=None, promotes="float")(text)
        _polygammas[n] = lambda x: op(x) if isinstance(x, TensorBase) else text(_Arrays, x)[0]
    return _polygammas[n]


class _Arrays:
    """What a text needs of a namespace where it is read with bare arrays inside a derivative."""

    @staticmethod
    def asarray(a: Any, dtype: Any = None) -> Any:
        return a.astype(dtype)


_lgamma = _function("gammaln", lambda xp, x, y: polygamma_of(0)(x))
_erfinv = _function("erfinv", lambda xp, x, y: xp.exp(y * y) / _TWO_PI)
_i1e = _function("i1e", lambda xp, x, y: _slope_i1e(xp, x, y))
_i0e = _function("i0e", lambda xp, x, y: _i1e(x) - xp.sign(x) * y)
_i1 = _function("i1", lambda xp, x, y: xp.where(x == 0, 0.5, _i0(x) - y / xp.where(x == 0, 1.0, x)))
_i0 = _function("i0", lambda xp, x, y: _i1(x))
_erfcx = _function("erfcx", lambda xp, x, y: 2 * x * y - _TWO_PI)
_ndtri = _function("ndtri", lambda xp, x, y: math.sqrt(2 * math.pi) * xp.exp(y * y / 2))
_log_ndtr = _function("log_ndtr", lambda xp, x, y: xp.exp(-x * x / 2 - y) / math.sqrt(2 * math.pi))


def _slope_i1e(xp: Any, x: Any, y: Any) -> Any:
    zero = x == 0
    safe = xp.where(zero, 1.0, x)
    return xp.where(zero, 0.5, _i0e(x) - y * (xp.sign(x) + 1 / safe))


def _wide(x: Any) -> Any:
    return x if kind_of(x.dtype) >= 2 else dl.astype(x, dl.get_default_dtype())


def _entry(name: str, f: Any, *, roots: tuple[str, ...] = (), special: str | None = None) -> None:
    call = define(*roots)(lambda input: f(_wide(input))) if roots else lifted(lambda input: f(_wide(input)))
    globals()[special or name] = call
    for root in roots:
        METHODS[root + "_"] = _assigning(METHODS[root], root + "_")


_entry("gammaln", _lgamma, roots=("lgamma",))
_entry("digamma", lambda x: polygamma_of(0)(x), roots=("digamma",))
_entry("erfinv", _erfinv, roots=("erfinv",))
_entry("i0", _i0, roots=("i0",))
_entry("i1", _i1)
_entry("i0e", _i0e)
_entry("i1e", _i1e)
_entry("erfcx", _erfcx)
_entry("ndtri", _ndtri)
_entry("log_ndtr", _log_ndtr)
_entry("ndtr", lambda x: 0.5 * dl.erfc(-x / math.sqrt(2.0)))
psi = globals()["digamma"]


def _sinc(x: Any) -> Any:
    at = x * math.pi
    zero = at == 0
    safe = dl.where(zero, 1.0, at)
    return dl.where(zero, 1 - at * at / 6, dl.sin(safe) / safe)


_entry("sinc", _sinc, roots=("sinc",))
_entry(
    "entr",
    lambda x: dl.where(x > 0, -x * dl.log(dl.where(x > 0, x, 1.0)), dl.where(x == 0, 0.0, dl.where(dl.isnan(x), x, -math.inf))),
)


def _logit(input: Any, eps: Any = None) -> Any:
    x = _wide(input)
    x = x if eps is None else dl.clip(x, min=eps, max=1 - eps)
    return dl.log(x / (1 - x))


logit = define("logit")(_logit)


def _polygamma(n: int, input: Any) -> Any:
    return polygamma_of(int(n))(_wide(input))


polygamma = define("polygamma", method=False)(_polygamma)
METHODS["polygamma"] = lambda self, n: polygamma(n, self)


def _mvlgamma(input: Any, p: int) -> Any:
    x = _wide(input)
    return sum((_lgamma(x - j / 2) for j in range(p)), start=p * (p - 1) / 4 * math.log(math.pi))


multigammaln = define("mvlgamma")(_mvlgamma)
METHODS["mvlgamma_"] = _assigning(METHODS["mvlgamma"], "mvlgamma_")
expit, exp2, expm1, log1p = (FUNCTIONS[n] for n in ("sigmoid", "exp2", "expm1", "log1p"))
erf, erfc, logsumexp, xlogy, round = (FUNCTIONS[n] for n in ("erf", "erfc", "logsumexp", "xlogy", "round"))
METHODS["logit_"] = _assigning(METHODS["logit"], "logit_")


@lifted
def softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The softmax along an axis."""
    return FUNCTIONS["softmax"](input, dim, dtype=dtype)


@lifted
def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The logarithm of the softmax along an axis."""
    return FUNCTIONS["log_softmax"](input, dim, dtype=dtype)


@lifted
def xlog1py(input: Any, other: Any) -> Any:
    """input * log1p(other), 0 where input is 0."""
    a, b = (v if is_tensor(v) else dl.asarray(float(v)) for v in (input, other))
    zero = a == 0
    found = _wide(a) * dl.log1p(dl.where(zero, 0.0, _wide(b)))
    return dl.where(dl.isnan(_wide(b)), math.nan, found)


# ---------------------------------------------------------------------- values without gradients, and incomplete gammas
def _valued(name: str, scipy_name: str) -> Any:
    def call(*args: Any) -> Any:
        tensors = [a for a in args if is_tensor(a)]
        if any(t.requires_grad for t in tensors) and dl.is_grad_enabled():
            raise NotImplementedError(
                f"torch.special.{name}: it has no gradient, in PyTorch either; call it under torch.no_grad()"
            )
        dtype = np.result_type(*(_wide(t).dtype for t in tensors))
        import scipy.special

        values = [a.numpy_copy().astype(dtype) if is_tensor(a) else a for a in args]
        found = getattr(scipy.special, scipy_name)(*values)
        found = found[0] if isinstance(found, tuple) else found
        return dl.asarray(np.asarray(found).astype(dtype), device=tensors[0].device)

    call.__name__ = name
    return lifted(lambda *args: call(*args))


for _name, _scipy in {
    "airy_ai": "airy", "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "modified_bessel_i0": "i0",
    "modified_bessel_i1": "i1", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1", "scaled_modified_bessel_k0": "k0e",
    "scaled_modified_bessel_k1": "k1e",
}.items():  # fmt: skip
    globals()[_name] = _valued(_name, _scipy)
zeta = _valued("zeta", "zeta")


@lifted
def spherical_bessel_j0(input: Any) -> Any:
    """sin(x) / x."""
    return _sinc(_wide(input) / math.pi).detach()


def _polynomial(name: str, first: Any, step: Any, shift: bool = False) -> Any:
    """A family of polynomials by its recurrence, without gradients."""

    def one(x: Any, n: Any) -> Any:
        x = np.asarray(x, dtype=np.result_type(np.asarray(x).dtype, np.float32))
        x = 2 * x - 1 if shift else x
        n = np.trunc(np.asarray(n)).astype(np.int64)
        x, n = np.broadcast_arrays(x, n)
        low, high = np.ones_like(x), first(x)
        found = np.where(n < 0, 0.0, low)
        for k in range(1, int(n.max(initial=0)) + 1):
            found = np.where(n == k, high, found)
            low, high = high, step(x, k, high, low)
        return found

    def call(input: Any, n: Any) -> Any:
        like = input if is_tensor(input) else n
        values = [v.numpy_copy() if is_tensor(v) else v for v in (input, n)]
        dtype = np.result_type(*(_wide(v).dtype for v in (input, n) if is_tensor(v)))
        return dl.asarray(one(*values).astype(dtype), device=like.device)

    call.__name__ = name
    return lifted(call)


_twice = {"t": lambda x: x, "u": lambda x: 2 * x, "v": lambda x: 2 * x - 1, "w": lambda x: 2 * x + 1}
for _kind, _first in _twice.items():
    _step = lambda x, k, high, low: 2 * x * high - low  # noqa: E731
    globals()[f"chebyshev_polynomial_{_kind}"] = _polynomial(f"chebyshev_polynomial_{_kind}", _first, _step)
    globals()[f"shifted_chebyshev_polynomial_{_kind}"] = _polynomial(f"shifted_chebyshev_polynomial_{_kind}", _first, _step, True)
hermite_polynomial_h = _polynomial("hermite_polynomial_h", lambda x: 2 * x, lambda x, k, high, low: 2 * x * high - 2 * k * low)
hermite_polynomial_he = _polynomial("hermite_polynomial_he", lambda x: x, lambda x, k, high, low: x * high - k * low)
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", lambda x: 1 - x,
                                    lambda x, k, high, low: ((2 * k + 1 - x) * high - k * low) / (k + 1))  # fmt: skip
legendre_polynomial_p = _polynomial("legendre_polynomial_p", lambda x: x,
                                    lambda x, k, high, low: ((2 * k + 1) * x * high - k * low) / (k + 1))  # fmt: skip


def _incomplete(name: str, sign: float) -> Any:
    """The regularised incomplete gamma functions, which have a gradient for x alone, as in PyTorch."""

    def text(xp: Any, a: Any, x: Any, /) -> Any:
        kind: Any = TensorBase
        inside = isinstance(a, kind) or isinstance(x, kind)
        y = op(a, x) if inside else xp.asarray(getattr(_library(x), name)(a, x), dtype=x.dtype)
        return y, (None, lambda gy: gy * sign * xp.exp((a - 1) * xp.log(x) - x - _lgamma(a)))

    op = dl.op(name=f"_special_{name}", needs=None, promotes="float")(text)
    return op


igamma = gammainc = define("igamma", "gammainc_")(lambda input, other: _igamma(input, other))
igammac = gammaincc = define("igammac", "gammaincc_")(lambda input, other: _igammac(input, other))
_igamma, _igammac = _incomplete("gammainc", 1.0), _incomplete("gammaincc", -1.0)
for _wrong in ("gammainc_", "gammaincc_"):
    FUNCTIONS.pop(_wrong), METHODS.pop(_wrong)
