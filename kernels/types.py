"""Type names shared by the kernel sets."""

from __future__ import annotations

from typing import Any

Array = Any
"""An array of any library: numpy.ndarray, cupy.ndarray ..."""

Namespace = Any
"""An array API namespace together with the kernels of the set in force."""
