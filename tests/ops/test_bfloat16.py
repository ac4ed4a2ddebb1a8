"""bfloat16 through the engine: on the emulated GPU, whose kernels add in float32."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.errors import DTypeError
from dlengine.kernels.cuda import emulator

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
UNIT = 2.0**-8


def make(*shape: int, dtype: Any = None) -> Any:
    values = np.random.default_rng(sum(shape)).standard_normal(shape).astype("f4")
    t = dl.astype(dl.asarray(values), dl.bfloat16)
    t = t if dtype is None else dl.astype(t, dtype)
    t.requires_grad = True
    return t


OPS: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "matmul": (dl.matmul, [(6, 8), (8, 5)]),
    "conv2d": (dl.conv2d, [(2, 3, 7, 7), (9, 3, 3, 3)]),
    "max_pool2d": (lambda x: dl.max_pool2d(x, 2), [(2, 3, 6, 6)]),
    "softmax": (dl.softmax, [(5, 9)]),
    "layer_norm": (lambda x, w, b: dl.layer_norm(x, (20,), w, b), [(4, 20), (20,), (20,)]),
    "relu": (dl.relu, [(4, 9)]),
    "tanh": (dl.tanh, [(4, 9)]),
    "scaled": (lambda x, y: 0.5 * x + y * 3 - 1.25, [(4, 9), (4, 9)]),
    "mean": (lambda x: dl.mean(x, axis=0), [(8, 9)]),
}


@needs_emulator
@pytest.mark.parametrize("name", OPS)
def test_values_and_gradients(name: str) -> None:
    """Within a few roundings of float64 from the same numbers, and in bfloat16 to the end."""
    op, shapes = OPS[name]
    exact_leaves = [make(*shape, dtype="float64") for shape in shapes]
    with dl.use_backend("numpy"):
        exact = op(*exact_leaves)
        dl.sum(exact).backward()
    leaves = [make(*shape) for shape in shapes]
    backend.fallbacks.clear()
    with dl.use_backend("cuda", emulate=True):
        found = op(*leaves)
        dl.sum(found).backward()
    assert not [label for label in backend.fallbacks if "bfloat16" in label]
    pairs = [(found, exact), *((a.grad, b.grad) for a, b in zip(leaves, exact_leaves, strict=True))]
    for got, want in pairs:
        got, want = got.detach(), want.detach().numpy()
        assert got.dtype == dl.bfloat16
        assert np.max(abs(got.numpy().astype("f8") - want)) <= 4 * UNIT * max(1.0, np.max(abs(want)))


def test_names() -> None:
    assert str(dl.bfloat16) == "bfloat16"
    assert dl.astype(dl.ones((2,)), "bfloat16").dtype == dl.bfloat16
    assert dl.ones((2,), dtype=dl.bfloat16).dtype == dl.bfloat16
    assert (make(3) * make(3, dtype="float32")).dtype == dl.float32


def test_absent_package_gets_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(DTypeError, match="pip install ml_dtypes"):
        dl.bfloat16  # noqa: B018


MAKERS = (
    'dl.ones(3, dtype="bfloat16")', 'dl.full(3, 0.5, dtype="bfloat16")', 'dl.arange(3, dtype="bfloat16")',
    'dl.asarray([1.5], dtype="bfloat16")', 'dl.tensor([1.5], dtype="bfloat16")', 'dl.zeros_like(dl.ones(2), dtype="bfloat16")',
    'dl.rand(3, dtype="bfloat16")', 'dl.sum(dl.ones(3), dtype="bfloat16")', 'dl.cumulative_sum(dl.ones(3), dtype="bfloat16")',
    'nn.Linear(2, 3, dtype="bfloat16").weight', 'nn.BatchNorm1d(2, dtype="bfloat16").running_mean',
)  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_its_name_is_known_before_anything_else_has_brought_it(maker: str) -> None:
    """NumPy knows the name only once the package ml_dtypes is imported, so each is the first in a process of its own."""
    pytest.importorskip("ml_dtypes")
    lines = (
        "import sys, dlengine as dl", "from dlengine import nn", "dl.set_backend('numpy')",
        "assert 'ml_dtypes' not in sys.modules",
        f"assert str(({maker}).dtype) == 'bfloat16'",
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
