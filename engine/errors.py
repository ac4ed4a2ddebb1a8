"""The errors dlengine raises. Each is also the built-in that a user would catch.

A message names the op, the argument, what was expected (with the docstring's letters), what came, and the way out.
"""

from __future__ import annotations

import numpy as np


class DLEngineError(Exception):
    """Base of every error raised on purpose."""


class ShapeError(DLEngineError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(DLEngineError, TypeError):
    """A dtype, or a kind of object, that an op does not take."""


class BadIndexError(DLEngineError, IndexError):
    """An index that names no element, or that is none."""


class DeviceError(DLEngineError, ValueError):
    """Tensors on different devices, or on one that an op cannot use."""


class BackendUnavailable(DLEngineError, RuntimeError):
    """A backend that cannot run here; the message says what installs or mends it."""


class CheckpointError(DLEngineError, ValueError):
    """A checkpoint that is missing, damaged or does not fit the model."""


class DataError(DLEngineError, ValueError):
    """A data file or data value that cannot be used."""


class LabelError(DataError, BadIndexError):
    """A label that names no class: a bad value of the data, and an index out of range."""


class RaggedError(DataError, ShapeError):
    """Samples that cannot be one batch, since their shapes differ."""


class GradientError(DLEngineError, RuntimeError):
    """A gradient that does not exist or could only be wrong."""


class CaptureError(DLEngineError, RuntimeError):
    """A training step that cannot be captured into a CUDA graph, or replayed as it was captured; the message says why."""


class LinAlgError(DLEngineError, np.linalg.LinAlgError):
    """A matrix that has no inverse, factor or derivative of the kind asked for; a ValueError, too, as NumPy's own."""


class DivisionByZero(DLEngineError, ZeroDivisionError):
    """An integer divided by 0: no integer is the result."""


class NumberTooLarge(DLEngineError, OverflowError):
    """A number that a dtype cannot hold; another dtype can: x.astype(...)."""


class ConfigError(DLEngineError, ValueError):
    """A setting, name or key that does not exist or has no such value."""
