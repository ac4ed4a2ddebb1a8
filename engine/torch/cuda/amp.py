"""torch.cuda.amp: mixed precision under its old name."""

from __future__ import annotations

from typing import Any

from ..amp import GradScaler as GradScaler
from ..amp import autocast as _autocast


def autocast(enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> Any:
    """Mixed precision on the GPU; without one, nothing, as in PyTorch."""
    return _autocast("cuda", dtype=dtype, enabled=enabled)
