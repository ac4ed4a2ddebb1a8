"""Tensors beside other libraries: PyTorch's bfloat16, NumPy's functions, maps of files, notebooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import ArgumentError


def test_bfloat16_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    given = torch.linspace(-3, 3, 12).reshape(3, 4).T.to(torch.bfloat16)
    found = dl.asarray(given)
    assert found.dtype == dl.bfloat16
    np.testing.assert_array_equal(found.numpy_copy().astype(np.float32), given.to(torch.float32).numpy())
    assert dl.asarray(given, dtype="float32").dtype == np.float32


def test_functions_of_numpy_say_what_to_do() -> None:
    with pytest.raises(ArgumentError, match="NumPy's functions do not take tensors: use those of dlengine"):
        np.mean(dl.ones(3))


def test_parameters_in_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.ones((3, 2), np.float32))
    layer = nn.Linear(2, 3, bias=False)
    layer.weight = nn.Parameter(np.load(tmp_path / "w.npy", mmap_mode="r"))
    assert layer(dl.ones((1, 2))).tolist() == [[2.0, 2.0, 2.0]]


def test_notebooks_show_tensors_modules_and_summaries() -> None:
    assert dl.ones(2)._repr_html_() == "<pre>tensor([1., 1.])</pre><small>(2,) float32, cpu</small>"
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert "8 parameters" in model._repr_html_()
    table = model.summary((1, 3))._repr_html_()
    assert table.count("<tr>") == 4
    assert "<td>Linear</td>" in table
