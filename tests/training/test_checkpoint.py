"""Checkpoints: what goes in comes out, and damage of any kind is refused by name."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import io, nn
from dlengine.errors import CheckpointError

STATE = {
    "model": {"0.weight": dl.asarray(np.arange(6.0).reshape(2, 3)), "scalar": dl.asarray(3), "empty": dl.zeros((0, 2))},
    "optimizer": {"state": {0: {"step": 3}}, "betas": (0.9, 0.1 + 0.2)},
    "seed": 2**63 + 5,
    "history": [{"loss": 1e-300, "ok": True, "note": None, "text": "ü"}],
    "array": np.ones(3, np.float32)[::-1],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "c.safetensors"
    io.save(file, STATE)
    return file


def test_what_goes_in_comes_out(path: Path) -> None:
    state = io.load(path)
    assert list(state) == list(STATE)
    assert state["optimizer"] == {"state": {"0": {"step": 3}}, "betas": [0.9, 0.1 + 0.2]}
    assert (state["seed"], state["history"]) == (STATE["seed"], STATE["history"])
    assert list(state["model"]) == ["0.weight", "scalar", "empty"]
    weight = state["model"]["0.weight"]
    assert (weight.dtype, weight.numpy().tolist()) == (np.float64, [[0, 1, 2], [3, 4, 5]])
    assert state["model"]["scalar"].shape == ()
    assert state["model"]["empty"].shape == (0, 2)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("where", [0, 3, 8, 40, 200, 400, -1, -20, -60])
def test_any_flipped_byte_is_noticed_or_harmless(path: Path, where: int) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 4
    path.write_bytes(content)
    try:
        state = io.load(path)
    except CheckpointError:
        with pytest.raises(CheckpointError, match=r"c\.safetensors: "):
            io.load(path)
    else:
        np.testing.assert_array_equal(state["model"]["0.weight"].numpy(), STATE["model"]["0.weight"].numpy())  # type: ignore[index]


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1, -30])
def test_a_truncated_file_is_refused(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"c.safetensors: damaged or cut short"):
        io.load(path)


def test_other_files_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        io.load(path.parent / "absent")
    io.save_weights(path, nn.Linear(2, 2).state_dict())
    with pytest.raises(CheckpointError, match="not a dlengine checkpoint"):
        io.load(path)
    monkeypatch.setattr("dlengine.io.checkpoint.VERSION", 99)
    io.save(path, {"a": 1})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format version 99, this dlengine reads 1"):
        io.load(path)
    with pytest.raises(CheckpointError, match="a/0 is a object"):
        io.save(path, {"a": [object()]})
    for state, words in (
        ({"a": np.ones(1, complex)}, "cannot hold complex128"),
        ({"a": np.array(["text"])}, "cannot hold <U4"),
        ({"a": {1: 2, "1": 3}}, "a has keys that are one as strings"),
        ({"$tensor": 1}, "the key"),
    ):
        with pytest.raises(CheckpointError, match=words):
            io.save(path, state)
    io.save(path, {"a": np.arange(3, dtype=">f4")})
    assert io.load(path)["a"].numpy().tolist() == [0, 1, 2]
    with pytest.raises(CheckpointError, match="two tensors would be called 'a/b'"):
        io.save(path, {"a/b": dl.ones(1), "a": {"b": dl.ones(1)}})


def test_weights_are_plain_safetensors(path: Path) -> None:
    from safetensors.numpy import load_file

    a, b = nn.LSTM(2, 3), nn.LSTM(2, 3)
    io.save_weights(path, a.state_dict())
    assert sorted(load_file(path)) == sorted(a.state_dict())
    b.load_state_dict(io.load_weights(path))
    np.testing.assert_array_equal(a.weight_hh_l0.numpy_copy(), b.weight_hh_l0.numpy_copy())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="its folder does not exist.*weights"):
        io.save(tmp_path / "nowhere" / "weights.safetensors", {"a": dl.ones(3)})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        io.save(path, {"a": 1})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Flipped bits, overwritten, repeated or missing pieces, or a cut."""
    data = bytearray(content)
    kind = draw.randrange(6)
    if kind == 0:
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del data[draw.randrange(len(data)) :]
    elif kind == 2:
        start = draw.randrange(len(data))
        del data[start : start + draw.randint(1, 50)]
    elif kind == 3:
        start = draw.randrange(len(data))
        data[start:start] = draw.randbytes(draw.randint(1, 50))
    elif kind == 4:
        start = draw.randrange(len(data))
        data[start : start + 8] = draw.choice([b"\xff" * 8, bytes(8), draw.randbytes(8)])
    else:  # the head, where lengths and names are
        data[draw.randrange(min(300, len(data)))] = draw.choice([0, 9, 32, 34, 44, 48, 57, 91, 92, 93, 123, 125, 128, 255])
    return bytes(data)


def alike(a: Any, b: Any) -> bool:
    if isinstance(a, dl.Tensor):
        return isinstance(b, dl.Tensor) and a.dtype == b.dtype and a.numpy_copy().tobytes() == b.numpy_copy().tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(alike, a, b))
    return type(a) is type(b) and a == b


def fuzz(path: Path, seeds: range) -> int:
    """Every damaged copy is refused or gives exactly what was saved; how many were refused with the file's name."""
    content, good = path.read_bytes(), io.load(path)
    refused = 0
    for seed in seeds:
        path.write_bytes(damaged(content, random.Random(seed)))
        try:
            found = io.load(path)
        except CheckpointError as error:
            refused += "c.safetensors" in str(error)
        else:
            assert alike(found, good), seed
        try:  # plain weights have no checksum, but whatever comes of them comes as one kind of error
            io.load_weights(path)
        except CheckpointError:
            pass
    return refused


def test_forty_damaged_checkpoints(path: Path) -> None:
    assert fuzz(path, range(40)) > 35


@pytest.mark.slow
def test_many_damaged_checkpoints(path: Path) -> None:
    assert fuzz(path, range(40, 1040)) > 900


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_weights_of_pytorch_load_unchanged(path: Path, dtype: str) -> None:
    import torch
    from safetensors.torch import save_file

    def network(library: Any) -> Any:
        return library.Sequential(
            library.Conv2d(1, 4, 3), library.BatchNorm2d(4), library.Flatten(), library.Linear(16, 6), library.LayerNorm(6)
        )

    theirs, ours = network(torch.nn).to(getattr(torch, dtype)), network(nn)
    save_file(theirs.state_dict(), path)
    if dtype == "float64":
        ours.double()
    ours.load_state_dict(io.load_weights(path))
    for name, value in theirs.state_dict().items():
        mine = ours.state_dict()[name].numpy_copy()
        np.testing.assert_array_equal(mine, value.to(torch.float64).numpy().astype(mine.dtype), err_msg=name)
    x = np.random.default_rng(0).standard_normal((3, 1, 4, 4))
    if dtype == "float64":
        y = theirs.eval()(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(ours.eval()(dl.asarray(x)).numpy_copy(), y, rtol=1e-10, atol=1e-12)


def test_loading_says_what_does_not_fit(path: Path) -> None:
    io.save_weights(path, nn.Linear(2, 3).state_dict())
    state = io.load_weights(path)
    words = r"misshapen: weight is \(3, 2\), expected \(4, 2\), bias is \(3,\), expected \(4,\)"
    with pytest.raises(CheckpointError, match=words):
        nn.Linear(2, 4).load_state_dict(state)
    with pytest.raises(CheckpointError, match=r"missing: 0\.weight, 0\.bias; unexpected: bias, weight"):
        nn.Sequential(nn.Linear(2, 3)).load_state_dict(state)


def test_a_device_is_no_checkpoint_and_a_date_no_part_of_one(tmp_path: Path) -> None:
    for read in (io.load, io.load_weights):
        with pytest.raises(CheckpointError, match="/dev/zero: .*no regular file"):
            read("/dev/zero")
    for value in (np.datetime64("2020-01-01"), np.complex64(1j), np.bytes_(b"a")):
        with pytest.raises(CheckpointError, match="save: when is a"):
            io.save(tmp_path / "state", {"when": value})
    io.save(tmp_path / "state", {"n": np.int8(3), "x": np.float32(0.5), "yes": np.True_, "s": np.str_("a")})
    assert io.load(tmp_path / "state") == {"n": 3, "x": 0.5, "yes": True, "s": "a"}
