"""The same numbers give the same bits wherever the arrays lie: a resumed run must not differ in the last digit."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from dlengine.kernels.geometry import ConvGeometry
from dlengine.kernels.jit import conv, linear, norm, optim, softmax
from dlengine.kernels.jit.convolution import depthwise
from dlengine.kernels.settings import AdamSettings


def _placed(buffer: np.ndarray, at: int, values: np.ndarray) -> np.ndarray:
    view = buffer[at : at + values.nbytes].view(values.dtype).reshape(values.shape)
    view[...] = values
    return view


def _everywhere(x: np.ndarray, run) -> set[bytes]:
    """What run(x, y) writes to y for every distance between x and y up to a cache line's neighbourhood."""
    buffer = np.zeros(1 << 14, np.uint8)
    found = set()
    for distance in (*range(-1200, -x.nbytes, x.itemsize), *range(x.nbytes, 1200, x.itemsize)):
        y = _placed(buffer, 4096 + distance, np.zeros_like(x))
        run(_placed(buffer, 4096, x), y)
        found.add(y.tobytes())
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 5), (3, 33), (1, 20)])
def test_rows(shape: tuple[int, int], dtype: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    labels = rng.integers(0, shape[1], shape[0])
    gloss = rng.standard_normal(shape[0]).astype(dtype)
    _, p = softmax.cross_entropy(x, labels, -100)
    assert len(_everywhere(x, lambda a, y: softmax._softmax(a, y, 1))) == 1
    assert len(_everywhere(p.reshape(-1), lambda a, gx: softmax._cross_entropy_grad(gloss, a, labels, -100, gx, 1))) == 1



def test_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Depthwise convolutions in all three directions, and products with a bias."""
    rng = np.random.default_rng(5)
    g = ConvGeometry(3, 5, 5, 5, (19, 21), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1), (19, 21))
    x, w, gy = (rng.standard_normal(shape).astype("f4") for shape in (g.x_shape, g.w_shape, g.y_shape))
    a, weight, bias = (rng.standard_normal(shape).astype("f4") for shape in ((130, 200), (150, 200), (150,)))
    found = set()
    for threads in (1, 2, 3):
        for module in (conv, depthwise):
            monkeypatch.setattr(module, "thread_count", lambda units, threads=threads: min(threads, units))
        monkeypatch.setattr(linear, "threads_for", lambda units, _, threads=threads: min(threads, units))
        results = (
            conv.conv2d(x, w, None, g), conv.conv2d_input_grad(gy, w, g), conv.conv2d_weight_grad(x, gy, g),
            linear.linear(a, weight, bias), linear.matmul(a.T, a),
        )  # fmt: skip
        found.add(b"".join(result.tobytes() for result in results))
    assert len(found) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (3, 33)])
def test_gradients_wherever_memory_is_free(shape: tuple[int, int], dtype: str) -> None:
    rng = np.random.default_rng(3)
    x, gy = rng.standard_normal((2, *shape)).astype(dtype)
    weight = rng.standard_normal(shape[1]).astype(dtype)
    found, blocks = set(), []
    for _ in range(500):
        blocks.append(np.empty(int(rng.integers(1, 600)), np.uint8))  # moves the arrays below to another place
        if len(blocks) > 40:
            blocks.pop(int(rng.integers(0, 40)))
        y, mean, rstd = norm.layer_norm(x.copy(), weight.copy(), None, 1e-5)
        p, m, v = weight.copy(), np.zeros_like(weight), np.zeros_like(weight)
        optim.adam([p], [gy[0].copy()], [m], [v], None, AdamSettings(1e-3, 0.9, 0.999, 1e-8, 0.01, True, 3))
        gradients = norm.layer_norm_grad(gy.copy(), x.copy(), weight.copy(), mean, rstd)
        found.add(b"".join(a.tobytes() for a in (y, *gradients, p, m, v)))
    assert len(found) == 1
