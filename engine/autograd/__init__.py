"""Automatic differentiation: recording ops, walking back, transforms. Knows no op."""

from __future__ import annotations

from .base import TensorBase, enable_grad, is_grad_enabled, no_grad
from .checkpoint import checkpoint
from .op import op
from .promotion import get_default_dtype, set_default_dtype
from .transforms import anomaly, backward, grad, gradients, hessian, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "TensorBase",
    "anomaly",
    "backward",
    "checkpoint",
    "enable_grad",
    "get_default_dtype",
    "grad",
    "gradients",
    "hessian",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "op",
    "set_default_dtype",
    "value_and_grad",
    "vjp",
]
