"""All that a file of PyTorch holds, nested as it was saved; like its tensors, read without executing anything."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .safetensors import HostArray
from .torch_file import DTYPES, Global, Storage, Strided, arrays_of, number, parts_of_legacy, parts_of_zip


def read_nested(path: str | Path) -> Any:
    """All that a file holds, nested as it was saved: dicts, lists, tuples, numbers and texts, and arrays in place of tensors."""
    content = Path(path).read_bytes()
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = parts_of_zip(archive)
            return _nested(parts[0], arrays_of(*parts), "")
    parts = parts_of_legacy(content)
    return _nested(parts[0], arrays_of(*parts), "")


def _nested(described: Any, arrays: dict[str, HostArray], path: str) -> Any:
    """A description with its tensors replaced by their arrays; arrays_of has made sure that it ends."""
    if isinstance(described, Strided):
        return arrays[path or "tensor"]
    if isinstance(described, Global) and described.module == "torch" and described.name in DTYPES:
        return np.dtype(number(DTYPES[described.name]))
    if isinstance(described, Global | Storage):
        raise CheckpointError(f"holds an object of a class, at {path or 'its top'}; only tensors, numbers and texts are read")
    if isinstance(described, dict):
        return {key: _nested(value, arrays, f"{path}.{key}" if path else str(key)) for key, value in described.items()}
    if isinstance(described, list | tuple):
        parts = [_nested(value, arrays, f"{path}.{i}" if path else str(i)) for i, value in enumerate(described)]
        return parts if isinstance(described, list) else tuple(parts)
    return described
