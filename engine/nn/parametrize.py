"""Weights computed from other parameters: weight and spectral normalization. Names in state_dict are PyTorch's.

Module.__getattr__ computes such a weight at each access. Nothing is cached, so a weight is never out of date after loading,
an optimizer step, a cast, a copy or unpickling, and a weight read outside forward has its graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..autograd.base import no_grad
from ..autograd.checkpoint import recomputing
from ..errors import ConfigError, DTypeError
from ..ops.distances import normalize
from ..ops.linalg import matmul
from ..ops.norms import vector_norm
from ..ops.random import randn
from ..ops.reduce import sum
from ..ops.shape import permute_dims, reshape
from .container import ModuleDict
from .module import Module, Parameter

if TYPE_CHECKING:
    from .._tensor import Tensor

M = TypeVar("M", bound=Module)


def _slice_norms(v: Tensor, dim: int | None) -> Tensor:
    """Compute the norm of each slice of v along dim, or of all of v, in a shape that broadcasts."""
    axes = tuple(i for i in range(v.ndim) if i != (dim if dim is None else dim % v.ndim))
    return vector_norm(v, axis=axes, keepdims=True)


class _Computed(Module):
    """Base of modules that compute a weight from their own parameters."""

    def advance(self) -> None:
        """Update internal state before a forward pass of the layer; by default there is none."""


class _WeightNorm(_Computed):
    """Compute g v / |v| from the lengths g, ``original0``, and the directions v, ``original1``."""

    def __init__(self, weight: Tensor, dim: int | None) -> None:
        self.dim = dim
        self.original0 = Parameter(_slice_norms(weight.detach(), dim))
        self.original1 = Parameter(weight.detach() * 1.0)

    def forward(self) -> Tensor:
        return self.original1 * (self.original0 / _slice_norms(self.original1, self.dim))

    def right_inverse(self, weight: Tensor) -> None:
        """Change lengths and directions so that they make a weight."""
        with no_grad():
            self.original0[...] = _slice_norms(weight.detach(), self.dim)
            self.original1[...] = weight.detach()


class _PowerIteration(Module):
    """Divide a weight by its largest singular value, estimated by power iteration with the singular vectors _u and _v."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, dim: int, iterations: int, eps: float) -> None:
        self.dim, self.iterations, self.eps = dim, iterations, eps
        m = self.matrix(weight)
        for name, size in (("_u", m.shape[0]), ("_v", m.shape[1])):
            start = randn(size, dtype=weight.dtype, device=weight.device)
            self.register_buffer(name, normalize(start, eps=eps))
        self.iterate(m, 15)

    def matrix(self, weight: Tensor) -> Tensor:
        """Reshape a weight to (rows, columns) with the axis dim as rows."""
        order = (self.dim, *(i for i in range(weight.ndim) if i != self.dim))
        return reshape(permute_dims(weight, order), (weight.shape[self.dim], -1))

    def iterate(self, m: Tensor, times: int) -> None:
        """Run some steps of power iteration on a matrix (rows, columns)."""
        with no_grad():
            for _ in range(times):
                self._u[...] = normalize(matmul(m, self._v), eps=self.eps)
                self._v[...] = normalize(matmul(m.T, self._u), eps=self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        m = self.matrix(weight)
        u, v = self._u * 1.0, self._v * 1.0  # copies, because later iterations change _u and _v before backward reads them
        return weight / sum(u * matmul(m, v))


class _SpectralNorm(_Computed):
    """Compute the weight from the trained one, ``original``; the child named 0 divides it by its largest singular value."""

    def __init__(self, weight: Tensor, dim: int, iterations: int, eps: float) -> None:
        self.original = Parameter(weight.detach() * 1.0)
        self.add_module("0", _PowerIteration(self.original.detach(), dim, iterations, eps))

    def forward(self) -> Tensor:
        weight: Tensor = self.__dict__["0"](self.original)
        return weight

    def right_inverse(self, weight: Tensor) -> None:
        """Make a weight the trained one; its largest singular value stays estimated as it was."""
        with no_grad():
            self.original[...] = weight.detach()

    def advance(self) -> None:
        """Run the iterations of one forward pass in training."""
        power: _PowerIteration = self.__dict__["0"]
        if power.training and not recomputing.get():
            power.iterate(power.matrix(self.original.detach()), power.iterations)


def _parametrize(module: M, name: str, computed: _Computed) -> M:
    """Replace the parameter module.<name> by what another module computes at each access."""
    if "parametrizations" not in module.__dict__:
        module.parametrizations = ModuleDict()
        module.register_forward_pre_hook(_advance)
    delattr(module, name)
    module.__dict__["parametrizations"][name] = computed
    return module


def _advance(module: Module, args: tuple[Any, ...]) -> None:
    """Advance the computed weights of a layer; a hook that runs before its forward pass."""
    for computed in module.__dict__["parametrizations"].values():
        computed.advance()


def _own_parameter(function: str, module: Module, name: str) -> Parameter:
    """Look up a parameter of a module itself, for a public function whose name errors give."""
    if not isinstance(module, Module):
        raise DTypeError(f"{function}: expected a Module, got {type(module).__name__}")
    weight = module.__dict__.get(name)
    if not isinstance(weight, Parameter):
        raise ConfigError(f"{function}: {type(module).__name__} has no parameter {name!r} of its own")
    return weight


def _axis(function: str, dim: int, weight: Parameter) -> int:
    """Return the axis as a number from 0."""
    if not -weight.ndim <= dim < weight.ndim:
        raise ConfigError(f"{function}: dim must name an axis of the weight {weight.shape}, got {dim}")
    return dim % weight.ndim


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the length g and the direction v of each slice of a weight: ``weight = g v / ||v||``.

    The module is changed in place. The parameter becomes ``parametrizations.<name>.original0`` (g) and ``original1`` (v),
    and the weight is computed from them at each access.

    Parameters
    ----------
    module : Module
        The layer.
    name : str
        The name of the weight.
    dim : int or None
        The axis whose slices have a length each; None for one length of the whole weight.

    Returns
    -------
    Module
        The layer.

    Raises
    ------
    ConfigError
        The module has no parameter of this name, or the weight has no such axis.

    References
    ----------
    Salimans and Kingma, "Weight normalization", 2016, arXiv:1602.07868.

    Examples
    --------
    >>> layer = dl.nn.weight_norm(dl.nn.Linear(3, 2))
    >>> {name: p.shape for name, p in layer.named_parameters() if name != "bias"}
    {'parametrizations.weight.original0': (2, 1), 'parametrizations.weight.original1': (2, 3)}
    >>> layer.weight.shape
    (2, 3)
    """
    weight = _own_parameter("weight_norm", module, name)
    return _parametrize(module, name, _WeightNorm(weight, None if dim is None else _axis("weight_norm", dim, weight)))


def spectral_norm(module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int = 0) -> M:
    """Divide a weight by its largest singular value.

    The singular value is estimated by power iteration, which goes on with each forward pass in training. The module is
    changed in place; the parameter becomes ``parametrizations.<name>.original``.

    Parameters
    ----------
    module : Module
        The layer.
    name : str
        The name of the weight.
    n_power_iterations : int
        The number of power iterations in each forward pass.
    eps : float
        The smallest length by which the singular vectors are divided.
    dim : int
        The axis that makes the rows of the matrix; 1 for transposed convolutions.

    Returns
    -------
    Module
        The layer.

    Raises
    ------
    ConfigError
        The module has no parameter of this name, the weight has no such axis, or ``n_power_iterations`` is below 1.

    References
    ----------
    Miyato, Kataoka, Koyama and Yoshida, 2018, arXiv:1802.05957.

    Examples
    --------
    >>> layer = dl.nn.spectral_norm(dl.nn.Linear(3, 1))
    >>> round(float(dl.linalg.vector_norm(layer.weight)), 3)  # the only singular value of one row is its length
    1.0
    """
    if n_power_iterations < 1:
        raise ConfigError(f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}")
    weight = _own_parameter("spectral_norm", module, name)
    return _parametrize(module, name, _SpectralNorm(weight, _axis("spectral_norm", dim, weight), n_power_iterations, eps))
