"""Automatic differentiation: recording ops, walking back, transforms. Knows no op."""

from __future__ import annotations

from .base import enable_grad, is_grad_enabled, no_grad
from .checkpoint import checkpoint
from .derivatives import backward, gradients
from .op import op
from .transforms import anomaly, grad, hessian, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "anomaly",
    "backward",
    "checkpoint",
    "enable_grad",
    "grad",
    "gradients",
    "hessian",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "op",
    "value_and_grad",
    "vjp",
]
