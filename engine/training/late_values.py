"""LateValues: tensors on their way from a GPU to the host, which are read a step later so that nobody waits for them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from .metric import host


class LateValues:
    """Copies of tensors as NumPy arrays. From a GPU they are asked for now, behind the work that is queued, and read by `read`.

    Parameters
    ----------
    values : sequence
        Tensors; anything else, and what lies on the host, stays as it is.
    """

    def __init__(self, *values: Any) -> None:
        self._values = [_sent(v) if isinstance(v, TensorBase) and v.device != "cpu" else v for v in values]  # type: ignore[attr-defined]
        self._there: Any = None
        if any(isinstance(v, _Sent) for v in self._values):
            cuda: Any = import_module("cupy").cuda
            self._there = cuda.Event(disable_timing=True)
            self._there.record()

    def read(self) -> list[Any]:
        """Wait for the copies, not for work that was queued after them.

        Returns
        -------
        list
            NumPy arrays in place of tensors of a GPU.
        """
        if self._there is not None:
            self._there.synchronize()
        return [v.copy if isinstance(v, _Sent) else v for v in self._values]


class _Sent:
    """An array of the host that a copy goes to, and what is copied, which must live as long as that."""

    def __init__(self, array: Any, copy: Any) -> None:
        self.array, self.copy = array, copy


def _sent(tensor: Any) -> _Sent:
    array = tensor.array if tensor.array.flags.c_contiguous else tensor.array.copy()
    pinned: Any = import_module("cupyx").empty_pinned
    if array.size == 0 or np.dtype(array.dtype).isbuiltin != 1:  # nothing to copy, or a dtype of an extension
        return _Sent(array, host(tensor))
    copy = pinned(array.shape, array.dtype)
    array.get(out=copy, blocking=False)
    return _Sent(array, copy)
