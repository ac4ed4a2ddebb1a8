"""Images made smaller without moire: each new pixel is a mean over all pixels that it covers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...names.core import own
from ...names.engine import dl


def _triangle(x: Any) -> Any:
    return np.clip(1 - np.abs(x), 0, None)


def _cubic(x: Any, a: float = -0.5) -> Any:
    """Keys' kernel."""
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


KERNELS: dict[str, Any] = {"bilinear": (_triangle, 1.0), "bicubic": (_cubic, 2.0)}
"""Kernels and how far they reach."""


def weights(before: int, after: int, mode: str) -> Any:
    """The shares (after, before) of old pixels in the new ones along an axis."""
    kernel, reach = KERNELS[mode]
    scale = before / after
    wide = max(scale, 1.0)
    middle = scale * (np.arange(after)[:, None] + 0.5)
    low = np.maximum((middle - reach * wide + 0.5).astype(np.int64), 0)
    high = np.minimum((middle + reach * wide + 0.5).astype(np.int64), before)
    at = np.arange(before)[None, :]
    found = np.where((at >= low) & (at < high), kernel((at - middle + 0.5) / wide), 0.0)
    return found / found.sum(axis=1, keepdims=True)


def resized(x: Any, size: Any, mode: str) -> Any:
    """Images (...,H,W) in another size."""
    rows, columns = (dl.asarray(weights(n, m, mode).astype(x.dtype), device=x.device)
                     for n, m in zip(x.shape[-2:], size, strict=True))  # fmt: skip
    return own(dl.matmul(dl.matmul(rows, x), columns.T))
