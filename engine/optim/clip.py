"""Clipping gradients before a step, so that one steep place does not throw the parameters far away."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..autograd.quiet import quiet, unquiet
from ..errors import ConfigError, GradientError


def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Any:
    """Scale all gradients by one factor so that together their norm is at most max_norm; returns the norm before, a tensor.

    The factor is min(1, max_norm / (norm + 1e-6)). norm_type: 2, 1, any p > 0, or inf (the largest entry).
    Raises GradientError for a norm that is not finite, if error_if_nonfinite. Source: Pascanu et al. 2013, arXiv:1211.5063.
    """
    if not max_norm >= 0 or not norm_type > 0:
        raise ConfigError(f"clip_grad_norm_: max_norm >= 0 and norm_type > 0, got {max_norm} and {norm_type}")
    arrays = _gradients(parameters)
    token = quiet()
    try:
        total = grad_norm(arrays, norm_type)
        if error_if_nonfinite and not float(total) < inf:
            raise GradientError(f"clip_grad_norm_: the norm of the gradients is {float(total)}")
        for together in _alike(arrays):
            xp = backend.space_of(together[0])
            # On the device: reading the norm would wait for it.
            factor = max_norm / (xp.to_device(total, backend.device_of(together[0])) + 1e-6)
            factor = xp.asarray(xp.where(factor > 1.0, xp.ones_like(factor), factor))  # a NaN goes on
            xp.scale(together, xp.astype(factor, _wide(xp, together[0])))
    finally:
        unquiet(token)
    return wrap(total)


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Bring every entry of the gradients into [-clip_value, clip_value]; NaN stays."""
    if not clip_value >= 0:
        raise ConfigError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for a in _gradients(parameters):
        a[...] = backend.space_of(a).clip(a, -clip_value, clip_value)


def grad_norm(arrays: list[Any], norm_type: float = 2.0) -> Any:
    """The norm of several arrays taken as one vector, a 0-d array in at least float32."""
    if not arrays:
        return backend.namespace_for().zeros((), dtype=backend.namespace_for().float32)
    parts = []
    for together in _alike(arrays):
        xp = backend.space_of(together[0])
        if norm_type == 2.0:
            parts.append(xp.sum_of_squares(together))
            continue
        for a in together:
            a = xp.abs(xp.astype(a, _wide(xp, a), copy=False))
            if norm_type == inf:
                parts.append(xp.max(a) if 0 not in a.shape else xp.sum(a))
            else:
                parts.append(xp.sum(a**norm_type))
    xp = backend.space_of(arrays[0])
    wide = xp.float64 if any(part.dtype == xp.float64 for part in parts) else xp.float32
    home = backend.device_of(arrays[0])
    sums = xp.stack([xp.astype(xp.to_device(xp.asarray(part), home), wide) for part in parts])
    return xp.max(sums) if norm_type == inf else xp.asarray(xp.sum(sums) ** (1.0 / norm_type))


def _alike(arrays: list[Any]) -> list[list[Any]]:
    """The arrays, those of one dtype and device together."""
    groups: dict[Any, list[Any]] = {}
    for a in arrays:
        groups.setdefault((type(a), a.dtype, backend.device_of(a)), []).append(a)
    return list(groups.values())


def _wide(xp: Any, a: Any) -> Any:
    """The dtype in which an array's elements are summed."""
    return xp.float64 if a.dtype == xp.float64 else xp.float32


def _gradients(parameters: Any) -> list[Any]:
    """The gradients, as arrays that will be written: a recorded one may be part of a graph, which must know."""
    given: Iterable[Any] = [parameters] if isinstance(parameters, TensorBase) else parameters
    grads = [p._grad for p in given if p._grad is not None]
    for g in grads:
        written(g)
    return [g._array for g in grads]
