"""Clipping gradients before a step, so that one steep place does not throw the parameters far away."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..autograd.quiet import quiet, unquiet
from ..errors import ConfigError, DTypeError, GradientError


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
        if not arrays:
            return wrap(grad_norm(arrays))
        total = _norm(arrays, norm_type)
        if error_if_nonfinite and not float(total) < inf:
            raise GradientError(f"clip_grad_norm_: the norm of the gradients is {float(total)}")
        for together in _alike(arrays):
            xp = backend.space_of(together[0])
            # On the device: reading the norm would wait for it.
            factor = max_norm / (xp.to_device(total, backend.device_of(together[0])) + 1e-6)
            factor = xp.asarray(xp.where(factor > 1.0, xp.ones_like(factor), factor))  # a NaN goes on
            xp.scale(together, xp.astype(factor, _wide(xp, together[0])))
        return wrap(_rounded(total, arrays))
    finally:
        unquiet(token)


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Bring every entry of the gradients into [-clip_value, clip_value]; NaN stays."""
    if not clip_value >= 0:
        raise ConfigError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for a in _gradients(parameters):
        a[...] = backend.space_of(a).clip(a, -clip_value, clip_value)


def grad_norm(arrays: list[Any], norm_type: float = 2.0) -> Any:
    """The norm of several arrays taken as one vector, a 0-d array in at least float32.

    On the CPU it neither overflows nor underflows where the norm itself is a number of that dtype. On a GPU, which nobody
    waits for, the squares of a 2-norm do: float32 gradients of norm 1e19 and more give Inf there.
    """
    if not arrays:
        return backend.namespace_for().zeros((), dtype=backend.namespace_for().float32)
    return _rounded(_norm(arrays, norm_type), arrays)


def _rounded(norm: Any, arrays: list[Any]) -> Any:
    """A norm in float64 if that of an array is, else in float32."""
    xp = backend.space_of(arrays[0])
    return xp.astype(xp.asarray(norm), xp.float64 if any(a.dtype == xp.float64 for a in arrays) else xp.float32)


def _norm(arrays: list[Any], norm_type: float) -> Any:
    """The norm in float64, so that what is only a little too large for float32 still divides."""
    home = backend.device_of(arrays[0])
    parts = []
    for together in _alike(arrays):
        xp = backend.space_of(together[0])
        if norm_type == 2.0:
            squares = xp.sum_of_squares(together)
            if home != "cpu" or TINY < float(squares) < inf:
                parts.append(xp.sqrt(xp.astype(squares, xp.float64)))
                continue
        parts += [_scaled_norm(xp, a, norm_type) for a in together]
    xp = backend.space_of(arrays[0])
    norms = xp.stack([xp.astype(xp.to_device(xp.asarray(part), home), xp.float64) for part in parts])
    return norms[0] if len(parts) == 1 else _scaled_norm(xp, norms, norm_type)


TINY = 1e-30
"""A sum of squares below which some of them may have underflowed."""


def _scaled_norm(xp: Any, a: Any, norm_type: float) -> Any:
    """The norm of one array, by what is relative to its largest entry: no power of that overflows."""
    if 0 in a.shape:
        return xp.zeros((), dtype=xp.float64)
    size = xp.abs(xp.astype(a, _wide(xp, a), copy=False))
    top = xp.max(size)
    if norm_type == inf:
        return xp.astype(top, xp.float64)
    unit = xp.where((top == 0) | (top == inf), xp.ones_like(top), top)
    total = xp.astype(xp.sum((size / unit) ** norm_type), xp.float64)
    return xp.astype(unit, xp.float64) * total ** (1.0 / norm_type)


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
    if hasattr(given, "parameters") or isinstance(given, str) or not isinstance(given, Iterable):
        way = "; use .parameters()" if hasattr(given, "parameters") else ""
        raise DTypeError(f"clip: parameters must be tensors, got {type(given).__name__}{way}")
    grads = [p._grad for p in given if p._grad is not None]
    for g in grads:
        written(g)
    return [g._array for g in grads]
