"""Files: checkpoints and weights."""

from __future__ import annotations

from .checkpoint import load, load_weights, save, save_weights
from .files import reading, remove_leftovers, write_atomically
from .lock import FileLock

__all__ = [
    "FileLock", "load", "load_weights", "reading", "remove_leftovers", "save", "save_weights", "write_atomically",
]  # fmt: skip
