"""Damaged and hostile weight files are refused or read right, and nothing in them is executed."""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files.torch_pickles import Call, Name, Reference, file_of, tensor, zipped
from training.test_checkpoint import damaged

from dlengine import io as files
from dlengine.errors import CheckpointError
from dlengine.io.safetensors import serialized

W = np.arange(6, dtype=np.float32).reshape(2, 3)
ARRAYS: dict[str, Any] = {"weight": W, "steps": np.arange(4), "mask": np.array([True, False])}
_events: list[str] | None = None
_FORBIDDEN = ("import", "exec", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.", "ctypes.", "os.remove")


def _hook(event: str, arguments: Any) -> None:
    if _events is not None and event.startswith(_FORBIDDEN):
        _events.append(f"{event} {arguments!r:.100}")


sys.addaudithook(_hook)
"".encode("cp437")  # of the names in zip archives: Python imports a codec when it is first used


@contextmanager
def nothing_executed() -> Iterator[None]:
    """Fail if a block imports or executes anything."""
    global _events
    _events = []
    try:
        yield
        assert _events == []
    finally:
        _events = None


@contextmanager
def little_memory() -> Iterator[None]:
    """Let a reader that believes a size in a file fail here, not the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def npz(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def safetensors(arrays: dict[str, Any]) -> bytes:
    return b"".join(serialized(arrays, {"format": "pt"}))


KINDS: dict[str, tuple[str, Callable[[dict[str, Any]], bytes]]] = {
    "safetensors": ("a.safetensors", safetensors),
    "npz": ("a.npz", npz),
    "pt": ("a.pt", file_of),
    "old pt": ("a.pth", lambda arrays: file_of(arrays, legacy=True)),
}


def inside_damaged(content: bytes, draw: random.Random) -> bytes:
    """A zip archive with right checksums and one damaged member."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(list(members))
    if draw.random() < 0.1:
        del members[name]
    else:
        members[name] = damaged(members[name], draw)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return out.getvalue()


def read(path: Path) -> bool:
    """Whether a file is read; refused in the documented way else."""
    with nothing_executed(), little_memory():
        try:
            found = files.load_weights(path)
        except CheckpointError as error:
            message = str(error)
        else:
            return all(isinstance(t.numpy_copy(), np.ndarray) for t in found.values())
    assert path.name in message
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_500_damaged_files(kind: str, tmp_path: Path) -> None:
    name, write = KINDS[kind]
    path, whole = tmp_path / name, write(ARRAYS)
    path.write_bytes(whole)
    files.load_weights(path)  # imports what is needed
    assert read(path)
    refused = 0
    for seed in range(500):
        draw = random.Random(seed)
        change = inside_damaged if whole.startswith(b"PK") and seed % 2 else damaged
        path.write_bytes(change(whole, draw))
        refused += not read(path)
    assert refused > 150


def test_500_damaged_models_in_several_files(tmp_path: Path) -> None:
    files.save_weights(tmp_path, ARRAYS, max_shard_size=20)
    assert read(tmp_path)
    whole = {p: p.read_bytes() for p in tmp_path.iterdir()}
    index = next(p for p in whole if p.suffix == ".json")
    refused = 0
    for seed in range(500):
        draw = random.Random(seed)
        path = draw.choice(list(whole))
        path.write_bytes(damaged(whole[path], draw))
        refused += not read(index)
        path.write_bytes(whole[path])
    assert refused > 200


def pickle_bomb(levels: int = 60) -> bytes:
    """Lists that hold the list before twice: 2**60 values on the way to the leaves."""
    return b"\x80\x02]q\x00" + b"".join(b"](h%ch%ceq%c" % (k, k, k + 1) for k in range(levels)) + b"."


def key_bomb(levels: int = 60) -> bytes:
    """A dict whose key is such a tuple, whose hash takes for ever."""
    return b"\x80\x02)q\x00" + b"".join(b"h%ch%c\x86q%c" % (k, k, k + 1) for k in range(levels)) + b"q\xf0}h\xf0K\x01s."


SYSTEM, TRUE = Name("os", "system"), ("touch executed",)
FLOATS = Name("torch", "FloatStorage")
STORAGE = Reference(("storage", FLOATS, "w", "cpu", 6))
V2 = Name("torch._utils", "_rebuild_tensor_v2")
HOOKS = Call(Name("collections", "OrderedDict"), ())
HOSTILE: dict[str, Any] = {
    "reduce": Call(SYSTEM, TRUE),
    "reduce by name 4": b"\x8c\x02os\x8c\x06system\x93(X\x04\x00\x00\x00truetR",
    "eval": Call(Name("builtins", "eval"), ("__import__('os').system('touch executed')",)),
    "getattr": Call(Name("builtins", "getattr"), (Name("os", "path"), "join")),
    "a name with dots": Call(Name("torch", "_utils.os.system"), TRUE),
    "module of an allowed name": Call(Name("os", "_rebuild_tensor_v2"), TRUE),
    "inst": b"(X\x04\x00\x00\x00trueios\nsystem\n",
    "obj": b"(cos\nsystem\nX\x04\x00\x00\x00trueo",
    "newobj": b"cos\nsystem\n(X\x04\x00\x00\x00truet\x81",
    "newobj_ex": b"cos\nsystem\n(X\x04\x00\x00\x00truet}\x92",
    "ext": b"\x82\x01",
    "inside from_type": Call(Name("torch._tensor", "_rebuild_from_type_v2"), (SYSTEM, Name("a", "b"), TRUE, None)),
    "itself": Call(Name("torch._tensor", "_rebuild_from_type_v2"), (V2, None, (Call(SYSTEM, TRUE),), None)),
    "hooks": Call(V2, (STORAGE, 0, (2, 3), (3, 1), False, Call(SYSTEM, TRUE))),
    "call of a result": b"cos\nsystem\n(tR(tR",
    "build": b"cos\nsystem\n}(X\x08\x00\x00\x00__code__K\x01ub",
    "outside its storage": Call(V2, (STORAGE, 0, (2, 4), (4, 1), False, HOOKS)),
    "before its storage": Call(V2, (STORAGE, -1, (2, 3), (3, 1), False, HOOKS)),
    "backwards": Call(V2, (STORAGE, 5, (2, 3), (-3, 1), False, HOOKS)),
    "spread out": Call(V2, (STORAGE, 0, (2**40,), (0,), False, HOOKS)),
    "of many axes": Call(V2, (STORAGE, 0, (1,) * 70, (1,) * 70, False, HOOKS)),
    "large strides": Call(V2, (STORAGE, 0, (2,), (2**61,), False, HOOKS)),
    "no storage": Call(V2, ((1,), 0, (2, 3), (3, 1), False, HOOKS)),
    "another storage": Call(V2, (Reference(("storage", Name("torch", "QInt8Storage"), "w", "cpu", 6)), 0, (2,), (1,), 0, HOOKS)),
    "a file elsewhere": Call(V2, (Reference(("storage", FLOATS, "../../data.pkl", "cpu", 1)), 0, (1,), (1,), False, HOOKS)),
    "a long memo": b"]r\xff\xff\xff\x7f",
    "a long text": b"X\xff\xff\xff\x7fabc",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pt"
    path.write_bytes(file_of(ARRAYS))
    assert read(path)
    path.write_bytes(zipped({"a": HOSTILE[name]}, {"w": W}))
    assert not read(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("bomb", [pickle_bomb(), key_bomb()])
def test_pickles_that_would_take_for_ever(bomb: bytes, tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", bomb)
    (tmp_path / "a.pt").write_bytes(out.getvalue())
    assert not read(tmp_path / "a.pt")


def test_many_large_views_of_a_small_storage(tmp_path: Path) -> None:
    view = Call(V2, (STORAGE, 0, (2**20,), (0,), False, HOOKS))
    (tmp_path / "a.pt").write_bytes(zipped({"w": tensor("w", W), **{f"v{k}": view for k in range(2000)}}, {"w": W}))
    assert not read(tmp_path / "a.pt")


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    """A few kilobytes could otherwise fill the memory."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**7))
    (tmp_path / "a.pt").write_bytes(out.getvalue())
    assert not read(tmp_path / "a.pt")


@pytest.mark.parametrize("shape", ["(1000000, 1000000)", "(2**70, 1)", "(-1, 8)", "(1,) * 70", "(True, 8)"])
def test_npz_headers_that_lie(shape: str, tmp_path: Path) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(256))
    (tmp_path / "a.npz").write_bytes(out.getvalue())
    assert not read(tmp_path / "a.npz")


def test_object_arrays_are_not_unpickled(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npz({"a": np.array([{"x": 1}], object)}))
    assert not read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "change",
    [{"shape": [2, True]}, {"shape": [-2, -3]}, {"data_offsets": [0, 24.0]}, {"dtype": ["F32"]}, {"more": 1}, {"dtype": "F4"}],
)
def test_headers_of_safetensors(change: dict[str, Any], tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} | change}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
    assert not read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("offsets", [([0, 4], [2, 6]), ([0, 4], [8, 12]), ([4, 8], [4, 8]), ([4, 8], [8, 12])])
def test_overlaps_and_gaps_in_safetensors(offsets: Any, tmp_path: Path) -> None:
    fields = {name: {"dtype": "F32", "shape": [1], "data_offsets": o} for name, o in zip("ab", offsets, strict=True)}
    header = json.dumps(fields).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(12))
    assert not read(tmp_path / "a.safetensors")
