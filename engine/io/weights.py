"""Weights by name: safetensors whole and in parts, NumPy's .npz and PyTorch's .pt, told apart by their content."""

from __future__ import annotations

import io
import json
import mmap as memory_map
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import CheckpointError
from ..ops.conversion import asarray
from . import safetensors, torch_file
from .checkpoint import ADVICE
from .files import must_be_regular, reading, write_atomically
from .safetensors import HostArray, host

if TYPE_CHECKING:
    from .._tensor import Tensor

_INDEX = ".index.json"
_OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes; export its weights to .npz or safetensors"),
    (b"GGUF", "a GGUF file, whose weights are quantised"),
    (b"\x93NUMPY", "a single NumPy array (.npy): dl.asarray(np.load(path))"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself; fetch it with git lfs pull"),
    (b"<!DOCTYPE", "a web page, not weights; download the file itself"),
    (b"<html", "a web page, not weights; download the file itself"),
    (b"\x80", "a pickle that PyTorch did not write; it is not executed"),
)
"""First bytes of files that are often mistaken for weights."""


def save_weights(
    path: str | Path,
    state_dict: Mapping[str, Any],
    *,
    metadata: Mapping[str, str] | None = None,
    max_shard_size: int | None = None,
) -> None:
    """Write tensors by name, for other libraries and for ``load_weights``.

    The file is plain safetensors, or NumPy's .npz if its name ends so. Names of one and the same tensor, such as tied weights,
    are stored once in safetensors, and the others are noted in its metadata.

    Parameters
    ----------
    path : str or Path
        The file, which is written atomically; with ``max_shard_size`` a folder.
    state_dict : dict
        The tensors or arrays by name, for instance ``model.state_dict()``.
    metadata : dict of str to str, optional
        Notes for other programs. ``{"format": "pt"}`` is what those of Hugging Face expect.
    max_shard_size : int, optional
        Write files of at most so many bytes of values each (a larger tensor has a file of its own) and an index into the folder
        ``path``, as is usual for large models.

    Raises
    ------
    CheckpointError
        For a dtype that the format does not have, or metadata that are no strings.

    Examples
    --------
    >>> dl.io.save_weights("weights.safetensors", {"bias": dl.zeros(2)}, metadata={"format": "pt"})
    >>> dl.io.load_weights("weights.safetensors")
    {'bias': tensor([0., 0.])}
    """
    notes = dict(metadata or {})
    if not all(isinstance(part, str) for pair in notes.items() for part in pair):
        raise CheckpointError("save_weights: metadata must map strings to strings")
    if Path(path).suffix == ".npz":
        if notes or max_shard_size is not None:
            raise CheckpointError("save_weights: .npz files have no metadata and no parts; use safetensors")
        out = io.BytesIO()
        np.savez(out, **{name: _npz_array(name, value) for name, value in state_dict.items()})  # type: ignore[arg-type]
        write_atomically(path, out.getvalue())
        return
    kept, aliases = _without_aliases(state_dict)
    if not set(aliases).isdisjoint(notes):
        raise CheckpointError(f"save_weights: metadata may not have names of tensors ({', '.join(set(aliases) & set(notes))})")
    if max_shard_size is None:
        write_atomically(path, safetensors.serialized({name: host(value) for name, value in kept.items()}, notes | aliases))
    else:
        _write_parts(Path(path), kept, notes | aliases, max_shard_size)


def _npz_array(name: str, value: Any) -> HostArray:
    array: HostArray = value.numpy_copy() if hasattr(value, "numpy_copy") else np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise CheckpointError(f"save_weights: .npz files cannot hold {name}, whose dtype is {array.dtype}; use safetensors")
    return array


def _without_aliases(state_dict: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors without second names of the same memory, and those names with the first ones."""
    first: dict[Any, str] = {}
    kept: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for name, value in state_dict.items():
        array = getattr(value, "array", value)
        pointer = getattr(array, "__array_interface__", None) or getattr(array, "__cuda_array_interface__", None)
        place = (pointer["data"][0], array.shape, str(array.dtype), array.strides) if pointer and array.size else id(kept)
        if pointer and array.size and place in first:
            aliases[name] = first[place]
        else:
            first[place] = name
            kept[name] = value
    return kept, aliases


def _write_parts(folder: Path, kept: Mapping[str, Any], notes: Mapping[str, str], limit: int) -> None:
    """Several safetensors files and an index of them."""
    groups: list[list[str]] = []
    room = -1
    for name, value in kept.items():
        size = int(np.prod(value.shape)) * value.dtype.itemsize
        if not groups or size > room:
            groups.append([])
            room = limit
        groups[-1].append(name)
        room -= size
    folder.mkdir(exist_ok=True)
    places: dict[str, str] = {}
    for k, names in enumerate(groups):
        file = f"model-{k + 1:05d}-of-{len(groups):05d}.safetensors"
        write_atomically(folder / file, safetensors.serialized({name: host(kept[name]) for name in names}, notes))
        places |= dict.fromkeys(names, file)
    total = sum(int(np.prod(v.shape)) * v.dtype.itemsize for v in kept.values())
    index = {"metadata": {"total_size": total, **notes}, "weight_map": places}
    write_atomically(folder / f"model.safetensors{_INDEX}", json.dumps(index, indent=2).encode())


def load_weights(path: str | Path, *, mmap: bool = False) -> dict[str, Tensor]:
    """Read tensors by name, for ``load_state_dict``, from safetensors, .npz, .pt and .pth files.

    The kind of file is seen from its content. Nothing in it is ever executed: of PyTorch's pickles only dicts and lists of
    tensors are read, all else is refused. Tensors nested in a training checkpoint are named by their path, as
    ``"model.0.weight"``. Without the package ml_dtypes, bfloat16 is read as float32 with the same values.

    Parameters
    ----------
    path : str or Path
        The file, the index of a model in several files (``model.safetensors.index.json``), or the folder that has either.
    mmap : bool
        Map safetensors files into memory instead of reading them: pages are read when they are used, and writing to the tensors
        does not change the file. The tensors are on the CPU. The file must not be overwritten in place in the meantime.

    Returns
    -------
    dict
        The tensors by name.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another kind, or would execute something.

    Examples
    --------
    >>> layer = dl.nn.Linear(2, 1)
    >>> dl.io.save_weights("layer.safetensors", layer.state_dict())
    >>> sorted(dl.io.load_weights("layer.safetensors"))
    ['bias', 'weight']
    """
    with reading(path, CheckpointError, ADVICE):
        arrays = _arrays(Path(path))
        if mmap:
            return {name: asarray(a, device="cpu", copy=not a.flags.writeable) for name, a in arrays.items()}
        return {name: asarray(a) for name, a in arrays.items()}


class WeightInfo(NamedTuple):
    """The name, shape and dtype of a tensor in a file.

    Parameters
    ----------
    name : str
        The name.
    shape : tuple of int
        The shape.
    dtype : str
        The dtype.

    Examples
    --------
    >>> dl.io.WeightInfo("weight", (3, 2), "float32").shape
    (3, 2)
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


def list_weights(path: str | Path) -> list[WeightInfo]:
    """List the tensors of a file or folder that ``load_weights`` reads.

    Parameters
    ----------
    path : str or Path
        The file or folder.

    Returns
    -------
    list of WeightInfo
        Name, shape and dtype of each tensor, in the order of the file.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind.

    Examples
    --------
    >>> dl.io.save_weights("layer.npz", {"weight": np.zeros((3, 2), "float32")})
    >>> dl.io.list_weights("layer.npz")
    [WeightInfo(name='weight', shape=(3, 2), dtype='float32')]
    """
    with reading(path, CheckpointError, ADVICE):
        return [WeightInfo(name, a.shape, a.dtype.name) for name, a in _arrays(Path(path)).items()]


def _arrays(path: Path) -> dict[str, HostArray]:
    """The arrays of a file or folder by name."""
    must_be_regular(path)
    if path.is_dir():
        path = _of_folder(path)
    with open(path, "rb") as file:
        head = file.read(64)
    if head[8:9] == b"{" and path.suffix != ".json":
        return _safetensors(path)
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            if members and all(name.endswith(".npy") for name in members):
                return {name.removesuffix(".npy"): _npy(archive, name) for name in members}
            return torch_file.read_zip(archive)
    if head.startswith(torch_file.LEGACY):
        return torch_file.read_legacy(path.read_bytes())
    if path.name.endswith(".json"):
        return _parts(path)
    for start, kind in _OTHERS:
        if head.lower().startswith(start.lower()):
            raise CheckpointError(f"{path}: is {kind}")
    if path.suffix == ".onnx":
        raise CheckpointError(f"{path}: is an ONNX model: dl.io.onnx.load(path)")
    return _safetensors(path)


def _safetensors(path: Path) -> dict[str, HostArray]:
    """The arrays of a safetensors file; they share the memory of a map of it."""
    with open(path, "rb") as file:
        if not file.read(1):
            raise ValueError("the file is empty")
        content = memoryview(memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY))
    header = safetensors.parsed(content)
    arrays = safetensors.arrays(content, header)
    for name, first in header.metadata.items():
        if first in header.entries and name not in arrays:  # a second name of the same tensor
            arrays[name] = arrays[first]
    return arrays


def _of_folder(folder: Path) -> Path:
    """The file of a folder that leads to all its weights. Raises CheckpointError."""
    for pattern in (f"*.safetensors{_INDEX}", f"*.bin{_INDEX}", "*.safetensors", "*.bin", "*.pt", "*.pth", "*.npz"):
        found = sorted(folder.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            raise CheckpointError(f"{folder}: has {len(found)} files {pattern}; name one: {', '.join(f.name for f in found[:5])}")
    inside = ", ".join(sorted(f.name for f in folder.iterdir())[:5]) or "nothing"
    raise CheckpointError(f"{folder}: is a directory without weights; it has {inside}")


def _parts(path: Path) -> dict[str, HostArray]:
    """The arrays of all files that an index names."""
    index = json.loads(path.read_bytes())
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict):
        raise CheckpointError(f"{path}: is JSON, but no index of weights (it has no weight_map)")
    for name, file in places.items():
        if not isinstance(file, str) or Path(file).name != file or file.endswith(".json") or file in ("", ".."):
            raise CheckpointError(f"{path}: {name} is said to be in {str(file)[:80]!r}, which is no file beside the index")
    found: dict[str, HostArray] = {}
    for file in dict.fromkeys(places.values()):
        with reading(path.parent / file, CheckpointError):
            if (path.parent / file).is_dir():
                raise CheckpointError("is a directory")
            inside = _arrays(path.parent / file)
            found |= {name: a for name, a in inside.items() if places.get(name, file) == file}
    missing = [name for name in places if name not in found]
    if missing:
        raise CheckpointError(f"{path}: the files lack {', '.join(missing[:5])}")
    return found


def _npy(archive: zipfile.ZipFile, name: str) -> HostArray:
    """One array of a .npz file, its size checked before memory is taken."""
    info = archive.getinfo(name)
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{name} has a format {version} of records")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.kind not in "biufc":
            raise CheckpointError(f"{name} holds values of dtype {dtype}, not numbers")
        sizes = safetensors.sizes(list(shape)) and len(shape) <= 64
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize if sizes else -1
        if size != info.file_size - file.tell():
            raise ValueError(f"{name} has {info.file_size - file.tell()} bytes, its header says {shape} {dtype}")
        content = file.read(size)
        file.read(1)  # the end of the file, at which its checksum is compared
    values = np.frombuffer(content, dtype)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
