"""The errors dlengine raises. Each is also the built-in that a user would catch.

A message names the op, the argument, what was expected (with the shape letters of the docstring), what was given, and how
to fix it where that is known.
"""

from __future__ import annotations

import numpy as np


class DLEngineError(Exception):
    """Base class of all errors that this library raises."""


class ShapeError(DLEngineError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(DLEngineError, TypeError):
    """A dtype, or a kind of object, that an op does not take."""


class ArgumentError(DLEngineError, TypeError):
    """A keyword that a function does not have, or an argument that is missing."""


class BadIndexError(DLEngineError, IndexError):
    """An index that is out of range or not an integer."""


class DeviceError(DLEngineError, ValueError):
    """Tensors on different devices, or on one that an op cannot use."""


class BackendUnavailable(DLEngineError, RuntimeError):
    """A backend that cannot run here; the message says what to install or change."""


class CheckpointError(DLEngineError, ValueError):
    """A checkpoint that is missing, damaged or does not fit the model."""


class OnnxError(DLEngineError, ValueError):
    """An ONNX model that cannot be read, or a network that cannot be written as one."""


class DataError(DLEngineError, ValueError):
    """A data file or data value that cannot be used."""


class LabelError(DataError, BadIndexError):
    """A label that is not a class: bad data, and an index out of range."""


class RaggedError(DataError, ShapeError):
    """Samples of different shapes, which cannot be stacked to a batch."""


class GradientError(DLEngineError, RuntimeError):
    """A gradient that does not exist or cannot be computed correctly."""


class CaptureError(DLEngineError, RuntimeError):
    """A training step that cannot be captured into a CUDA graph, or replayed as it was captured; the message says why."""


class LinAlgError(DLEngineError, np.linalg.LinAlgError):
    """A matrix without the requested inverse, factorization or derivative; also a ValueError, like NumPy's."""


class DivisionByZero(DLEngineError, ZeroDivisionError):
    """An integer divided by 0, which no integer can represent."""


class NumberTooLarge(DLEngineError, OverflowError):
    """A number that a dtype cannot represent; convert with ``x.astype(...)`` to one that can."""


class ConfigError(DLEngineError, ValueError):
    """A setting, name or key that does not exist, or a value that it cannot have."""


class RankError(DLEngineError, RuntimeError):
    """Processes that train together and do not fit together, or of which one is missing."""
