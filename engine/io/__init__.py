"""Reading and writing files: checkpoints, weights of other libraries, atomic writes and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checkpoint import load, save
from .files import reading, remove_leftovers, write_atomically
from .lock import FileLock
from .weights import WeightInfo, list_weights, load_weights, save_weights

__all__ = [
    "FileLock", "WeightInfo", "list_weights", "load", "load_weights", "reading", "remove_leftovers", "save", "save_weights",
    "write_atomically",
]  # fmt: skip

if TYPE_CHECKING:
    from . import onnx as onnx
else:

    def __getattr__(name: str) -> object:
        """dl.io.onnx on first use."""
        if name == "onnx":
            from importlib import import_module

            return import_module("dlengine.io.onnx")
        raise AttributeError(f"module 'dlengine.io' has no attribute {name!r}")
