"""The tensor namespace: what xp is when an op's definition is read with tensors, so that its derivative is recorded too.

Standard functions and shims are dlengine's ops. The name of a kernel is the reference kernel bound to this same namespace, except
that kernels closed under differentiation are ops, whose pullbacks are one another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

from dlengine.kernels import reference
from dlengine.kernels.registry import declaration

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.op import LINEAR, OPS
from ..backend import shims
from . import (
    broadcasting,
    conversion,
    creation,
    creation_like,
    decompositions,
    eigenvalues,
    factorizations,
    fft,
    fft_frequencies,
    fft_real,
    index,
    inspection,
    joining,
    linalg,
    norms,
    shape,
)

_SHIMS = {"get_at": index.get_at, "put_at": index.put_at, "set_at": index.set_at, "bool": inspection.bool_}
"""Names of op definitions that are no public names, or mean something else there."""
_LINALG = (linalg.cross, linalg.diagonal, linalg.outer, linalg.trace)
"""What the extension linalg has besides what its modules export to users."""


class TensorNamespace:
    """Functions on tensors under the names that op definitions use, in one dictionary; new tensors are made on one device."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.__dict__ |= self._names()

    def _names(self) -> dict[str, Any]:
        """All names. Of equal ones the later means it: the name of a kernel is called as kernels are."""
        return {
            **OPS,
            **_exported(shape, broadcasting, joining, linalg, conversion, creation, creation_like, inspection),
            **_SHIMS,
            "linalg": SimpleNamespace(
                **_exported(linalg, norms, decompositions, factorizations, eigenvalues), **{f.__name__: f for f in _LINALG}
            ),
            "fft": SimpleNamespace(**_exported(fft, fft_real, fft_frequencies)),
            "euclidean": partial(shims.euclidean, self),
            **{name: self._kernel(name) for name in reference.SET.declared},
            **{name: partial(function, device=self.device) for name, function in creation.PLACED.items()},
        }

    def _kernel(self, name: str) -> Callable[..., Any]:
        if name in LINEAR:
            return OPS[name]
        if declaration(name).arrays:
            return partial(reference.SET.load(name), self)
        # Random numbers have no derivative: they are constants, which the array kernel makes.
        return lambda *args: wrap(getattr(backend.namespace_for(self.device), name)(*args))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the tensor namespace has no {name!r}")

    def dtype(self, dtype: Any) -> Any:
        """Tensors carry dlengine's own dtypes."""
        return dtype


def _exported(*modules: ModuleType) -> dict[str, Any]:
    """What modules export."""
    return {name: getattr(module, name) for module in modules for name in module.__all__}


_by_device: dict[str, TensorNamespace] = {}


def tensor_namespace(t: TensorBase) -> TensorNamespace:
    """The tensor namespace of a tensor's device."""
    device = backend.device_of(t.array)
    if device not in _by_device:
        _by_device[device] = TensorNamespace(device)
    return _by_device[device]


def forget_namespaces() -> None:
    """Look up every name again on its next use."""
    _by_device.clear()
