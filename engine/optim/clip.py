"""Clipping gradients before a step, against exploding gradients."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Any

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..errors import ConfigError, DTypeError, GradientError

if TYPE_CHECKING:
    from .._tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """Scale all gradients in place by one factor, so that their common norm is at most ``max_norm``.

    The factor is ``min(1, max_norm / (norm + 1e-6))``, where ``norm`` is that of all gradients taken as one vector.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        The parameters; those without a gradient are skipped.
    max_norm : float
        The largest norm.
    norm_type : float
        The ``p`` of the p-norm, above 0; infinity is the largest absolute entry.
    error_if_nonfinite : bool
        Raise an error for a norm that is NaN or infinite.
    foreach : bool or None
        PyTorch's choice of an implementation, without effect.

    Returns
    -------
    Tensor
        The norm before the scaling, a 0-d tensor in float32, or float64 if a gradient is.

    Raises
    ------
    GradientError
        For a norm that is not finite, with ``error_if_nonfinite``.

    References
    ----------
    Pascanu et al., 2013, arXiv:1211.5063.

    Examples
    --------
    >>> w = dl.asarray([3.0, -4.0]).requires_grad_()
    >>> dl.sum(w * w / 2).backward()
    >>> dl.optim.clip_grad_norm_([w], max_norm=1.0).item()
    5.0
    >>> [round(v, 2) for v in w.grad.tolist()]
    [0.6, -0.8]
    """
    if not max_norm >= 0 or not norm_type > 0:
        raise ConfigError(f"clip_grad_norm_: max_norm >= 0 and norm_type > 0, got {max_norm} and {norm_type}")
    arrays = _gradients(parameters)
    token = ignore_fp_errors()
    try:
        if not arrays:
            return _tensor(grad_norm(arrays))
        groups = _by_dtype(arrays)
        if norm_type == 2.0 and not error_if_nonfinite and len(groups) == 1:
            xp = backend.space_of(arrays[0])
            kernels = xp.kernels if isinstance(xp, backend.Namespace) and backend.device_of(arrays[0]) != "cpu" else None
            if kernels is not None and kernels.has("clip_by_norm", str(arrays[0].dtype)):
                return _tensor(xp.clip_by_norm(arrays, float(max_norm)))
        total = _norm(groups, norm_type)
        if error_if_nonfinite and not float(total) < inf:
            raise GradientError(f"clip_grad_norm_: the norm of the gradients is {float(total)}")
        for together in groups:
            xp = backend.space_of(together[0])
            # Computed on the device: reading the norm on the host would wait for the GPU.
            factor = max_norm / (xp.to_device(total, backend.device_of(together[0])) + 1e-6)
            factor = xp.asarray(xp.where(factor > 1.0, xp.ones_like(factor), factor))  # NaN stays NaN
            xp.scale(together, xp.astype(factor, _wide(xp, together[0])))
        return _tensor(_rounded(total, arrays))
    finally:
        restore_fp_errors(token)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clip every entry of the gradients to ``[-clip_value, clip_value]`` in place; NaN stays.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        The parameters; those without a gradient are skipped.
    clip_value : float
        The largest absolute value, not negative.
    foreach : bool or None
        PyTorch's choice of an implementation, without effect.

    Examples
    --------
    >>> w = dl.asarray([3.0, -0.5]).requires_grad_()
    >>> dl.sum(w * w).backward()
    >>> dl.optim.clip_grad_value_([w], 2.0)
    >>> w.grad.tolist()
    [2.0, -1.0]
    """
    if not clip_value >= 0:
        raise ConfigError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for a in _gradients(parameters):
        a[...] = backend.space_of(a).clip(a, -clip_value, clip_value)


def scale_all(arrays: list[Any], factor: float) -> None:
    """Multiply arrays by a number in place, those of one dtype and device together."""
    for together in _by_dtype(arrays):
        xp = backend.space_of(together[0])
        by = xp.asarray(factor, dtype=_wide(xp, together[0]))
        xp.scale(together, xp.to_device(by, backend.device_of(together[0])))


def grad_norm(arrays: list[Any], norm_type: float = 2.0) -> Any:
    """The norm of several arrays taken as one vector, a 0-d array in at least float32.

    On the CPU nothing overflows or underflows if the norm itself is a number of that dtype. On a GPU the squares of a 2-norm
    may overflow, since a check would have to wait for the GPU: float32 gradients of norm 1e19 and more give Inf there.
    """
    if not arrays:
        return backend.namespace_for().zeros((), dtype=backend.namespace_for().float32)
    return _rounded(_norm(_by_dtype(arrays), norm_type), arrays)


def _rounded(norm: Any, arrays: list[Any]) -> Any:
    """A norm as float64 if an array has that dtype, else as float32."""
    xp = backend.space_of(arrays[0])
    return xp.astype(xp.asarray(norm), xp.float64 if any(a.dtype == xp.float64 for a in arrays) else xp.float32)


def _norm(groups: list[list[Any]], norm_type: float) -> Any:
    """The norm in float64, so that a norm slightly too large for float32 can still be divided by. groups: see _by_dtype."""
    first = groups[0][0]
    home = backend.device_of(first)
    parts = []
    for together in groups:
        xp = backend.space_of(together[0])
        if norm_type == 2.0:
            squares = xp.sum_of_squares(together)
            if home != "cpu" or bool((squares > TINY) & (squares < inf)):
                parts.append(xp.sqrt(xp.astype(squares, xp.float64)))
                continue
        parts += [_scaled_norm(xp, a, norm_type) for a in together]
    xp = backend.space_of(first)
    norms = xp.stack([xp.astype(xp.to_device(xp.asarray(part), home), xp.float64) for part in parts])
    return norms[0] if len(parts) == 1 else _scaled_norm(xp, norms, norm_type)


TINY = 1e-30
"""Below this sum of squares some of the squares may have underflowed."""


def _scaled_norm(xp: Any, a: Any, norm_type: float) -> Any:
    """The norm of one array, computed from its entries divided by the largest, so that no power overflows."""
    if 0 in a.shape:
        return xp.zeros((), dtype=xp.float64)
    size = xp.abs(xp.astype(a, _wide(xp, a), copy=False))
    top = xp.max(size)
    if norm_type == inf:
        return xp.astype(top, xp.float64)
    unit = xp.where((top == 0) | (top == inf), xp.ones_like(top), top)
    total = xp.astype(xp.sum((size / unit) ** norm_type), xp.float64)
    return xp.astype(unit, xp.float64) * total ** (1.0 / norm_type)


def _by_dtype(arrays: list[Any]) -> list[list[Any]]:
    """The arrays in groups of one dtype and device."""
    groups: dict[Any, list[Any]] = {}
    host = backend.NUMPY.array_type()
    for a in arrays:
        key = a.dtype if type(a) is host else (type(a), a.dtype, backend.device_of(a))
        groups.setdefault(key, []).append(a)
    return list(groups.values())


def _wide(xp: Any, a: Any) -> Any:
    """The dtype in which an array's elements are summed."""
    return xp.float64 if a.dtype == xp.float64 else xp.float32


def _tensor(array: Any) -> Tensor:
    tensor: Tensor = wrap(array)
    return tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    """The arrays of the gradients, marked as written to, since a recorded gradient may be part of a graph."""
    given: Any = [parameters] if isinstance(parameters, TensorBase) else parameters
    if hasattr(given, "parameters") or isinstance(given, str) or not isinstance(given, Iterable):
        way = "; use .parameters()" if hasattr(given, "parameters") else ""
        raise DTypeError(f"clip: parameters must be tensors, got {type(given).__name__}{way}")
    grads = [p.grad for p in given if p.grad is not None]
    for g in grads:
        written(g)
    return [g.array for g in grads]
