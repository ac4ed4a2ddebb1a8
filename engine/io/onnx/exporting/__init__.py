"""From the recorded calls of a network to the nodes of an ONNX graph."""

from __future__ import annotations

from . import choosing, elementwise, layers, shapes

__all__ = ["choosing", "elementwise", "layers", "shapes"]
