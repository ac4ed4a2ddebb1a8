"""dlengine itself under the short name that its users give it: PyTorch's functions are written in terms of the public ones."""

from __future__ import annotations

from importlib import import_module
from typing import Any

dl: Any = import_module(__name__.partition(".")[0])
