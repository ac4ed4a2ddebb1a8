"""Weights computed from other parameters: weight and spectral normalisation. Names in state_dict are PyTorch's.

Module.__getattr__ computes such a weight each time it is asked for. Nothing is kept, so nothing can be out of date after
loading, a step, a move to another dtype, copying or pickling; and a weight read outside forward has its graph.
"""

from __future__ import annotations

from typing import Any

from ..autograd.base import no_grad
from ..autograd.checkpoint import recomputing
from ..errors import ConfigError, DTypeError
from ..ops.linalg import matmul, vector_norm
from ..ops.loss_metric import normalize
from ..ops.random import randn
from ..ops.reduce import sum
from ..ops.shape import permute_dims, reshape
from .container import ModuleDict
from .module import Module, Parameter


def _lengths(v: Any, dim: int | None) -> Any:
    """The norm of each slice of v along dim, or of all of v, in a shape that broadcasts."""
    axes = tuple(i for i in range(v.ndim) if i != (dim if dim is None else dim % v.ndim))
    return vector_norm(v, axis=axes, keepdims=True)


class _WeightNorm(Module):
    """original0: the lengths g. original1: the directions v. The weight is g v / |v|."""

    def __init__(self, weight: Any, dim: int | None) -> None:
        self.dim = dim
        self.original0 = Parameter(_lengths(weight.detach(), dim))
        self.original1 = Parameter(weight.detach() * 1.0)

    def advance(self) -> None:
        """Nothing changes from one forward to the next."""

    def forward(self) -> Any:
        return self.original1 * (self.original0 / _lengths(self.original1, self.dim))


class _Power(Module):
    """The largest singular value of a matrix by power iteration: vectors _u (rows) and _v (columns) that follow it."""

    _u: Any
    _v: Any

    def __init__(self, weight: Any, dim: int, iterations: int, eps: float) -> None:
        self.dim, self.iterations, self.eps = dim, iterations, eps
        m = self.matrix(weight)
        for name, size in (("_u", m.shape[0]), ("_v", m.shape[1])):
            start = randn(size, dtype=weight.dtype, device=weight.device)
            self.register_buffer(name, normalize(start, eps=eps))
        self.iterate(m, 15)

    def matrix(self, weight: Any) -> Any:
        """(rows, columns) with the axis dim as rows."""
        order = (self.dim, *(i for i in range(weight.ndim) if i != self.dim))
        return reshape(permute_dims(weight, order), (weight.shape[self.dim], -1))

    def iterate(self, m: Any, times: int) -> None:
        """Follow the largest singular value a little further."""
        with no_grad():
            for _ in range(times):
                self._u[...] = normalize(matmul(m, self._v), eps=self.eps)
                self._v[...] = normalize(matmul(m.T, self._u), eps=self.eps)

    def forward(self, weight: Any) -> Any:
        m = self.matrix(weight)
        u, v = self._u * 1.0, self._v * 1.0  # iterations to come must not change what this pullback needs
        return weight / sum(u * matmul(m, v))


class _SpectralNorm(Module):
    """original: the weight as trained. The child named 0 divides it by its largest singular value."""

    def __init__(self, weight: Any, dim: int, iterations: int, eps: float) -> None:
        self.original = Parameter(weight.detach() * 1.0)
        self.add_module("0", _Power(self.original.detach(), dim, iterations, eps))

    def forward(self) -> Any:
        return self.__dict__["0"](self.original)

    def advance(self) -> None:
        power: _Power = self.__dict__["0"]
        if power.training and not recomputing.get():
            power.iterate(power.matrix(self.original.detach()), power.iterations)


def _parametrize(module: Module, name: str, source: Module) -> Module:
    """Let module.<name> be what source computes at each access, so that it always belongs to the parameters as they are."""
    if "parametrizations" not in module.__dict__:
        module.parametrizations = ModuleDict()
        module.register_forward_pre_hook(_advance)
    delattr(module, name)
    module.__dict__["parametrizations"][name] = source
    return module


def _advance(module: Module, args: Any) -> None:
    """Before each forward: what a source follows step by step goes on."""
    for source in module.__dict__["parametrizations"].values():
        source.advance()


def _weight(layer: str, module: Module, name: str) -> Any:
    if not isinstance(module, Module):
        raise DTypeError(f"{layer}: expected a Module, got {type(module).__name__}")
    weight = module.__dict__.get(name)
    if not isinstance(weight, Parameter):
        raise ConfigError(f"{layer}: {type(module).__name__} has no parameter {name!r} of its own")
    return weight


def _axis(layer: str, dim: int, weight: Any) -> int:
    """The axis as a number from 0."""
    if not -weight.ndim <= dim < weight.ndim:
        raise ConfigError(f"{layer}: dim must name an axis of the weight {weight.shape}, got {dim}")
    return int(dim % weight.ndim)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train the length g and direction v of each slice of a weight: weight = g v / |v|. Changes and returns the module.

    dim: the axis whose slices have a length each, None: one length for all. The parameters become
    parametrizations.<name>.original0 (g) and original1 (v). Source: Salimans & Kingma 2016, arXiv:1602.07868.
    """
    weight = _weight("weight_norm", module, name)
    return _parametrize(module, name, _WeightNorm(weight, None if dim is None else _axis("weight_norm", dim, weight)))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int = 0
) -> Module:
    """Divide a weight by its largest singular value, followed by power iteration in training. Changes and returns the module.

    dim: the axis that makes the rows of the matrix; 1 for transposed convolutions. The parameter becomes
    parametrizations.<name>.original. Source: Miyato et al. 2018, arXiv:1802.05957.
    """
    if n_power_iterations < 1:
        raise ConfigError(f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}")
    weight = _weight("spectral_norm", module, name)
    return _parametrize(module, name, _SpectralNorm(weight, _axis("spectral_norm", dim, weight), n_power_iterations, eps))
