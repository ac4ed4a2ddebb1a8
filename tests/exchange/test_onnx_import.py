"""Imported networks compute, train, are saved and refuse what they do not know."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files.test_hostile_files import little_memory, nothing_executed
from training.test_checkpoint import damaged

import dlengine as dl
from dlengine import io, nn, optim
from dlengine.errors import OnnxError

onnx = pytest.importorskip("onnx")

TEXT = """<ir_version: 8, opset_import: ["": 17]>
net (float[n, 1, 8, 8] x) => (float[n, 3] y) <int64[2] shape = {0, -1}, float[1] half = {0.5}>
{
    a = Conv<pads = [1, 1, 1, 1], kernel_shape = [3, 3]>(x, conv__weight, conv__bias)
    b = BatchNormalization(a, bn__weight, bn__bias, bn__running_mean, bn__running_var)
    c = Relu(b)
    d = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(c)
    e = Reshape(d, shape)
    f = MatMul(e, head__weight)
    g = Add(f, head__bias)
    y = Mul(g, half)
}"""
SHAPES = {
    "conv.weight": (4, 1, 3, 3), "conv.bias": (4,), "bn.weight": (4,), "bn.bias": (4,), "bn.running_mean": (4,),
    "bn.running_var": (4,), "head.weight": (64, 3), "head.bias": (3,),
}  # fmt: skip


def net() -> Any:
    model = onnx.parser.parse_model(TEXT)
    for node in model.graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = name.replace("__", ".")
    draw = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        a = draw.uniform(0.5, 1.5, shape) - (0 if "var" in name else 1)
        model.graph.initializer.append(onnx.numpy_helper.from_array(a.astype(np.float32), name))
    return model


X = np.random.default_rng(1).standard_normal((5, 1, 8, 8)).astype(np.float32)


def reference(model: Any, *inputs: Any) -> Any:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, dict(zip([i.name for i in model.graph.input], inputs, strict=True)))[0]


@pytest.mark.backends("numpy", "numba")
def test_outputs_and_names(backend: str) -> None:
    module = io.onnx.load(net())
    np.testing.assert_allclose(module(dl.asarray(X)).numpy_copy(), reference(net(), X), rtol=1e-5, atol=1e-6)
    assert [name for name, _ in module.named_parameters()] == [
        "conv.weight", "conv.bias", "bn.weight", "bn.bias", "head.weight", "head.bias",
    ]  # fmt: skip
    assert repr(module).startswith("ImportedModel(\n  x -> y")


def test_gradients_are_those_of_differences() -> None:
    module = io.onnx.load(net()).double()
    x = dl.asarray(X.astype(np.float64))
    direction = {name: np.random.default_rng(i).standard_normal(p.shape) for i, (name, p) in enumerate(module.named_parameters())}
    (module(x) ** 2).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    slope = sum(float((p.grad * dl.asarray(direction[name])).sum()) for name, p in module.named_parameters())  # type: ignore[operator]

    def moved(step: float) -> float:
        other = io.onnx.load(net()).double()
        for name, p in other.named_parameters():
            with dl.no_grad():
                p[...] = p + step * dl.asarray(direction[name])
        return float((other(x) ** 2).sum())

    assert (moved(1e-6) - moved(-1e-6)) / 2e-6 == pytest.approx(slope, rel=1e-6)


def test_it_trains_is_saved_and_loaded(tmp_path: Path) -> None:
    module = io.onnx.load(net())
    labels = dl.asarray([0, 1, 2, 0, 1])
    optimizer = optim.Adam(module.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(module(dl.asarray(X)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
    io.save_weights(tmp_path / "w.safetensors", module.state_dict())
    other = io.onnx.load(net())
    other.load_state_dict(io.load_weights(tmp_path / "w.safetensors"))
    np.testing.assert_array_equal(other(dl.asarray(X)).numpy_copy(), module(dl.asarray(X)).numpy_copy())
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        np.testing.assert_array_equal(again(dl.asarray(X)).numpy_copy(), module(dl.asarray(X)).numpy_copy())
        with dl.no_grad():
            next(again.parameters())[...] = 0.0
        assert float(abs(next(module.parameters())).sum()) > 0


def test_statistics_and_dropout_follow_the_mode() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
    net (float[n, 2] x) => (float[n, 2] y)
    <float[2] w = {1.0, 1.0}, float[2] b = {0.0, 0.0}, float[2] m = {0.0, 0.0}, float[2] v = {1.0, 1.0}>
    { h = Dropout(x)  y = BatchNormalization(h, w, b, m, v) }"""
    module = io.onnx.load(onnx.parser.parse_model(text))
    assert not module.training
    x = dl.asarray(np.random.default_rng(0).standard_normal((400, 2)).astype(np.float32) + 3)
    np.testing.assert_allclose(module(x).numpy_copy(), x.numpy_copy() / np.sqrt(1 + 1e-5), rtol=1e-5)
    y = module.train()(x)
    assert abs(float(y.mean())) < 1e-5
    after = module.eval()(x)
    assert float(abs(after - x).mean()) > 0.1  # the running statistics have moved, and go with the module
    assert [name for name, _ in module.named_buffers()] == ["m", "v"]


CONTROL = """<ir_version: 8, opset_import: ["": 17]>
net (float[n] x, int64 k) => (float[n] y, float[k, n] all) <bool yes = {1}, float two = {2.0}>
{
    first, all = Loop(k, yes, x) <body = loop (int64 i, bool go, float[n] state) => (bool still, float[n] next, float[n] kept)
        { still = Identity(go)  next = Mul(state, two)  kept = Identity(state) }>
    total = ReduceSum<keepdims = 0>(first)
    zero = Constant<value_float = 0.0>()
    positive = Greater(total, zero)
    y = If(positive) <then_branch = a () => (float[n] p) { p = Neg(first) },
                      else_branch = b () => (float[n] q) { q = Identity(first) }>
}"""


def test_loops_and_branches() -> None:
    module = io.onnx.load(onnx.parser.parse_model(CONTROL))
    x = dl.tensor([1.0, 2.0], requires_grad=True)
    y, kept = module(x, 3)
    assert y.tolist() == [-8.0, -16.0]
    assert kept.tolist() == [[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-8.0, -8.0]
    assert module(dl.asarray([-1.0, -2.0]), 1)[0].tolist() == [-2.0, -4.0]


def test_functions_of_the_model_and_of_onnx_are_inlined() -> None:
    text = """<ir_version: 10, opset_import: ["": 20, "mine": 1]>
    net (float[n] x) => (float[n] y) { y = mine.twice(x) }
    <domain: "mine", opset_import: ["": 20]> twice (a) => (b) { b = Add(a, a) }"""
    assert io.onnx.load(onnx.parser.parse_model(text))(dl.asarray([1.0])).tolist() == [2.0]


def test_weights_in_another_file_are_mapped(tmp_path: Path) -> None:
    onnx.save(net(), tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    module = io.onnx.load(tmp_path / "m.onnx")
    np.testing.assert_allclose(module(dl.asarray(X)).numpy_copy(), reference(net(), X), rtol=1e-5, atol=1e-6)
    with dl.no_grad():
        next(module.parameters())[...] = 0.0  # not the file
    again = io.onnx.load(tmp_path / "m.onnx")
    assert float(abs(next(again.parameters())).sum()) > 0


@pytest.mark.parametrize("place", ["../m.bin", "/etc/passwd", "nothing.bin", ""])
def test_external_files_lie_beside_the_model(place: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    onnx.save(net(), tmp_path / "in" / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    (tmp_path / "in" / "m.bin").rename(tmp_path / "m.bin")
    model = onnx.load(tmp_path / "in" / "m.onnx", load_external_data=False)
    for initializer in model.graph.initializer:
        for entry in initializer.external_data:
            entry.value = place if entry.key == "location" else entry.value
    (tmp_path / "in" / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(OnnxError, match=r"m\.onnx: .*(no file beside the model|is missing)"):
        io.onnx.load(tmp_path / "in" / "m.onnx")


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["": 17, "com.x": 1]> net (float[n] x) => (float[n] y) { y = com.x.Strange(x) }'
    with pytest.raises(OnnxError, match=r"node Strange that makes 'y': the operator Strange \(domain 'com.x', opset 1\)"):
        io.onnx.load(onnx.parser.parse_model(text))
    text = '<ir_version: 8, opset_import: ["": 17]> net (float[n] x) => (float[n] y) { y = Relu(z) }'
    with pytest.raises(OnnxError, match="node Relu that makes 'y' use 'z', which no node before makes"):
        io.onnx.load(onnx.parser.parse_model(text))
    module = io.onnx.load(net())
    with pytest.raises(OnnxError, match="the inputs are x; missing: x"):
        module()
    with pytest.raises(OnnxError, match="too many or unknown: z"):
        module(X, z=1)
    np.testing.assert_array_equal(module(x=X).numpy_copy(), module(X).numpy_copy())
    for name, words in (("none.onnx", "no such file"), (".", "is a directory")):
        with pytest.raises(OnnxError, match=words):
            io.onnx.load(tmp_path / name)
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(OnnxError, match=r"a\.onnx: "):
        io.onnx.load(tmp_path / "a.onnx")


def test_an_error_inside_names_the_node() -> None:
    module = io.onnx.load(net())
    with pytest.raises(dl.errors.DLEngineError) as caught:
        module(dl.asarray(X[:, :, :4]))
    assert "in the ONNX model's node MatMul that makes 'f'" in caught.value.__notes__


def test_500_damaged_models(tmp_path: Path) -> None:
    path, whole = tmp_path / "m.onnx", net().SerializeToString()
    path.write_bytes(whole)
    good = io.onnx.load(path)(X).numpy_copy()
    refused = 0
    for seed in range(500):
        path.write_bytes(damaged(whole, random.Random(seed)))
        with nothing_executed(), little_memory():
            try:
                io.onnx.load(path)
            except OnnxError:
                refused += 1
    assert refused > 100
    path.write_bytes(whole)
    np.testing.assert_array_equal(io.onnx.load(path)(X).numpy_copy(), good)


def test_onnx_is_imported_on_first_use_only() -> None:
    code = "import sys, dlengine as dl; dl.io.onnx.load; print('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
    code = """
import sys
sys.modules["onnx"] = None
import importlib.util, dlengine as dl
importlib.util.find_spec = lambda name: None
import dlengine.io.onnx.values as values
values.find_spec = lambda name: None
try:
    dl.io.onnx.load("m.onnx")
except dl.errors.BackendUnavailable as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'dlengine-xp[onnx]'" in run.stdout


def test_weights_in_constant_nodes_train_too() -> None:
    model = net()
    kept = [i for i in model.graph.initializer if i.name in ("shape", "half")]
    for initializer in model.graph.initializer:
        if initializer.name not in ("shape", "half"):
            node = onnx.helper.make_node("Constant", [], [initializer.name], value=initializer)
            model.graph.node.insert(0, node)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    module = io.onnx.load(model)
    assert len(list(module.parameters())) == 6
    np.testing.assert_allclose(module(X).numpy_copy(), reference(net(), X), rtol=1e-5, atol=1e-6)


def test_a_missing_attribute_is_named() -> None:
    text = '<ir_version: 8, opset_import: ["": 17]> net (float[n] x) => (float[n] y) { y = Concat(x, x) }'
    with pytest.raises(OnnxError, match="node Concat that makes 'y': the attribute 'axis' is missing"):
        io.onnx.load(onnx.parser.parse_model(text))
