"""Imported networks whose weights are constants: the same answers, fewer calls, nothing to train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, training

onnx = pytest.importorskip("onnx")
pytest.importorskip("ml_dtypes")
RNG = np.random.default_rng(0)


def steps(model: Any) -> list[str]:
    return [step.call.key[1] for step in model._program.graph.steps]


def folded_and_not(text: str) -> tuple[Any, Any]:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> g {text}')
    for name, shape in (("w", (3, 2, 3)), ("s", (3,)), ("b", (3,)), ("m", (3,)), ("v", (3,))):
        model.graph.initializer.append(onnx.numpy_helper.from_array(RNG.uniform(0.5, 2, shape).astype("float32"), name))
    return dl.io.onnx.load(model, trainable=False), dl.io.onnx.load(model)


def test_a_batch_norm_goes_into_the_convolution_before_it(backend: str) -> None:
    text = "(float[n, 2, 9] x) => (float[n, 3, 7] y) { c = Conv(x, w)  y = BatchNormalization <epsilon = 0.01> (c, s, b, m, v) }"
    folded, whole = folded_and_not(text)
    assert steps(folded) == ["Conv"]
    assert steps(whole) == ["Conv", "BatchNormalization"]
    assert not list(folded.parameters())
    x = dl.asarray(RNG.normal(size=(4, 2, 9)).astype("float32"))
    expected = whole(x).numpy_copy()
    np.testing.assert_allclose(folded(x).numpy_copy(), expected, atol=1e-5)
    np.testing.assert_allclose(folded.train()(x).numpy_copy(), expected, atol=1e-5)
    if backend not in ("numpy", "numba"):
        return
    with dl.no_grad():
        step = training.capture(lambda x: folded(x))
        for _ in range(3):
            np.testing.assert_allclose(step(x).numpy_copy(), expected, atol=1e-5)


@pytest.mark.parametrize("ends", ["c = Conv(x, w) z = BatchNormalization(c, s, b, m, v) y = Add(z, c)", "c = Conv(x, w) "
    "z = BatchNormalization(c, s, b, m, v) t = Cast <to = 7> (q) k = Cast <to = 9> (t) y = If (k) <then_branch = a () => "
    "(float[n, 3, 7] p) { p = Neg(c) }, else_branch = o () => (float[n, 3, 7] r) { r = Identity(z) }>"])  # fmt: skip
def test_a_convolution_that_others_read_stays(ends: str) -> None:
    folded, whole = folded_and_not(f"(float[n, 2, 9] x, float q) => (float[n, 3, 7] y) {{ {ends} }}")
    assert "BatchNormalization" in steps(folded)
    x, one = RNG.normal(size=(4, 2, 9)).astype("float32"), np.float32(1)
    np.testing.assert_allclose(folded(x, one).numpy_copy(), whole(x, one).numpy_copy(), atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_weights_of_lstms_are_put_in_order_once(bidirectional: bool, tmp_path: Path) -> None:
    lstm = nn.LSTM(3, 4, bidirectional=bidirectional)
    x = dl.randn(5, 2, 3)
    dl.io.onnx.save(lstm, (x,), tmp_path / "lstm.onnx", dynamic={})
    model = dl.io.onnx.load(tmp_path / "lstm.onnx", trainable=False)
    assert "OrderedLSTM" in steps(model)
    found = [part.numpy_copy() for part in model(x)]
    y, (h, c) = lstm(x)
    for a, b in zip(found, (y, h, c), strict=True):
        np.testing.assert_allclose(a, b.numpy_copy(), atol=1e-6)


def test_computed_weights_and_peepholes_keep_the_operator() -> None:
    text = """<ir_version: 8, opset_import: ["": 18]> g (float[t, n, 2] x, float[1, 9] p) => (float[t, 1, n, 3] y)
    { y = LSTM <hidden_size = 3> (x, w, r, , , , , p) }"""
    model = onnx.parser.parse_model(text)
    for name, shape in (("w", (1, 12, 2)), ("r", (1, 12, 3))):
        model.graph.initializer.append(onnx.numpy_helper.from_array(RNG.normal(size=shape).astype("float32"), name))
    fixed, whole = dl.io.onnx.load(model, trainable=False), dl.io.onnx.load(model)
    assert "LSTM" in steps(fixed)
    x, p = (dl.asarray(RNG.normal(size=shape).astype("float32")) for shape in ((4, 5, 2), (1, 9)))
    np.testing.assert_allclose(fixed(x, p).numpy_copy(), whole(x, p).numpy_copy(), atol=1e-6)
