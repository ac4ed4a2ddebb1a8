"""Images read at given points, as a graph that onnxruntime or onnx computes at sizes that were not recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange.test_onnx_export import close, judged

import dlengine as dl
import dlengine.torch as torch

pytest.importorskip("onnx")


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grid_sample(mode: str, padding: str, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "m.onnx"

    def read(x: Any, points: Any) -> Any:
        return torch.nn.functional.grid_sample(x, points, mode=mode, padding_mode=padding, align_corners=False)

    def made(n: int, rows: int) -> tuple[Any, Any]:
        return rng.standard_normal((n, 3, 4, 5), np.float32), rng.uniform(-1.3, 1.3, (n, rows, 2, 2)).astype(np.float32)

    dynamic = {"x": {0: "batch"}, "points": {0: "batch", 1: "rows"}}
    dl.io.onnx.save(read, tuple(map(torch.tensor, made(2, 3))), path, dynamic=dynamic)
    for n, rows in ((1, 2), (4, 7)):
        given = made(n, rows)
        close(judged(path, *given)[0], read(*map(torch.tensor, given)))


def test_volumes(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "m.onnx"
    x, points = rng.standard_normal((2, 3, 3, 4, 5), np.float32), rng.uniform(-1.3, 1.3, (2, 2, 3, 2, 3)).astype(np.float32)

    def read(x: Any, points: Any) -> Any:
        return torch.nn.functional.grid_sample(x, points, align_corners=True)

    dl.io.onnx.save(read, (torch.tensor(x), torch.tensor(points)), path, dynamic={})
    close(judged(path, x, points)[0], read(torch.tensor(x), torch.tensor(points)))
