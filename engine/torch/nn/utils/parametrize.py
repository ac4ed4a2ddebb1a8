"""torch.nn.utils.parametrize: parametrizations of the user's own are not supported."""

from __future__ import annotations

from typing import Any

from ...names.core import refuse


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Not there."""
    why = "compute the weight in the module's forward, or use weight_norm and spectral_norm"
    raise refuse("nn.utils.parametrize.register_parametrization", why)


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a weight is computed by weight_norm or spectral_norm."""
    made = module.__dict__.get("parametrizations")
    return made is not None and (tensor_name is None or tensor_name in made.__dict__)
