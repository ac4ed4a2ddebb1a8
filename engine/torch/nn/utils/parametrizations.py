"""torch.nn.utils.parametrizations: weights computed from other parameters."""

from __future__ import annotations

from typing import Any

from .... import nn
from ...names.core import refuse


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: Any = None) -> Any:
    """Divide a layer's weight by its largest singular value."""
    return nn.spectral_norm(module, name, n_power_iterations, eps)


def weight_norm(module: Any, name: str = "weight", dim: int = 0) -> Any:
    """Split a layer's weight into length and direction."""
    return nn.weight_norm(module, name, dim)


def orthogonal(module: Any, name: str = "weight", **_: Any) -> Any:
    """Not there."""
    raise refuse("nn.utils.parametrizations.orthogonal", "only weight_norm and spectral_norm are supported")
