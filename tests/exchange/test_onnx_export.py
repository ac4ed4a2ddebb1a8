"""Networks written as ONNX and read again: right at sizes that were not recorded, in onnxruntime and in onnx itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import models, nn
from dlengine.errors import OnnxError
from dlengine.ops.gather import put_along_axis

onnx = pytest.importorskip("onnx")

DRAW = np.random.default_rng(0)


def image(channels: int, side: int) -> Callable[..., Any]:
    return lambda n, t: DRAW.standard_normal((n, channels, side, side)).astype(np.float32)


def vector(*shape: int) -> Callable[..., Any]:
    return lambda n, t: DRAW.standard_normal((n, *shape)).astype(np.float32)


def tokens(high: int, length: int | None = None) -> Callable[..., Any]:
    return lambda n, t: DRAW.integers(1, high, (n, length or t))


def steps(size: int, time_first: bool = False) -> Callable[..., Any]:
    return lambda n, t: DRAW.standard_normal((t, n, size) if time_first else (n, t, size)).astype(np.float32)


TIME = {1: "time"}
MODELS: dict[str, tuple[Callable[[], Any], list[Callable[..., Any]], dict[int, str]]] = {
    "Autoencoder": (lambda: models.Autoencoder([12, 6, 3]), [vector(12)], {}),
    "CaptionEncoder": (lambda: models.CaptionEncoder(9), [tokens(9)], TIME),
    "CaptionedDiscriminator": (lambda: models.CaptionedDiscriminator(9, 16, 4, 6), [image(3, 16), tokens(9, 4)], {}),
    "CaptionedGenerator": (lambda: models.CaptionedGenerator(9, 5, 16, 4, 6), [vector(5), tokens(9, 4)], {}),
    "Captioner": (lambda: models.Captioner(16, 9, 4, 6, 4, False), [image(3, 16), tokens(9, 4)], {}),
    "Captioner with attention": (lambda: models.Captioner(16, 9, 4, 6, 4, True), [image(3, 16), tokens(9, 4)], {}),
    "ConvAutoencoder": (lambda: models.ConvAutoencoder(8, 4, 3), [image(1, 8)], {}),
    "ConvDiscriminator": (lambda: models.ConvDiscriminator(8, 1, 4), [image(1, 8)], {}),
    "ConvEncoder": (lambda: models.ConvEncoder(14, 4, 3), [image(1, 14)], {}),
    "ConvGenerator": (lambda: models.ConvGenerator(6, 8, 1, 4), [vector(6)], {}),
    "ConvNet": (lambda: models.ConvNet(8, width=4, hidden=8), [image(1, 8)], {}),
    "DANN": (lambda: models.DANN(16, 4, 8), [image(3, 16)], {}),
    "DenseDiscriminator": (lambda: models.DenseDiscriminator(8, 12), [image(1, 8)], {}),
    "DenseGenerator": (lambda: models.DenseGenerator(6, 8, 12), [vector(6)], {}),
    "FrameLabeller": (lambda: models.FrameLabeller(8, 3, 4, 6), [vector(4, 1, 8, 8)], {}),
    "LanguageModel": (
        lambda: models.LanguageModel(9, 4, 6, 2), [lambda n, t: DRAW.integers(1, 9, (t, n))], {0: "time", 1: "batch"},
    ),
    "LinearAutoencoder": (lambda: models.LinearAutoencoder(dl.ones(6), 3), [vector(6)], {}),
    "MLP": (lambda: models.MLP([5, 7, 2], "tanh"), [vector(5)], {}),
    "ManyToOne": (lambda: models.ManyToOne(nn.GRU(3, 4), 2), [steps(3, True)], {0: "time", 1: "batch"}),
    "PatchDiscriminator": (lambda: models.PatchDiscriminator(3, 4), [image(3, 16)], {}),
    "Pix2Pix generator": (lambda: models.SkipTranslator(1, 1, 4), [image(1, 16)], {}),
    "PlainNet": (lambda: models.PlainNet(1, 4), [image(3, 16)], {}),
    "ResNet": (lambda: models.ResNet(1, 4), [image(3, 16)], {}),
    "ResidualTranslator": (lambda: models.ResidualTranslator(3, 4, 1), [image(3, 16)], {}),
    "ReviewClassifier": (lambda: models.ReviewClassifier(9, 4, 6, 2), [tokens(9, 5)], {}),
    "RowClassifier": (lambda: models.RowClassifier(8, 6, 4), [image(1, 8)], {}),
    "Seq2Seq": (lambda: models.Seq2Seq(9, 8, 4, 6, False), [tokens(8, 5), tokens(8, 4)], {}),
    "Seq2Seq with attention": (lambda: models.Seq2Seq(9, 8, 4, 6, True), [tokens(8, 5), tokens(8, 4)], {}),
    "StackedAutoencoder": (lambda: models.StackedAutoencoder([12, 6, 4]), [vector(12)], {}),
    "TiedLayer": (lambda: models.TiedLayer(6, 3), [vector(6)], {}),
    "ToneNet": (lambda: models.ToneNet(4, 4), [vector(1, 1024)], {}),
    "UNet": (lambda: models.UNet(3, 4, 4, 2), [image(3, 16)], {}),
    "Word2Vec": (lambda: models.Word2Vec(9, 4), [lambda n, t: DRAW.integers(0, 9, (n,)), tokens(9, 3)], {}),
    "encoder layers": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), [steps(8)], TIME),
    "two-way LSTM": (lambda: nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), [steps(3)], TIME),
}


def flat(result: Any) -> list[Any]:
    return [t for part in result for t in flat(part)] if isinstance(result, tuple | list) else [result]


def judged(path: Path, *inputs: Any) -> list[Any]:
    """The outputs by onnxruntime if it is installed, else by onnx."""
    if find_spec("onnxruntime") is None:
        from onnx.reference import ReferenceEvaluator

        model = onnx.load(path)
        return list(ReferenceEvaluator(model).run(None, dict(zip([i.name for i in model.graph.input], inputs, strict=True))))
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(zip([i.name for i in session.get_inputs()], inputs, strict=True))))


def close(a: Any, b: Any, bound: float = 1e-5) -> None:
    a, b = (v.numpy_copy() if isinstance(v, dl.Tensor) else v for v in (a, b))
    np.testing.assert_allclose(a, b, rtol=bound, atol=bound * max(1.0, float(np.abs(b).max(initial=0))), strict=True)


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    """Outputs at batches 1, 2 and 5 and two lengths; read again: equal outputs, and equal gradients of inputs and weights."""
    make, parts, more = MODELS[name]
    dl.manual_seed(0)
    model = make().eval()
    path = tmp_path / "m.onnx"
    names = dl.io.onnx.exported._input_names(model, len(parts))
    dynamic = {n: {0: "batch", **more} for n in names}
    dl.io.onnx.save(model, tuple(dl.asarray(part(3, 4)) for part in parts), path, dynamic=dynamic)
    again = dl.io.onnx.load(path)
    for n, t in ((1, 4), (2, 7), (5, 4)):
        inputs = [part(n, t) for part in parts]
        wanted = flat(model(*map(dl.asarray, inputs)))
        for found in (judged(path, *inputs), flat(again(*map(dl.asarray, inputs)))):
            for a, b in zip(found, wanted, strict=True):
                close(a, b)
    inputs = [dl.asarray(a) for a in inputs]
    for net in (model, again):
        for x in inputs:
            if x.dtype == np.float32:
                x.requires_grad_()
                x.grad = None
        sum((y * y).sum() for y in flat(net(*inputs)) if y.dtype == np.float32).backward()
        grads = [None if x.grad is None else x.grad.numpy_copy() for x in inputs]
        if net is model:
            first = grads
    for a, b in zip(grads, first, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            close(a, b, 1e-4)
    same = dict(model.named_parameters())
    for key, p in again.named_parameters():
        if key in same and same[key].shape == p.shape and p.grad is not None and same[key].grad is not None:
            close(p.grad, same[key].grad, 1e-4)


@pytest.mark.parametrize("opset", range(18, 24))
def test_opsets(opset: int, tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True), nn.RMSNorm(8), nn.GELU(), nn.Linear(8, 3)
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    dl.io.onnx.save(model, dl.randn(2, 5, 8), path, dynamic={"x": {0: "n", 1: "t"}}, opset=opset)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert ("Attention" in kinds) == (opset >= 23)
    assert ("Gelu" in kinds) == (opset >= 20)
    x = dl.randn(3, 7, 8)
    close(dl.io.onnx.load(path)(x), model.eval()(x))


def test_whole_layers_are_one_node_and_weights_keep_their_names(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(144, 3))
    dl.io.onnx.save(model, dl.randn(2, 1, 8, 8), tmp_path / "m.onnx", output_names=["scores"])
    assert model.training  # as before
    graph = onnx.load(tmp_path / "m.onnx").graph
    assert [n.op_type for n in graph.node] == ["Conv", "BatchNormalization", "Relu", "Reshape", "Gemm", "Identity"]
    assert [n.name for n in graph.node][:2] == ["0.Conv", "1.BatchNormalization"]
    assert set(model.state_dict()) - {"1.num_batches_tracked"} <= {i.name for i in graph.initializer}
    assert [o.name for o in graph.output] == ["scores"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    again = dl.io.onnx.load(tmp_path / "m.onnx")
    again.load_state_dict(model.state_dict(), strict=False)
    assert again.state_dict()["5.weight"].shape == (3, 144)


def test_one_node_for_each_recurrent_layer(tmp_path: Path) -> None:
    dl.io.onnx.save(nn.LSTM(3, 4), dl.randn(5, 2, 3), tmp_path / "m.onnx", dynamic={"x": {0: "time", 1: "batch"}})
    kinds = [n.op_type for n in onnx.load(tmp_path / "m.onnx").graph.node]
    assert kinds.count("LSTM") == 1
    assert not {"Loop", "Scan", "MatMul", "ConstantOfShape"} & set(kinds)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "mask": lambda x: dl.where(x > 0, x, dl.zeros_like(x) - 1) * (dl.reshape(dl.arange(x.shape[1]), (-1, 1)) % 2 == 0),
    "positions": lambda x: x + dl.reshape(dl.arange(x.shape[1], dtype="float32"), (1, -1, 1)) / x.shape[1],
    "causal mask": lambda x: dl.softmax(
        dl.where(dl.tril(dl.ones((x.shape[1], x.shape[1]), dtype="bool")), x @ dl.matrix_transpose(x), -1e9), axis=-1
    ),
    "flatten two axes": lambda x: dl.reshape(x, (x.shape[0] * x.shape[1], 6)).sum(axis=0),
    "split in halves": lambda x: dl.concat([x[..., 3:], x[..., :3]], axis=-1),
    "last step": lambda x: x[:, -1] - x[:, 0],
    "every second": lambda x: x[:, ::2, ::-1],
    "new axis": lambda x: x[:, None] * x[:, :, None],
    "pad": lambda x: dl.pad(x, [(0, 0), (2, 1), (0, 3)], value=1.5),
    "pad with zeros": lambda x: dl.pad(x, [(0, 0), (2, 1), (0, 3)]),
    "roll": lambda x: dl.roll(x, 1, axis=1),
    "repeat": lambda x: dl.tile(x, (1, 2, 1)),
    "statistics": lambda x: (x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, correction=1.0, keepdims=True) + 1e-5),
    "sort": lambda x: dl.sort(x, axis=1),
    "argmax": lambda x: dl.argmax(x, axis=1),
    "one hot": lambda x: dl.one_hot(dl.argmax(x, axis=2), 6, dtype="float32"),
    "cumulative": lambda x: dl.cumulative_sum(x, axis=1),
    "integers": lambda x: dl.floor_divide(dl.astype(x * 10, "int64"), 3) + dl.remainder(dl.astype(x * 10, "int64"), 3),
    "einsum": lambda x: dl.einsum("nti,nsi->nts", x, x),
    "set": lambda x: dl.set_at(x, 0.0, key=(slice(None), 0)),
    "gather": lambda x: dl.take(x, dl.asarray([2, 0]), axis=2),
    "put along": lambda x: put_along_axis(x, dl.argsort(x, axis=1)[:, :2], x[:, :2] + 5, 1),
    "logsumexp": lambda x: dl.logsumexp(x, axis=1),
    "any": lambda x: dl.any(x > 1, axis=1),
    "two outputs": lambda x: (x.sum(axis=2), dl.max(x, axis=1)),
    "cross entropy": lambda x: nn.functional.cross_entropy(x[:, 0], dl.argmax(x[:, 1], axis=1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, tmp_path: Path) -> None:
    function, path = FUNCTIONS[name], tmp_path / "f.onnx"
    dl.io.onnx.save(function, dl.randn(2, 4, 6), path, dynamic={"x": {0: "batch", 1: "time"}})
    for n, t in ((1, 2), (3, 9)):
        x = dl.randn(n, t, 6)
        wanted = flat(function(x))
        for found in (judged(path, x.numpy_copy()), flat(dl.io.onnx.load(path)(x))):
            for a, b in zip(found, wanted, strict=True):
                close(a, b)


def loop_over_time(x: Any) -> Any:
    total = x[:, 0]
    for k in range(1, x.shape[1]):
        total = dl.tanh(total + x[:, k])
    return total


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a loop over a dynamic axis": (loop_over_time, "a loop runs over a dynamic axis; fix that axis"),
    "a branch on values": (lambda x: x if float(x.sum()) > 0 else -x, r"test_onnx_export\.py:\d+: Python reads a computed value"),
    "a branch on sizes": (lambda x: x + 1 if x.shape[0] > 2 else x * 2, "its path must not depend on the sizes"),
    "a constant of another size": (lambda x: x + dl.asarray(np.linspace(0, 1, x.shape[1])[:, None]), "a constant made outside"),
    "dropout": (lambda x: nn.functional.dropout(x, 0.5), "random"),
    "no tensor": (lambda x: 3, "the network returns a int"),
    "a selection": (lambda x: x[x > 0], "the shape of a selection by a mask depends on values"),
    "linear algebra": (lambda x: dl.linalg.svdvals(x), "svdvals: it has no counterpart in ONNX"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_say_is_refused(name: str, tmp_path: Path) -> None:
    function, words = REFUSED[name]
    with pytest.raises(OnnxError, match=words):
        dl.io.onnx.save(function, dl.randn(2, 4, 6), tmp_path / "f.onnx", dynamic={"x": {0: "batch", 1: "time"}})
    assert not (tmp_path / "f.onnx").exists()
    assert float(dl.ones(2).sum()) == 2.0  # and life goes on


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    model, x, path = nn.Linear(3, 2), dl.randn(2, 3), tmp_path / "m.onnx"
    for options, words in (
        ({"opset": 9}, "opset must be from 18 to 23"),
        ({"dynamic": {"y": {0: "n"}}}, "dynamic names an input 'y'; the inputs are x"),
        ({"dynamic": {"x": {2: "n"}}}, "has 2 axes"),
        ({"dynamic": {"x": {0: "n", 1: "n"}}}, "the axes called 'n' have the sizes 2 and 3"),
        ({"dynamic": {"x": {1: "features"}}}, "takes no other size than 3 for 'features'"),
        ({"output_names": ["a", "b"]}, "output_names has 2 names, the network has 1 outputs"),
    ):
        with pytest.raises(OnnxError, match=words):
            dl.io.onnx.save(model, x, path, **options)  # type: ignore[arg-type]
    with pytest.raises(OnnxError, match="inputs must be a tensor"):
        dl.io.onnx.save(model, np.zeros((2, 3)), path)


def test_nothing_of_the_network_changes(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout())
    before = {k: v.numpy_copy() for k, v in model.state_dict().items()}
    dl.io.onnx.save(model, dl.randn(2, 3), tmp_path / "m.onnx")
    for k, v in model.state_dict().items():
        assert type(v.array) is np.ndarray
        np.testing.assert_array_equal(v.numpy_copy(), before[k])
    model(dl.randn(4, 3)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_dtypes(tmp_path: Path) -> None:
    for dtype in ("float64", "float16"):
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)
        x = dl.randn(2, 3).astype(dtype)
        dl.io.onnx.save(model, x, tmp_path / "m.onnx")
        (y,) = judged(tmp_path / "m.onnx", x.numpy_copy())
        close(y, model(x).detach(), 1e-12 if dtype == "float64" else 5e-3)


@pytest.mark.backends("numpy", "numba")
def test_a_run_is_exported_by_the_command(backend: str, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from dlengine import recipes
    from dlengine.cli.export import export

    run, file = tmp_path / "run", tmp_path / "digits.onnx"
    recipes.train("digits-cnn", {"epochs": 1, "width": 2}, scale="quick", out=run, progress=False)
    result = CliRunner().invoke(export, [str(run), str(file)])
    assert result.output == f"model: {file}, {file.with_suffix('.json')}\n"
    about = json.loads(file.with_suffix(".json").read_text())
    assert about["inputs"][0]["shape"] == [3, 1, 8, 8]
    assert about["classes"] == list("0123456789")
    with recipes.restored(run) as (_, experiment):
        x = dl.rand(7, 1, 8, 8)
        close(judged(file, x.numpy_copy())[0], experiment.model.eval()(x).detach())  # type: ignore[attr-defined]
    result = CliRunner().invoke(export, [str(run), str(file), "--part", "judge"])
    assert "there is no network 'judge'; there are model" in str(result.exception)


def test_states_and_absent_inputs(tmp_path: Path) -> None:
    model, path = nn.LSTM(3, 4), tmp_path / "m.onnx"
    state = (dl.randn(1, 2, 4), dl.randn(1, 2, 4))
    dynamic = {"x": {0: "time", 1: "batch"}, "hx_0": {1: "batch"}, "hx_1": {1: "batch"}}
    dl.io.onnx.save(model, (dl.randn(5, 2, 3), state), path, dynamic=dynamic)
    x, h, c = dl.randn(4, 3, 3), dl.randn(1, 3, 4), dl.randn(1, 3, 4)
    for a, b in zip(judged(path, *(v.numpy_copy() for v in (x, h, c))), flat(model(x, (h, c))), strict=True):
        close(a, b.detach())
    dl.io.onnx.save(model, (dl.randn(5, 2, 3), None), path)
    assert dl.io.onnx.load(path).input_names == ("x",)


def test_random_numbers_are_drawn_by_the_runtime(tmp_path: Path) -> None:
    """A variational autoencoder: mean and variance as here, new noise in every run, none where the variance is 0."""
    dl.manual_seed(0)
    model = models.VAE(6, 5, 3).eval()
    dl.io.onnx.save(model, dl.rand(3, 6), tmp_path / "vae.onnx")
    session = pytest.importorskip("onnxruntime").InferenceSession(str(tmp_path / "vae.onnx"))
    for n in (1, 5):
        x = DRAW.random((n, 6)).astype("float32")
        first, second = (session.run(None, {"x": x}) for _ in range(2))
        _, mean, log_var = model(dl.asarray(x))
        for found in (first, second):
            close(found[1], mean)
            close(found[2], log_var)
        assert np.abs(first[0] - second[0]).max() > 1e-3
    dl.nn.init.zeros_(model.log_var.weight)
    dl.nn.init.constant_(model.log_var.bias, -80.0)
    dl.io.onnx.save(model, dl.rand(3, 6), tmp_path / "sure.onnx")
    close(judged(tmp_path / "sure.onnx", x)[0], model(dl.asarray(x))[0])
    close(dl.io.onnx.load(tmp_path / "sure.onnx")(dl.asarray(x))[0], model(dl.asarray(x))[0])


class Applied(nn.Module):
    """A function of tensors as a network."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


LABELS = dl.asarray([0, 1, 2, 3, -100])


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: tuple(dl.topk(x, 2)),
        lambda x, y: tuple(dl.topk(x, 2, axis=0, largest=False)),
        lambda x, y: nn.functional.squared_distances(x, y),
        lambda x, y: nn.functional.cosine_similarity(x, y),
        lambda x, y: nn.functional.cosine_embedding_loss(x, y, dl.asarray([1.0, -1.0, 1.0, -1.0, 1.0]), reduction="none"),
        lambda x, y: nn.functional.nll_loss(x, LABELS, reduction="none"),
        lambda x, y: nn.functional.nll_loss(x, LABELS),
        lambda x, y: nn.functional.cross_entropy(x, LABELS, reduction="none"),
        lambda x, y: dl.linalg.outer(x[0], y[1]),
        lambda x, y: dl.glu(x) + dl.glu(y),
    ],
)
def test_kernels_that_choose_and_compare(function: Callable[..., Any], tmp_path: Path) -> None:
    x, y, path = dl.randn(5, 4), dl.randn(5, 4), tmp_path / "m.onnx"
    dl.io.onnx.save(Applied(function), (x, y), path, dynamic={})
    given = (x, y)[: len(dl.io.onnx.load(path).input_names)]
    for found, wanted in zip(judged(path, *(v.numpy_copy() for v in given)), flat(function(x, y)), strict=True):
        close(found, wanted)
