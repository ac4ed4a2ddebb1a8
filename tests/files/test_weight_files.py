"""Weights by name come back as they were, from every kind of file, and files of other kinds are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from files.torch_pickles import Call, Name, file_of, tensor, zipped

import dlengine as dl
from dlengine import io, nn
from dlengine.cli.weights import weights
from dlengine.errors import CheckpointError

ARRAYS: dict[str, Any] = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.array(3), "mask": np.array([True, False, True]),
    "wide": np.linspace(0, 1, 5), "nothing": np.zeros((0, 4), np.float32), "turned": np.arange(6.0).reshape(2, 3).T,
}  # fmt: skip


def same(found: dict[str, Any], wanted: dict[str, Any] = ARRAYS) -> None:
    assert set(found) == set(wanted)
    for name, a in wanted.items():
        mine = found[name].numpy_copy()
        assert mine.dtype == a.dtype
        np.testing.assert_array_equal(mine, a, err_msg=name, strict=True)


@pytest.mark.parametrize("name", ["a.safetensors", "a.npz"])
@pytest.mark.parametrize("mmap", [False, True])
def test_round_trips(name: str, mmap: bool, tmp_path: Path) -> None:
    io.save_weights(tmp_path / name, ARRAYS)
    found = io.load_weights(tmp_path / name, mmap=mmap)
    same(found)
    found["weight"][0, 0] = 7.0  # the file stays as it is
    same(io.load_weights(tmp_path / name))


@pytest.mark.parametrize("legacy", [False, True])
def test_files_of_pytorch(legacy: bool, tmp_path: Path) -> None:
    arrays = {k: np.ascontiguousarray(v) if v.ndim else v for k, v in ARRAYS.items()}
    (tmp_path / "a.pt").write_bytes(file_of(arrays, legacy))
    same(io.load_weights(tmp_path / "a.pt"), arrays)
    layer = nn.Linear(3, 2, bias=False)
    layer.load_state_dict({"weight": io.load_weights(tmp_path / "a.pt")["weight"]})
    np.testing.assert_array_equal(layer.weight.numpy_copy(), ARRAYS["weight"])


@pytest.mark.parametrize("legacy", [False, True])
def test_files_that_pytorch_wrote(legacy: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(3, 4))
    x = torch.randn(4, 6)
    state = {"x": x.T, "view": x[1:3, ::2], "p": torch.nn.Parameter(x), "half": x.half(), "yes": x > 0, "none": x[:0]}
    path = tmp_path / "a.pt"
    whole = {"epoch": 3, "best": np.float64(0.5), "model": net.state_dict(), "more": [state]}
    torch.save(whole, path, _use_new_zipfile_serialization=not legacy)
    wanted = {f"model.{k}": v for k, v in net.state_dict().items()} | {f"more.0.{k}": v.detach() for k, v in state.items()}
    same(io.load_weights(path), {k: v.numpy() for k, v in wanted.items()})
    torch.save(net, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match=r"a\.pt: .*state_dict\(\)"):
        io.load_weights(path)


def test_nested_tensors_are_named_by_their_path(tmp_path: Path) -> None:
    w = ARRAYS["weight"]
    nested = {"model": {"0.weight": tensor("w", w)}, "history": [1.5, tensor("w", w)], "config": {"lr": 0.1, "name": "a"}}
    (tmp_path / "a.pt").write_bytes(zipped(nested, {"w": w}))
    same(io.load_weights(tmp_path / "a.pt"), {"model.0.weight": w, "history.1": w})


def test_models_in_several_files(tmp_path: Path) -> None:
    io.save_weights(tmp_path / "model", ARRAYS, max_shard_size=40, metadata={"format": "pt"})
    files = sorted(p.name for p in (tmp_path / "model").iterdir())
    assert len(files) > 3
    same(io.load_weights(tmp_path / "model"))
    same(io.load_weights(tmp_path / "model" / "model.safetensors.index.json", mmap=True))
    (tmp_path / "model" / files[0]).unlink()
    with pytest.raises(CheckpointError, match=rf"{files[0]}: no such file"):
        io.load_weights(tmp_path / "model")


@pytest.mark.parametrize("file", ["../secret.safetensors", "/etc/passwd", "..", "", "a/b.safetensors", 3, "x.index.json"])
def test_an_index_names_files_beside_it_only(file: Any, tmp_path: Path) -> None:
    io.save_weights(tmp_path / "secret.safetensors", ARRAYS)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "x.index.json").write_text(json.dumps({"weight_map": {"weight": file}}))
    with pytest.raises(CheckpointError, match=r"x\.index\.json: weight is said to be in .* no file beside the index"):
        io.load_weights(tmp_path / "m" / "x.index.json")


class Tied(nn.Module):
    def __init__(self) -> None:
        self.embedding, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_tied_weights_are_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    a, b = Tied(), Tied()
    io.save_weights(path, a.state_dict(), metadata={"format": "pt"})
    assert len(path.read_bytes()) < 5 * 3 * 4 * 2 + 200
    found = io.load_weights(path)
    assert set(found) == {"embedding.weight", "head.weight"}
    b.load_state_dict(found)
    np.testing.assert_array_equal(a.head.weight.numpy_copy(), b.head.weight.numpy_copy())
    c = Tied()  # a file of others that has the weight once and no note of it
    c.load_state_dict({"embedding.weight": found["embedding.weight"]})
    np.testing.assert_array_equal(c.head.weight.numpy_copy(), a.head.weight.numpy_copy())
    with pytest.raises(CheckpointError, match="missing"):
        nn.Linear(3, 5).load_state_dict({"bias": np.zeros(5)})


def test_metadata_is_what_other_programs_read(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "a.safetensors"
    io.save_weights(path, ARRAYS, metadata={"format": "pt", "note": "größer"})
    with safe_open(path, "numpy") as file:
        assert file.metadata() == {"format": "pt", "note": "größer"}
        for name, a in ARRAYS.items():
            np.testing.assert_array_equal(file.get_tensor(name), a)
    with pytest.raises(CheckpointError, match="metadata must map strings to strings"):
        io.save_weights(path, ARRAYS, metadata={"epoch": 3})  # type: ignore[dict-item]


WRONG = {
    "k.h5": (b"\x89HDF\r\n\x1a\n12345678", "an HDF5 file"),
    "empty.safetensors": (b"", "the file is empty"),
    "config.json": (b'{"hidden_size": 64}', "no index of weights"),
    "a.pkl": (b"\x80\x04K\x01.", "a pickle that PyTorch did not write"),
    "page.safetensors": (b"<!doctype html><html>", "a web page"),
    "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
    "a.npy": (b"\x93NUMPY\x01\x00v\x00", "a single NumPy array"),
    "a.gz": (b"\x1f\x8b\x08\x00", "compressed with gzip"),
    "a.gguf": (b"GGUF\x03\x00\x00\x00", "a GGUF file"),
    "a.onnx": (b"\x08\x07\x12\x07pytorch", "an ONNX model"),
    "a.zip": (zipped({}, {}).replace(b"data.pkl", b"data.txt"), "no file of PyTorch"),
    "none.pt": (zipped({"epoch": 3}, {}), "holds no tensors"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_kinds_are_named(name: str, tmp_path: Path) -> None:
    content, words = WRONG[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}: .*{words}"):
        io.load_weights(tmp_path / name)


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is a directory without weights; it has nothing"):
        io.load_weights(tmp_path)
    io.save_weights(tmp_path / "a.safetensors", ARRAYS)
    same(io.load_weights(tmp_path))
    io.save_weights(tmp_path / "b.safetensors", ARRAYS)
    with pytest.raises(CheckpointError, match=r"has 2 files \*\.safetensors; name one: a.safetensors, b.safetensors"):
        io.load_weights(tmp_path)


@pytest.mark.parametrize("name", ["a.safetensors", "a.npz", "a.pt"])
def test_the_command_lists_what_a_file_holds(name: str, tmp_path: Path) -> None:
    path, arrays = tmp_path / name, {k: ARRAYS[k] for k in ("weight", "steps")}
    if name == "a.pt":
        path.write_bytes(file_of(arrays))
    else:
        io.save_weights(path, arrays)
    lines = CliRunner().invoke(weights, [str(path)]).output.splitlines()
    assert sorted(lines[:-1]) == ["steps   int64     scalar", "weight  float32   2 x 3"]
    assert lines[-1] == "2 tensors, 7 values"


def test_a_file_that_calls_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(zipped({"a": Call(Name("os", "system"), ("true",))}, {}))
    with pytest.raises(CheckpointError, match=r"a\.pt: would call os\.system when unpickled, which was not done"):
        io.load_weights(path)


def test_dtypes_that_npz_does_not_have(tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    with pytest.raises(CheckpointError, match="cannot hold a, whose dtype is bfloat16; use safetensors"):
        io.save_weights(tmp_path / "a.npz", {"a": dl.ones(2).astype(dl.bfloat16)})
