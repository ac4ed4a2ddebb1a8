"""Where compiled kernels are kept between processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_root() -> Path:
    """$DLENGINE_CACHE, else the platform's cache folder for this user. The folder may not exist yet."""
    if root := os.environ.get("DLENGINE_CACHE"):
        return Path(root)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "dlengine"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "dlengine"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlengine"
