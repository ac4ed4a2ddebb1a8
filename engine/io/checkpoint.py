"""Checkpoints: nested state with tensors in one file, written at once, verified when read, never pickled.

The file is safetensors: the tensors under their path in the state ("model/0.weight"), everything else as JSON in the
file's metadata, with a format version and a checksum over all of it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..autograd.promotion import bfloat16
from ..errors import CheckpointError
from ..ops.creation import asarray
from .files import reading, write_atomically

FORMAT = "dlengine-checkpoint"
VERSION = 1
_TENSOR = "$tensor"
AGAIN = "take another copy, or an earlier checkpoint"

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8",
}  # fmt: skip
_NAMES = {np.dtype(d) for name, d in _DTYPES.items() if name != "BF16"}

Host = np.ndarray[Any, Any]


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write nested dicts and lists of tensors, arrays, numbers, strings, booleans and None to a file, atomically.

    Keys become strings. Raises CheckpointError for a value of another kind.
    """
    tensors: dict[str, Host] = {}
    try:
        tree = json.dumps(_packed(state, "", tensors))
    except RecursionError:
        raise CheckpointError("save: the state is nested too deeply, or contains itself") from None
    metadata = {"format": FORMAT, "version": str(VERSION), "state": tree, "sha256": _digest(tree, tensors)}
    write_atomically(path, _serialized(tensors, metadata))


def load(path: str | Path) -> dict[str, Any]:
    """Read a file that save() wrote; tensors on the host.

    Raises CheckpointError naming the file and the cause: missing, cut short, another format or version, wrong checksum.
    """
    with reading(path, CheckpointError, AGAIN):
        content = _content(path)
        tensors = _tensors(content)
        if find_spec("ml_dtypes") is None and b'"dtype":"BF16"' in content[: 8 + struct.unpack("<Q", content[:8])[0]]:
            raise CheckpointError(f"{path}: holds bfloat16, which needs the package ml_dtypes; mend: pip install ml_dtypes")
        metadata = _metadata(content)
        if metadata.get("format") != FORMAT:
            raise CheckpointError(f"{path}: not a dlengine checkpoint (load_weights reads plain safetensors)")
        if metadata.get("version") != str(VERSION):
            raise CheckpointError(f"{path}: format version {metadata.get('version')}, this dlengine reads {VERSION}")
        tree = metadata.get("state", "")
        if metadata.get("sha256") != _digest(tree, tensors):
            raise CheckpointError(f"{path}: the checksum differs: the file is damaged")
        state: dict[str, Any] = _unpacked(json.loads(tree), tensors)
        if not isinstance(state, dict):
            raise CheckpointError(f"the state is a {type(state).__name__}, expected a dict")
        return state


def save_weights(path: str | Path, state_dict: Mapping[str, Any]) -> None:
    """Write tensors by name as plain safetensors, as other libraries read them."""
    write_atomically(path, _serialized({name: _host(value) for name, value in state_dict.items()}, None))


def load_weights(path: str | Path) -> dict[str, Any]:
    """Tensors by name from any safetensors file, for load_state_dict.

    bfloat16 comes as float32, the same values, where the package ml_dtypes is not installed.

    Raises CheckpointError naming the file.
    """
    with reading(path, CheckpointError, AGAIN):
        return {name: asarray(a) for name, a in _tensors(_content(path)).items()}


def _serialized(tensors: Mapping[str, Host], metadata: dict[str, str] | None) -> bytes:
    from safetensors.numpy import save as serialize

    return serialize(dict(tensors), metadata)


def _content(path: str | Path) -> bytes:
    try:
        if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
            raise CheckpointError(f"{path}: cannot read the checkpoint (no regular file: a device or a pipe may never end)")
        return Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint ({error.strerror})") from None


def _tensors(content: bytes) -> dict[str, Host]:
    from safetensors import deserialize

    found = deserialize(content)  # type: ignore[no-untyped-call]
    tensors = {}
    for name, entry in sorted(found, key=lambda pair: pair[0]):  # the library gives them in no order
        if entry["dtype"] not in _DTYPES:
            raise CheckpointError(f"{name} has the dtype {entry['dtype']}; known: {', '.join(_DTYPES)}")
        values = np.frombuffer(entry["data"], dtype=_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            if find_spec("ml_dtypes") is not None:
                values = values.view(bfloat16())
            else:  # NumPy has none; its values are the upper halves of float32
                values = (values.astype(np.uint32) << 16).view(np.float32)
        if entry["dtype"] == "BOOL" and values.view(np.uint8).max(initial=0) > 1:
            raise CheckpointError(f"{name} has the dtype BOOL and bytes other than 0 and 1")
        tensors[name] = values
    return tensors


def _metadata(content: bytes) -> dict[str, str]:
    """The metadata of a file whose tensors could be read: 8 bytes of length, then the header as JSON."""
    (length,) = struct.unpack("<Q", content[:8])
    return dict(json.loads(content[8 : 8 + length]).get("__metadata__", {}))


def _digest(tree: str, tensors: Mapping[str, Host]) -> str:
    """One checksum over the state and over every tensor's name, dtype, shape and values."""
    total = hashlib.sha256(f"{FORMAT} {VERSION}\n{tree}\n".encode())
    for name in sorted(tensors):
        a = tensors[name]
        kind = a.dtype.name if a.dtype.kind == "V" else a.dtype.str
        total.update(f"{name} {kind} {a.shape}\n".encode())
        total.update(a.tobytes())
    return total.hexdigest()


def _host(value: Any) -> Host:
    """A contiguous little-endian NumPy array of a tensor or array. Raises CheckpointError for a dtype that files cannot hold."""
    array: Host = value.numpy_copy() if hasattr(value, "numpy_copy") else np.asarray(value)
    kind = array.dtype.newbyteorder("<")
    if kind not in _NAMES and kind.name != "bfloat16":
        raise CheckpointError(f"save: safetensors files cannot hold {array.dtype}")
    return np.ascontiguousarray(array, dtype=kind) if array.ndim else array.astype(kind)


def _packed(value: Any, path: str, tensors: dict[str, Host]) -> Any:
    """The value as JSON knows it, its tensors moved to the table and named there."""
    if isinstance(value, (TensorBase, np.ndarray)):
        if path in tensors:
            raise CheckpointError(f"save: two tensors would be called {path!r}")
        tensors[path] = _host(value)
        return {_TENSOR: path}
    if isinstance(value, Mapping):
        packed = {str(k): _packed(v, f"{path}/{k}" if path else str(k), tensors) for k, v in value.items()}
        if len(packed) < len(value) or _TENSOR in packed:
            raise CheckpointError(f"save: {path or 'the state'} has keys that are one as strings, or the key {_TENSOR!r}")
        return packed
    if isinstance(value, (list, tuple)):
        return [_packed(v, f"{path}/{i}", tensors) for i, v in enumerate(value)]
    if isinstance(value, np.bool_ | np.integer | np.floating | np.str_):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    what = f"{path or 'the state'} is a {type(value).__name__}"
    raise CheckpointError(f"save: {what}; expected tensors, numbers, strings, dicts and lists")


def _unpacked(value: Any, tensors: Mapping[str, Host]) -> Any:
    if isinstance(value, dict):
        if set(value) == {_TENSOR}:
            if value[_TENSOR] not in tensors:
                raise CheckpointError(f"the state names a tensor {value[_TENSOR]!r} that is not in the file")
            return asarray(tensors[value[_TENSOR]], device="cpu")
        return {k: _unpacked(v, tensors) for k, v in value.items()}
    return [_unpacked(v, tensors) for v in value] if isinstance(value, list) else value
