"""The base of maps of random variables, and maps made of others."""

from __future__ import annotations

import math
from typing import Any

from ..names.core import is_tensor, own
from ..names.engine import dl
from ..names.places import Size
from . import constraints
from .shapes import rightmost


class Transform:
    """Base of maps: a subclass defines _call, _inverse and log_abs_det_jacobian, and the sets domain and codomain."""

    bijective = False
    domain: Any = constraints.real
    codomain: Any = constraints.real
    sign: Any = 1

    def __init__(self, cache_size: int = 0) -> None:
        self._cache_size = cache_size
        self._seen: Any = (None, None)

    def __call__(self, x: Any) -> Any:
        if self._remembers() and self._seen[0] is x:
            return self._seen[1]
        y = own(self._call(x))
        if self._remembers():
            self._seen = (x, y)
        return y

    def _remembers(self) -> bool:
        return bool(self.__dict__.get("_cache_size", 0))

    def _inv_call(self, y: Any) -> Any:
        if self._remembers() and self._seen[1] is y:
            return self._seen[0]
        x = own(self._inverse(y))
        if self._remembers():
            self._seen = (x, y)
        return x

    def _call(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._call is not defined")

    def _inverse(self, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._inverse is not defined")

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """The logarithm of the size of the derivative's determinant."""
        raise NotImplementedError(f"{type(self).__name__}.log_abs_det_jacobian is not defined")

    @property
    def event_dim(self) -> int:
        """How many axes belong to one event."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("event_dim: domain and codomain differ; ask one of them for its own")
        return int(self.domain.event_dim)

    @property
    def inv(self) -> Any:
        """The inverse map."""
        return _Inverse(self)

    def with_cache(self, cache_size: int = 1) -> Any:
        """The same map, which remembers its last values."""
        self._cache_size, self._seen = cache_size, (None, None)
        return self

    def forward_shape(self, shape: Any) -> Any:
        """The shape of what comes out."""
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of what goes in."""
        return shape

    def _settings(self) -> list[Any]:
        return [v for k, v in vars(self).items() if not k.startswith("_")]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return False
        pairs = list(zip(self._settings(), other._settings(), strict=True))
        return all(bool(dl.all(own(dl.asarray(a == b)))) if is_tensor(a) or is_tensor(b) else a == b for a, b in pairs)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    """A map the other way round."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform
        self.domain, self.codomain = transform.codomain, transform.domain
        self.bijective, self.sign = transform.bijective, transform.sign

    @property
    def inv(self) -> Any:
        """The map itself."""
        return self.transform

    def _call(self, x: Any) -> Any:
        return self.transform._inv_call(x)

    def _inverse(self, y: Any) -> Any:
        return self.transform(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """The map's own, less than 0 where that is more."""
        return -self.transform.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        """The shape of what comes out."""
        return self.transform.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of what goes in."""
        return self.transform.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self.transform!r})"


class ComposeTransform(Transform):
    """Maps one after another."""

    def __init__(self, parts: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [p.with_cache(cache_size) for p in parts] if cache_size else list(parts)

    @property
    def domain(self) -> Any:
        """The set of the first map, with as many axes as one event of all needs."""
        if not self.parts:
            return constraints.real
        n = self.parts[-1].codomain.event_dim
        for p in reversed(self.parts):
            n = max(n + p.domain.event_dim - p.codomain.event_dim, p.domain.event_dim)
        first = self.parts[0].domain
        return constraints.independent(first, n - first.event_dim) if n > first.event_dim else first

    @property
    def codomain(self) -> Any:
        """The set of the last map, with as many axes as one event of all needs."""
        if not self.parts:
            return constraints.real
        n = self.parts[0].domain.event_dim
        for p in self.parts:
            n = max(n + p.codomain.event_dim - p.domain.event_dim, p.codomain.event_dim)
        last = self.parts[-1].codomain
        return constraints.independent(last, n - last.event_dim) if n > last.event_dim else last

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all maps are."""
        return all(p.bijective for p in self.parts)

    @property
    def sign(self) -> Any:
        """Whether the map rises or falls."""
        return math.prod(p.sign for p in self.parts)

    @property
    def inv(self) -> Any:
        """The inverse maps, the last first."""
        return ComposeTransform([p.inv for p in reversed(self.parts)])

    def __call__(self, x: Any) -> Any:
        for p in self.parts:
            x = p(x)
        return x

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """The sum over the maps."""
        total, n = own(dl.zeros_like(x)) if not self.parts else 0.0, self.domain.event_dim
        for i, p in enumerate(self.parts):
            z = y if i == len(self.parts) - 1 else p(x)
            total = total + rightmost(p.log_abs_det_jacobian(x, z), n - p.domain.event_dim)
            n += p.codomain.event_dim - p.domain.event_dim
            x = z
        return total

    def forward_shape(self, shape: Any) -> Any:
        """The shape of what comes out."""
        for p in self.parts:
            shape = p.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of what goes in."""
        for p in reversed(self.parts):
            shape = p.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


class IndependentTransform(Transform):
    """A map whose last axes belong to one event."""

    def __init__(self, base_transform: Any, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        n = reinterpreted_batch_ndims
        self.base_transform, self.reinterpreted_batch_ndims = base_transform, n
        self._sets = [constraints.independent(c, n) for c in (base_transform.domain, base_transform.codomain)]
        self.domain, self.codomain = self._sets
        self.bijective, self.sign = base_transform.bijective, base_transform.sign

    def _call(self, x: Any) -> Any:
        return self.base_transform(x)

    def _inverse(self, y: Any) -> Any:
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """The sum over the axes."""
        return rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)


class ReshapeTransform(Transform):
    """Another shape of events."""

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(tuple(in_shape)), Size(tuple(out_shape))
        if math.prod(in_shape) != math.prod(out_shape):
            raise ValueError("ReshapeTransform: both shapes must have as many elements")
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Any) -> Any:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Any) -> Any:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """0."""
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        """The shape of what comes out."""
        return (*shape[: len(shape) - len(self.in_shape)], *self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of what goes in."""
        return (*shape[: len(shape) - len(self.out_shape)], *self.in_shape)
