"""Checkpoints: what goes in comes out, and damage of any kind is refused by name."""

from __future__ import annotations

from pathlib import Path

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
    with pytest.raises(CheckpointError, match="two tensors would be called 'a/b'"):
        io.save(path, {"a/b": dl.ones(1), "a": {"b": dl.ones(1)}})


def test_weights_are_plain_safetensors(path: Path) -> None:
    from safetensors.numpy import load_file

    a, b = nn.LSTM(2, 3), nn.LSTM(2, 3)
    io.save_weights(path, a.state_dict())
    assert sorted(load_file(path)) == sorted(a.state_dict())
    b.load_state_dict(io.load_weights(path))
    np.testing.assert_array_equal(a.weight_hh_l0.numpy_copy(), b.weight_hh_l0.numpy_copy())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        io.save(path, {"a": 1})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
