"""torch.save and torch.load: dlengine's own files (safetensors and JSON), which execute nothing when they are read."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from typing import Any

import numpy as np

from ..io import reading, torch_file
from ..io.torch_nested import read_nested
from .names.core import is_tensor, own, refuse
from .names.engine import dl

_ITEMS = "__torch__"


def save(obj: Any, f: Any, *_: Any, **__: Any) -> None:
    """Write tensors, numbers and texts in dicts, lists and tuples to a file."""
    tree = {_ITEMS: _packed(obj)}
    if isinstance(f, str | os.PathLike):
        dl.io.save(f, tree)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved")
        dl.io.save(path, tree)
        with open(path, "rb") as written:
            f.write(written.read())


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: Any = None, mmap: Any = None, **_: Any
) -> Any:
    """Read what save wrote."""
    if isinstance(f, str | os.PathLike):
        return _read(f)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved")
        with open(path, "wb") as written:
            written.write(f.read())
        return _read(path)


def _read(path: Any) -> Any:
    """A file of this module's, or of PyTorch's, whose pickle is interpreted and not executed."""
    with open(path, "rb") as file:
        start = file.read(len(torch_file.LEGACY))
    if start.startswith(b"PK") or start == torch_file.LEGACY:
        with reading(path, dl.errors.CheckpointError, "load its state_dict, saved by PyTorch, instead"):
            return _tensors(read_nested(path))
    held = dl.io.load(path)
    if _ITEMS not in held:
        raise RuntimeError(f"{path}: was not written by torch.save; read it with dlengine.io.load")
    return _unpacked(held[_ITEMS])


def _tensors(value: Any) -> Any:
    """Arrays as tensors, in dicts, lists and tuples."""
    if isinstance(value, np.ndarray):
        return own(dl.asarray(np.array(value)))
    if isinstance(value, dict):
        return OrderedDict((k, _tensors(v)) for k, v in value.items())
    return type(value)(_tensors(v) for v in value) if isinstance(value, tuple | list) else value


def _packed(value: Any) -> Any:
    """A structure in the kinds that the file holds."""
    if is_tensor(value):
        return {"kind": "tensor", "value": dl.asarray(value.numpy_copy()), "grad": bool(value.requires_grad)}
    if isinstance(value, np.ndarray):
        return {"kind": "array", "value": dl.asarray(value)}
    if isinstance(value, np.generic):
        return _packed(value.item())
    if isinstance(value, dict):
        kind = "ordered" if isinstance(value, OrderedDict) else "dict"
        return {"kind": kind, "keys": [_packed(k) for k in value], "values": [_packed(v) for v in value.values()]}
    if isinstance(value, tuple | list):
        return {"kind": "tuple" if isinstance(value, tuple) else "list", "values": [_packed(v) for v in value]}
    if isinstance(value, np.dtype):
        return {"kind": "dtype", "value": value.name}
    if value is None or isinstance(value, bool | int | float | str):
        return {"kind": "plain", "value": value}
    if isinstance(value, dl.nn.Module):
        raise refuse("save", f"a whole {type(value).__name__} is code, which is not written; save model.state_dict()")
    raise refuse("save", f"a {type(value).__name__} cannot be written; tensors, numbers and texts in dicts and lists can")


def _unpacked(held: Any) -> Any:
    kind = held["kind"]
    if kind == "tensor":
        t = own(held["value"])
        return t.requires_grad_() if held["grad"] else t
    if kind == "array":
        return held["value"].numpy_copy()
    if kind in ("dict", "ordered"):
        pairs = [(_unpacked(k), _unpacked(v)) for k, v in zip(held["keys"], held["values"], strict=True)]
        return OrderedDict(pairs) if kind == "ordered" else dict(pairs)
    if kind in ("tuple", "list"):
        values = [_unpacked(v) for v in held["values"]]
        return tuple(values) if kind == "tuple" else values
    return np.dtype(held["value"]) if kind == "dtype" else held["value"]

