"""bfloat16 goes into checkpoints and weight files and comes back as it was; also read where ml_dtypes is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import io, nn, optim
from dlengine.errors import CheckpointError

pytest.importorskip("ml_dtypes")

VALUES = {
    "matrix": np.linspace(-3, 3, 12).reshape(3, 4),
    "special": np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 2.0**-133, 3.0e38]),
    "scalar": np.array(1.0 / 3),
    "nothing": np.zeros((0, 2)),
}


def tensors() -> dict[str, Any]:
    return {name: dl.astype(dl.asarray(v.astype("float32")), dl.bfloat16) for name, v in VALUES.items()}


def same(found: Any, wanted: Any) -> None:
    assert found.dtype == dl.bfloat16
    np.testing.assert_array_equal(found.numpy_copy().view(np.uint16), wanted.numpy_copy().view(np.uint16))


def test_both_kinds_of_files_give_the_same_bits_back(tmp_path: Path) -> None:
    state = {"tensors": tensors(), "step": 3, "also": dl.ones(2)}
    io.save(tmp_path / "state", state)
    found = io.load(tmp_path / "state")
    io.save_weights(tmp_path / "weights", tensors())
    weights = io.load_weights(tmp_path / "weights")
    for name, wanted in tensors().items():
        same(found["tensors"][name], wanted)
        same(weights[name], wanted)
    assert found["step"] == 3
    assert found["also"].dtype == np.float32


def test_transposed_and_strided_tensors_are_written_by_value(tmp_path: Path) -> None:
    x = tensors()["matrix"]
    io.save(tmp_path / "views", {"t": x.T, "s": x[:, ::2]})
    found = io.load(tmp_path / "views")
    same(found["t"], x.T)
    same(found["s"], x[:, ::2])


def test_a_model_in_bfloat16_is_saved_loaded_and_turned_back(tmp_path: Path) -> None:
    a, b = (nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)).to("bfloat16") for _ in range(2))
    io.save_weights(tmp_path / "m", a.state_dict())
    b.load_state_dict(io.load_weights(tmp_path / "m"))
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        same(q, p)
    wide = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    wide.load_state_dict(io.load_weights(tmp_path / "m"))
    assert {str(p.dtype) for p in wide.parameters()} == {"float32"}
    assert {str(p.dtype) for p in b.float().parameters()} == {"float32"}


@pytest.mark.backends("numpy", "numba")
def test_optimizer_state_in_bfloat16_is_saved(tmp_path: Path, backend: str) -> None:
    def begun() -> tuple[Any, optim.Optimizer]:
        p = nn.Parameter(dl.astype(dl.asarray([1.0, -2.0]), dl.bfloat16))
        return p, optim.RMSprop([p], momentum=0.9)

    p, optimizer = begun()
    p.grad = dl.astype(dl.asarray([0.5, 1.0]), dl.bfloat16)
    optimizer.step()
    io.save(tmp_path / "o", optimizer.state_dict())
    q, other = begun()
    other.load_state_dict(io.load(tmp_path / "o"))
    for key, value in optimizer.state[p].items():
        if key != "step":
            same(other.state[q][key], value)


def test_without_ml_dtypes_weights_are_float32_and_checkpoints_say_what_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    io.save(tmp_path / "state", tensors())
    io.save_weights(tmp_path / "weights", tensors())
    found = importlib.util.find_spec
    for module in ("checkpoint", "safetensors"):
        monkeypatch.setattr(f"dlengine.io.{module}.find_spec", lambda name: None if name == "ml_dtypes" else found(name))
    weights = io.load_weights(tmp_path / "weights")
    for name, wanted in tensors().items():
        assert weights[name].dtype == np.float32
        np.testing.assert_array_equal(weights[name].numpy_copy(), wanted.numpy_copy().astype(np.float32))
    with pytest.raises(CheckpointError, match="holds bfloat16, which needs the package ml_dtypes"):
        io.load(tmp_path / "state")
