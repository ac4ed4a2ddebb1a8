"""The tensor namespace: what xp is when an op text is read with tensors, so that its derivative is recorded too.

Standard names and shims are dlengine's ops. A kernel name is the reference kernel bound to this same namespace, except
the linear kernels, which are ops whose pullbacks are one another.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from dlengine.kernels import reference

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.op import LINEAR, OPS
from . import creation, decompositions, fft, index, inspection, linalg, shape, windows

_FAMILIES = (shape, linalg, creation, inspection)
_WRAPPED = {"get_at": index.get_at, "put_at": index.put_at, "set_at": index.set_at, "bool": inspection.bool_} | windows.KERNELS


class _Extension:
    """xp.linalg or xp.fft for tensors: the names of some modules."""

    def __init__(self, *modules: Any) -> None:
        for m in modules:
            self.__dict__.update(vars(m))


_EXTENSIONS = {"linalg": _Extension(linalg, decompositions), "fft": _Extension(fft)}


class TensorNamespace:
    """Functions on tensors under the names that op texts use; new tensors are made on one device."""

    def __init__(self, device: str) -> None:
        self.device = device

    def __getattr__(self, name: str) -> Any:
        value: Any
        if name in _EXTENSIONS:
            value = _EXTENSIONS[name]
        elif name in _WRAPPED:
            value = _WRAPPED[name]
        elif name in LINEAR:
            value = OPS[name]
        elif name.startswith("random_"):
            value = self._random(name)
        elif name in reference.DECLARED:
            value = partial(reference.SET.load(name), self)
        elif name in creation.PLACED:
            value = partial(creation.PLACED[name], device=self.device)
        elif name in OPS:
            value = OPS[name]
        else:
            family = next((m for m in _FAMILIES if hasattr(m, name)), None)
            if family is None:
                raise AttributeError(f"the tensor namespace has no {name!r}")
            value = getattr(family, name)
        self.__dict__[name] = value
        return value

    def _random(self, name: str) -> Any:
        """Random numbers have no derivative: the array kernel's, as a constant tensor."""
        return lambda *args: wrap(getattr(backend.namespace_for(self.device), name)(*args))

    def dtype(self, dtype: Any) -> Any:
        """Tensors carry dlengine's own dtypes."""
        return dtype


_by_device: dict[str, TensorNamespace] = {}


def tensor_namespace(t: TensorBase) -> TensorNamespace:
    """The tensor namespace of a tensor's device."""
    device = backend.device_of(t._array)
    if device not in _by_device:
        _by_device[device] = TensorNamespace(device)
    return _by_device[device]
