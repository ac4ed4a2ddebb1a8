"""The default dtype, which everything above the array libraries shares."""

from __future__ import annotations

from typing import Any

import numpy as np

default_dtype: list[Any] = [np.dtype("float32")]
"""The floating dtype of new tensors, and of integers where a kernel computes in floats; set by set_default_dtype."""
