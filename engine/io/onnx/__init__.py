"""ONNX models: imported as modules that compute and train, and written from networks.

The package ``onnx`` is imported on first use (``pip install 'dlengine-xp[onnx]'``).
"""

from __future__ import annotations

from .exported import save
from .imported import ImportedModel, load

__all__ = ["ImportedModel", "load", "save"]
