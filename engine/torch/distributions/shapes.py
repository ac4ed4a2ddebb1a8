"""The base of distributions: shapes of samples and of parameters, and the sum over events."""

from __future__ import annotations

import copy
from typing import Any

from ..names.core import is_tensor, own
from ..names.engine import dl
from ..names.places import Size


def parameters(*values: Any) -> list[Any]:
    """Parameters as tensors of one shape."""
    like = next((v for v in values if is_tensor(v)), None)
    dtype = like.dtype if like is not None and like.dtype.kind == "f" else dl.get_default_dtype()
    tensors = [v if is_tensor(v) else dl.full((), float(v), dtype=dtype) for v in values]
    if len(tensors) == 1:
        return [own(tensors[0])]
    return [own(t) for t in dl.broadcast_arrays(*tensors)]


def rightmost(value: Any, n: int) -> Any:
    """The sum over the last n axes."""
    return own(dl.sum(value, axis=tuple(range(-n, 0)))) if n else value


class Distribution:
    """A distribution with parameters of batch_shape and samples of batch_shape + event_shape."""

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict[str, Any] = {}
    support: Any = None
    _validate_args = True

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: Any = None) -> None:
        self.batch_shape, self.event_shape = Size(tuple(batch_shape)), Size(tuple(event_shape))
        if validate_args is not None:
            self._validate_args = validate_args
        for name, constraint in self.arg_constraints.items() if self._validate_args else ():
            value = getattr(self, name)
            if not bool(dl.all(constraint.check(value))):
                raise ValueError(
                    f"{type(self).__name__}: {name} of shape {tuple(value.shape)} must be within {constraint!r}, "
                    f"got\n{value}"
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Set whether parameters and values are checked."""
        Distribution._validate_args = value

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same for more batches."""
        batch, old = tuple(batch_shape), tuple(self.batch_shape)
        new = copy.copy(self)
        held: dict[str, Any] = vars(self)
        for name, value in held.items():
            if isinstance(value, Distribution) and tuple(value.batch_shape) == old:
                setattr(new, name, value.expand(batch))
            shape = tuple(getattr(value, "shape", ()))
            if is_tensor(value) and shape[: len(old)] == old and name != "temperature":
                setattr(new, name, own(dl.broadcast_to(value, (*batch, *shape[len(old) :]))))
        new.batch_shape = Size(batch)
        return new

    def _extended(self, sample_shape: Any) -> tuple[int, ...]:
        return (*tuple(sample_shape), *self.batch_shape, *self.event_shape)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._draw is not defined")

    def rsample(self, sample_shape: Any = ()) -> Any:
        """A sample that gradients flow through."""
        if not self.has_rsample:
            raise NotImplementedError(f"{type(self).__name__}.rsample: samples of this distribution have no gradient")
        return own(self._draw(self._extended(sample_shape)))

    def sample(self, sample_shape: Any = ()) -> Any:
        """A sample without gradient."""
        with dl.no_grad():
            return own(self._draw(self._extended(sample_shape)))

    def sample_n(self, n: int) -> Any:
        """n samples."""
        return self.sample((n,))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability."""
        value = value if is_tensor(value) else own(dl.asarray(value))
        if self.support is not None and self._validate_args and not bool(dl.all(self.support.check(value))):
            raise ValueError(
                f"{type(self).__name__}: values of shape {tuple(value.shape)} must be within the support "
                f"{self.support!r}, got\n{value}"
            )
        return own(self._log_prob(value))

    def _log_prob(self, value: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._log_prob is not defined")

    def entropy(self) -> Any:
        """The entropy."""
        return own(self._entropy())

    def _entropy(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: its entropy is not known")

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return own(dl.sqrt(self.variance))

    @property
    def variance(self) -> Any:
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__}.variance is not defined")

    def perplexity(self) -> Any:
        """The exponential of the entropy."""
        return own(dl.exp(self.entropy()))

    @property
    def mean(self) -> Any:
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__}: its mean is not known")

    @property
    def mode(self) -> Any:
        """The most probable value."""
        raise NotImplementedError(f"{type(self).__name__}: its mode is not known")

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        raise NotImplementedError(f"{type(self).__name__}.cdf is not defined")

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        raise NotImplementedError(f"{type(self).__name__}.icdf is not defined")

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values that there are."""
        raise NotImplementedError(f"{type(self).__name__}.enumerate_support is not defined")

    def __repr__(self) -> str:
        held = {k: self.__dict__[k] for k in self.arg_constraints if k in self.__dict__}
        parts = [f"{k}: {v if v.array.size == 1 else v.size()}" for k, v in held.items()]
        return f"{type(self).__name__}({', '.join(parts)})"


class Independent(Distribution):
    """Another distribution whose last batch axes are taken as one event."""

    def __init__(self, base_distribution: Any, reinterpreted_batch_ndims: int, validate_args: Any = None) -> None:
        n = reinterpreted_batch_ndims
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        cut = len(base_distribution.batch_shape) - n
        super().__init__(shape[:cut], shape[cut:])
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether samples have a gradient."""
        return self.base_dist.has_rsample  # type: ignore[no-any-return]

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.base_dist.mean

    @property
    def variance(self) -> Any:
        """The variance."""
        return self.base_dist.variance

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self.base_dist._draw(shape)

    def _summed(self, value: Any) -> Any:
        n = self.reinterpreted_batch_ndims
        return dl.sum(value, axis=tuple(range(-n, 0))) if n else value

    def _log_prob(self, value: Any) -> Any:
        return self._summed(self.base_dist.log_prob(value))

    def _entropy(self) -> Any:
        return self._summed(self.base_dist.entropy())
