"""weight_norm and spectral_norm of torch.nn.utils, whose weight is computed by a hook before each forward."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....nn.parametrize import _slice_norms
from ....ops.distances import normalize
from ...names.core import own
from ...names.engine import dl
from ..parameter import Parameter


class Recomputed:
    """A hook that sets an attribute of a module before each forward."""

    name = ""

    def compute(self, module: Any) -> Any:
        """The value."""
        raise NotImplementedError

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module))


def hooks_of(module: Any, kind: type, name: str) -> list[Any]:
    """The keys of the hooks of a kind that compute an attribute."""
    held = module.__dict__.get("_pre_hooks", {})
    return [key for key, hook in held.items() if isinstance(hook, kind) and (not name or hook.name == name)]  # type: ignore[attr-defined]


def unhook(module: Any, kind: type, name: str, what: str) -> Any:
    """Take a hook off and return it."""
    keys = hooks_of(module, kind, name)
    if not keys:
        raise ValueError(f"there is no {what} of {name!r} in {type(module).__name__}")
    return module.__dict__["_pre_hooks"].pop(keys[0])


def _put_back(module: Any, name: str, value: Any, others: tuple[str, ...]) -> Any:
    """A parameter in the place of what it was computed from."""
    value = Parameter(value.detach())
    for gone in (name, *(f"{name}_{end}" for end in others)):
        delattr(module, gone)
    setattr(module, name, value)
    return module


class WeightNorm(Recomputed):
    """The weight from its lengths, NAME_g, and directions, NAME_v."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Any) -> Any:
        """g v / |v|."""
        v = getattr(module, f"{self.name}_v")
        return own(v * (getattr(module, f"{self.name}_g") / _slice_norms(v, self.dim)))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Split a layer's weight into length, NAME_g, and direction, NAME_v."""
    if hooks_of(module, WeightNorm, name):
        raise RuntimeError(f"weight_norm: {name} has one already")
    dim = None if dim == -1 else dim
    weight, hook = getattr(module, name), WeightNorm(name, dim)
    delattr(module, name)
    length = _slice_norms(weight.detach(), dim)
    setattr(module, f"{name}_g", Parameter(dl.reshape(length, ()) if dim is None else length))
    setattr(module, f"{name}_v", Parameter(weight.detach()))
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """One weight again."""
    return _put_back(module, name, unhook(module, WeightNorm, name, "weight_norm").compute(module), ("g", "v"))


class SpectralNorm(Recomputed):
    """The weight NAME_orig by its largest singular value, with singular vectors NAME_u and NAME_v."""

    def __init__(self, name: str, iterations: int, eps: float, dim: int) -> None:
        self.name, self.iterations, self.eps, self.dim = name, iterations, eps, dim

    def matrix(self, weight: Any) -> Any:
        """The weight as rows of the axis dim."""
        return dl.reshape(dl.moveaxis(weight, self.dim, 0), (weight.shape[self.dim], -1))

    def compute(self, module: Any, going_on: bool | None = None) -> Any:
        """The weight; in training the power iteration goes on."""
        weight, u, v = (getattr(module, f"{self.name}_{end}") for end in ("orig", "u", "v"))
        m = self.matrix(weight)
        if module.training if going_on is None else going_on:
            with dl.no_grad():
                for _ in range(self.iterations):
                    v[...] = normalize(dl.matmul(m.T, u), eps=self.eps)
                    u[...] = normalize(dl.matmul(m, v), eps=self.eps)
        u, v = u * 1.0, v * 1.0  # the vectors of this pass, which later ones do not change
        return own(weight / dl.sum(u * dl.matmul(m, v)))


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Any:  # fmt: skip
    """Divide a layer's weight, NAME_orig, by its largest singular value."""
    if hooks_of(module, SpectralNorm, name):
        raise RuntimeError(f"spectral_norm: {name} has one already")
    if n_power_iterations <= 0:
        raise ValueError(f"spectral_norm: n_power_iterations: expected 1 or more, got {n_power_iterations}")
    if dim is None:
        dim = 1 if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) else 0
    weight, hook = getattr(module, name), SpectralNorm(name, n_power_iterations, eps, dim)
    m = hook.matrix(weight.detach())
    delattr(module, name)
    setattr(module, f"{name}_orig", weight)
    for end, n in zip("uv", m.shape, strict=True):
        start = dl.randn(n, dtype=weight.dtype, device=weight.device)
        module.register_buffer(f"{name}_{end}", own(normalize(start, eps=eps)))
    setattr(module, name, own(weight.detach()))
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """One weight again."""
    hook = unhook(module, SpectralNorm, name, "spectral_norm")
    with dl.no_grad():
        weight = hook.compute(module, going_on=False)
    return _put_back(module, name, weight, ("orig", "u", "v"))
