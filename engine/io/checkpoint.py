"""Checkpoints: nested state with tensors in one file, written atomically, verified when read, and never pickled.

The file has the safetensors format: the tensors under their path in the state ("model/0.weight"), everything else as JSON
in the metadata, with a format version and a checksum over all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..errors import CheckpointError
from ..ops.conversion import asarray
from . import safetensors
from .files import must_be_regular, reading, write_atomically
from .safetensors import HostArray, host

FORMAT = "dlengine-checkpoint"
VERSION = 1
_TENSOR = "$tensor"
ADVICE = "take another copy, or an earlier checkpoint"


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Save nested dicts and lists of tensors, arrays, numbers, strings, booleans and None to a file.

    The file is written atomically: after a crash it holds the old state or the new one.

    Parameters
    ----------
    path : str or Path
        The file.
    state : dict
        The state; keys are saved as strings, tuples as lists.

    Raises
    ------
    CheckpointError
        For a value of another kind.

    See Also
    --------
    load : Read the file.
    save_weights : Write tensors for other libraries.

    Examples
    --------
    >>> dl.io.save("run.safetensors", {"epoch": 3, "weights": [dl.ones(2)]})
    >>> dl.io.load("run.safetensors")
    {'epoch': 3, 'weights': [tensor([1., 1.])]}
    """
    tensors: dict[str, HostArray] = {}
    try:
        tree = json.dumps(_packed(state, "", tensors))
    except RecursionError:
        raise CheckpointError("save: the state is nested too deeply, or contains itself") from None
    metadata = {"format": FORMAT, "version": str(VERSION), "state": tree, "sha256": _digest(tree, tensors)}
    write_atomically(path, safetensors.serialized(tensors, metadata))


def load(path: str | Path) -> dict[str, Any]:
    """Load a file that ``save`` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        The state, with tensors on the CPU.

    Raises
    ------
    CheckpointError
        If the file is missing, cut short, of another format or version, or has the wrong checksum.

    Examples
    --------
    >>> dl.io.save("run.safetensors", {"epoch": 3})
    >>> dl.io.load("run.safetensors")["epoch"]
    3
    """
    with reading(path, CheckpointError, ADVICE):
        content = _content(path)
        header = safetensors.parsed(content)
        if find_spec("ml_dtypes") is None and any(entry.dtype == "BF16" for entry in header.entries.values()):
            raise CheckpointError(f"{path}: holds bfloat16, which needs the package ml_dtypes; mend: pip install ml_dtypes")
        tensors, metadata = safetensors.arrays(content, header), header.metadata
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


def _content(path: str | Path) -> bytes:
    """The bytes of a regular file. Raises CheckpointError."""
    must_be_regular(path)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint ({error.strerror})") from None


def _digest(tree: str, tensors: Mapping[str, HostArray]) -> str:
    """The SHA-256 checksum of the state and of every tensor's name, dtype, shape and values."""
    total = hashlib.sha256(f"{FORMAT} {VERSION}\n{tree}\n".encode())
    for name in sorted(tensors):
        a = tensors[name]
        kind = a.dtype.name if a.dtype.kind == "V" else a.dtype.str
        total.update(f"{name} {kind} {a.shape}\n".encode())
        total.update(a.tobytes())
    return total.hexdigest()


def _packed(value: Any, path: str, tensors: dict[str, HostArray]) -> Any:
    """Convert a value to what JSON can represent; its tensors go to the dict tensors, by path."""
    if isinstance(value, (TensorBase, np.ndarray)):
        if path in tensors:
            raise CheckpointError(f"save: two tensors would be called {path!r}")
        tensors[path] = host(value)
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


def _unpacked(value: Any, tensors: Mapping[str, HostArray]) -> Any:
    """Convert a value back: the inverse of _packed."""
    if isinstance(value, dict):
        if set(value) == {_TENSOR}:
            if value[_TENSOR] not in tensors:
                raise CheckpointError(f"the state names a tensor {value[_TENSOR]!r} that is not in the file")
            return asarray(tensors[value[_TENSOR]], device="cpu")
        return {k: _unpacked(v, tensors) for k, v in value.items()}
    return [_unpacked(v, tensors) for v in value] if isinstance(value, list) else value
