"""Normalisation group by group: subtract the mean, divide by the root of the mean square."""

from __future__ import annotations

from typing import Any

import numpy as np


def _standard(values: Any, eps: float) -> tuple[Any, Any, Any]:
    """Values minus their mean, times 1 / sqrt(variance + eps); the mean; and that factor."""
    wide = values.astype(np.float64)
    mean = np.sum(wide) / wide.size
    rstd = 1 / np.sqrt(np.sum((wide - mean) ** 2) / wide.size + eps)
    return (wide - mean) * rstd, mean, rstd


def _affine(y: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    """y weight + bias, both given this shape."""
    y = y if weight is None else y * weight.reshape(shape)
    return np.asarray(y if bias is None else y + bias.reshape(shape), dtype=np.float64)


def _channels(x: Any) -> tuple[int, ...]:
    return (-1, *[1] * (x.ndim - 2))


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each channel x[:, c] by its own statistics; also those."""
    y, mean, rstd = np.zeros(x.shape), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for c in range(x.shape[1]):
        y[:, c], mean[c], rstd[c] = _standard(x[:, c], eps)
    return _affine(y, weight, bias, _channels(x)), mean, rstd


def running_variance(old: Any, rstd: Any, part: float, eps: float, factor: float) -> Any:
    """The variance of the batch, never below 0, made unbiased, and mixed with the old one."""
    variance = np.reciprocal(np.square(rstd)) - eps
    return np.multiply(old, 1 - part) + np.where(variance < 0, 0.0, variance) * part * factor


def batch_norm_inference(x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each channel by given statistics."""
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        y[:, c] = (x[:, c] - mean[c]) / np.sqrt(variance[c] + eps)
    return _affine(y, weight, bias, _channels(x))


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each array over the last axes by its own statistics."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    y = np.zeros(x.shape)
    for i in np.ndindex(*x.shape[: x.ndim - len(shape)]):
        y[i] = _standard(x[i], eps)[0]
    return _affine(y, weight, bias, shape)


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each run of C / num_groups channels of each sample by its own statistics."""
    size = x.shape[1] // num_groups
    y = np.zeros(x.shape)
    for n in range(x.shape[0]):
        for c in range(0, x.shape[1], size):
            y[n, c : c + size] = _standard(x[n, c : c + size], eps)[0]
    return _affine(y, weight, bias, _channels(x))


def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each channel of each sample by its own statistics."""
    y = np.zeros(x.shape)
    for n in np.ndindex(*x.shape[:2]):
        y[n] = _standard(x[n], eps)[0]
    return _affine(y, weight, bias, _channels(x))


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Each array over the last axes divided by the root of its mean square + eps (None: the spacing of float64 at 1)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    eps = 2.0**-52 if eps is None else eps
    y = np.zeros(x.shape)
    for i in np.ndindex(*x.shape[: x.ndim - len(shape)]):
        wide = x[i].astype(np.float64)
        y[i] = wide / np.sqrt(np.sum(wide**2) / wide.size + eps)
    return _affine(y, weight, None, shape)


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """Each value by the energy of the channels from size // 2 below to (size - 1) // 2 above."""
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1].astype(np.float64)
        y[:, c] = x[:, c] / (k + alpha / size * np.sum(near**2, axis=1)) ** beta
    return y
