"""Layers and losses that PyTorch lacks agree with the formula of their source, written out."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import ConfigError, ShapeError
from dlengine.nn import functional as F

RNG = np.random.default_rng(0)


def draw(*shape: int) -> tuple[Any, Any]:
    """The same numbers as an array and as a tensor."""
    a = RNG.standard_normal(shape)
    return a, dl.asarray(a)


def close(ours: Any, expected: Any) -> None:
    np.testing.assert_allclose(ours.numpy_copy(), expected, rtol=1e-10, atol=1e-12)


def parameters(module: Any) -> list[Any]:
    return [p.numpy_copy() for p in module.parameters()]


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_additive_attention() -> None:
    """Bahdanau et al. 2015: e_t = v . tanh(W s + U h_t), a = softmax(e), c = sum of a_t h_t."""
    m = nn.AdditiveAttention(3, 4, 5).double()
    named = {n: p.numpy_copy() for n, p in m.named_parameters()}
    s, query = draw(2, 3)
    h, key = draw(2, 6, 4)
    scores = np.tanh((s @ named["query_proj.weight"].T)[:, None] + h @ named["key_proj.weight"].T) @ named["v"]
    context, weights = m(query, key)
    close(weights, softmax(scores))
    close(context, np.einsum("nt,ntd->nd", softmax(scores), h))
    seen = np.array([[True] * 3 + [False] * 3, [True] * 6])
    context, weights = m(query, key, mask=dl.asarray(seen))
    close(weights, softmax(np.where(seen, scores, -np.inf)))


def test_positional_encoding() -> None:
    """Vaswani et al. 2017: sin(t / 10000^(2 i / E)) and its cosine side by side."""
    y = nn.PositionalEncoding(6, 10)(dl.zeros((4, 1, 6), dtype="float64")).numpy()[:, 0]
    for t, i in itertools.product(range(4), range(3)):
        angle = t / 10000 ** (2 * i / 6)
        np.testing.assert_allclose(y[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_causal_attention_sees_no_future() -> None:
    m = nn.MultiHeadAttention(4, 2).double()
    _, x = draw(5, 1, 4)
    full, weights = m(x, x, x, is_causal=True)
    assert float(dl.sum(dl.abs(dl.triu(weights[0], k=1)))) == 0
    first, _ = m(x[:3], x[:3], x[:3], is_causal=True)
    close(full[:3], first.numpy_copy())


def test_residual_and_maxout() -> None:
    a, x = draw(3, 4)
    inner, short = nn.Linear(4, 2).double(), nn.Linear(4, 2, bias=False).double()
    w, b = parameters(inner)
    close(nn.Residual(inner, short)(x), a @ w.T + b + a @ parameters(short)[0].T)
    with pytest.raises(ShapeError, match=r"Residual: the module gives \(3, 2\), the skip link \(3, 4\)"):
        nn.Residual(inner)(x)
    m = nn.Maxout(4, 2, 3).double()
    w, b = parameters(m)
    close(m(x), (a @ w.T + b).reshape(3, 2, 3).max(axis=-1))


def test_pooling_that_pytorch_lacks() -> None:
    a, x = draw(2, 3, 6, 4)
    windows = a.reshape(2, 3, 3, 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(2, 3, 3, 2, 4)
    close(nn.MinPool2d(2)(x), windows.min(axis=-1))
    y, at = nn.MinPool2d(2, return_indices=True)(x)
    chosen = np.take_along_axis(a.reshape(2, 3, -1), at.numpy().reshape(2, 3, -1), -1)
    np.testing.assert_array_equal(chosen.reshape(y.shape), y.numpy())
    close(nn.GlobalAvgPool()(x), a.mean(axis=(2, 3)))
    close(nn.GlobalMaxPool()(x), a.max(axis=(2, 3)))
    full = nn.Conv2d(3, 1, 3, padding="full").double()
    close(full(x), nn.functional.conv2d(x, full.weight, full.bias, padding=2).numpy_copy())


def test_losses() -> None:
    (a, x), (b, y) = draw(5, 3), draw(5, 3)
    same = np.array([1.0, 0, 0, 1, 1])
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    hadsell = same * d**2 + (1 - same) * np.maximum(0, 1.5 - d) ** 2
    close(nn.ContrastiveLoss(1.5, "none")(x, y, dl.asarray(same)), hadsell)
    close(nn.ContrastiveLoss(None)(x, y, dl.asarray(same)), (same * d - (1 - same) * d).mean())
    q, k = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    p = softmax(q @ k.T / 0.2)
    close(nn.InfoNCELoss(0.2, "none")(x, y), -np.log(np.diagonal(p)))
    c, z = draw(4, 3)
    scores = np.concatenate([(q * k).sum(1, keepdims=True), q @ (c / np.linalg.norm(c, axis=1, keepdims=True)).T], axis=1)
    close(nn.InfoNCELoss(0.2, "none")(x, y, z), -np.log(softmax(scores / 0.2)[:, 0]))
    labels, asked = np.array([0, 1, 1, 2, 0]), np.array([2, 0, 1, 1, 2])
    centres = np.stack([a[labels == i].mean(axis=0) for i in range(3)])
    p = softmax(-((b[:, None] - centres) ** 2).sum(axis=2))
    close(nn.PrototypicalLoss(3, "none")(x, dl.asarray(labels), y, dl.asarray(asked)), -np.log(p[np.arange(5), asked]))
    t = np.array([1.0, -1, 1, 1, -1])
    close(nn.HingeLoss(0.5, "sum")(x[:, 0], dl.asarray(t)), np.maximum(0, 0.5 - t * a[:, 0]).sum())


def test_ctc_adds_up_all_alignments() -> None:
    """Graves et al. 2006: the probability of a target is that of all paths that become it without repeats and blanks."""
    steps, classes, target = 5, 3, [1, 2]
    p = softmax(RNG.standard_normal((steps, classes)))
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        merged = [c for c, _ in itertools.groupby(path)]
        if [c for c in merged if c != 0] == target:
            total += float(np.prod(p[np.arange(steps), path]))
    log_p = dl.asarray(np.log(p))[:, None]
    close(nn.CTCLoss(reduction="none")(log_p, dl.asarray([target]), [steps], [2]), [-np.log(total)])
    assert float(F.ctc_loss(log_p[:2], dl.asarray([[1, 1]]), [2], [2])) == float("inf")
    assert float(F.ctc_loss(log_p[:2], dl.asarray([[1, 1]]), [2], [2], zero_infinity=True)) == 0


def test_penalties_and_activity() -> None:
    m = nn.Sequential(nn.Linear(3, 2), nn.ActivityPenalty(l1=0.5, l2=0.25)).double()
    a, x = draw(4, 3)
    w, b = parameters(m)
    y = a @ w.T + b
    close(m(x), y)
    close(m[1].penalty(), (0.5 * np.abs(y).sum() + 0.25 * (y**2).sum()) / 4)
    with pytest.raises(ConfigError, match="nothing has passed through"):
        m[1].penalty()
    m.eval()(x)
    assert not m[1].costs
    assert [n for n, _ in nn.L2Penalty(m.parameters()).named_parameters()] == []


def test_noise() -> None:
    dl.manual_seed(0)
    x = dl.randn(40000)
    for layer in (nn.AlphaDropout(0.3), nn.GaussianNoise(0.0)):
        y = layer(x).numpy()
        assert abs(y.mean()) < 0.03
        assert y.std() == pytest.approx(1, abs=0.03)
        assert layer.eval()(x) is x
    noise = (nn.GaussianNoise(0.5, generator=dl.Generator(1))(x) - x).numpy()
    assert noise.std() == pytest.approx(0.5, rel=0.03)
    dropped = nn.AlphaDropout(0.3, generator=dl.Generator(1))(x).numpy()
    limit = -1.0507009873554805 * 1.6732632423543772
    scale = (0.7 * (1 + 0.3 * limit**2)) ** -0.5
    low = scale * limit - scale * limit * 0.3
    assert np.isclose(dropped, low, atol=1e-6).mean() == pytest.approx(0.3, abs=0.02)
    with pytest.raises(ConfigError, match="std must not be negative"):
        nn.GaussianNoise(-1.0)


def test_projected_lstm_step_by_step() -> None:
    """Sak et al. 2014: h_t = W_hr (o tanh(c_t)), from given states, sequences of any length, both directions."""
    lstm = nn.LSTM(3, 5, proj_size=2, bidirectional=True).double()
    a, x = draw(4, 3, 3)
    (h0, h), (c0, c) = draw(2, 3, 2), draw(2, 3, 5)
    lengths = [2, 0, 4]
    y, (last, _) = lstm(x, (h, c), lengths)
    state = {n: p.numpy_copy() for n, p in lstm.named_parameters()}
    for d, suffix in enumerate(("_l0", "_l0_reverse")):
        w, u, p = (state[n + suffix] for n in ("weight_ih", "weight_hh", "weight_hr"))
        bias = state["bias_ih" + suffix] + state["bias_hh" + suffix]
        for n, length in enumerate(lengths):
            now, cell = h0[d, n], c0[d, n]
            for t in range(length)[:: -1 if d else 1]:
                z = w @ a[t, n] + u @ now + bias
                i, f, g, o = (1 / (1 + np.exp(-z[k * 5 : k * 5 + 5])) if k != 2 else np.tanh(z[10:15]) for k in range(4))
                cell = f * cell + i * g
                now = p @ (o * np.tanh(cell))
                np.testing.assert_allclose(y.numpy_copy()[t, n, 2 * d : 2 * d + 2], now, rtol=1e-10)
            np.testing.assert_allclose(last.numpy_copy()[d, n], now, rtol=1e-10)
    with pytest.raises(ConfigError, match="GRU: proj_size must be 0"):
        nn.recurrent._Recurrent.__init__(nn.GRU(2, 3), 2, 3, proj_size=1)


def test_initial_values() -> None:
    init = nn.init
    dl.manual_seed(0)
    w = dl.zeros((60, 200), dtype="float64")
    np.testing.assert_allclose((init.orthogonal_(w, 2.0) @ w.T).numpy(), 4 * np.eye(60), atol=1e-12)
    tall = init.orthogonal_(dl.zeros((8, 2, 2), dtype="float64")).numpy().reshape(8, 4)
    np.testing.assert_allclose(tall.T @ tall, np.eye(4), atol=1e-12)
    sparse = init.sparse_(w, 0.25, std=1.0).numpy()
    assert ((sparse == 0).sum(axis=0) == 15).all()
    assert float(dl.std(init.lecun_normal_(w))) == pytest.approx(200**-0.5, rel=0.03)
    assert float(dl.max(dl.abs(init.lecun_uniform_(w)))) == pytest.approx((3 / 200) ** 0.5, rel=0.01)
    cut = init.trunc_normal_(w, std=2.0, a=-1.0, b=3.0).numpy()
    assert cut.min() >= -1
    assert cut.max() <= 3
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    init.dirac_(conv.weight, groups=2)
    x = dl.randn(1, 4, 5, 5)
    np.testing.assert_array_equal(conv(x).numpy_copy(), x.numpy())
    lstm = init.forget_gate_bias_(nn.LSTM(2, 3), 1.5)
    total = (lstm.bias_ih_l0 + lstm.bias_hh_l0).numpy_copy()
    assert total[3:6].tolist() == [1.5] * 3
    assert (total[:3] != 1.5).all()
    for wrong in (lambda: init.sparse_(w, 1.5), lambda: init.trunc_normal_(w, a=1.0, b=0.0)):
        with pytest.raises(ConfigError):
            wrong()
    with pytest.raises(ShapeError, match="orthogonal_"):
        init.orthogonal_(dl.zeros(3))


def test_the_same_initial_values_on_every_backend() -> None:
    drawn = []
    for name in ("numpy", "numba"):
        with dl.use_backend(name):
            dl.manual_seed(3)
            drawn.append([nn.init.orthogonal_(dl.zeros((4, 5))), nn.init.sparse_(dl.zeros((4, 5)), 0.5), nn.Maxout(3, 2).weight])
    for a, b in zip(*drawn, strict=True):
        np.testing.assert_array_equal(a.numpy_copy(), b.numpy_copy())


def test_flops() -> None:
    m = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 10))
    table = m.summary((2, 3, 4, 4))
    assert [r.flops for r in table.rows] == [2 * 2 * 16 * 8 * 27, 0, 0, 2 * 2 * 128 * 10]
    assert table.flops == sum(r.flops for r in table.rows)
    assert f"{table.flops:,}" in str(table)
    assert nn.LSTM(3, 4).summary((5, 2, 3)).flops == 2 * 10 * (16 * 3 + 16 * 4)
    up = nn.ConvTranspose2d(3, 2, 2, stride=2).summary((1, 3, 4, 4))
    assert up.flops == 2 * 16 * 3 * 2 * 4
    layer = nn.weight_norm(nn.Linear(3, 4))
    assert [(r.name, r.parameters) for r in nn.Sequential(layer).summary((2, 3)).rows] == [("0", 12 + 4 + 4)]


def test_ties_survive_saving_and_loading(tmp_path: Any) -> None:
    from safetensors.numpy import load_file, save_file

    class Tied(nn.Module):
        def __init__(self) -> None:
            self.table, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            self.head.weight = self.table.weight

        def forward(self, x: Any) -> Any:
            return self.head(self.table(x))

    a, b = Tied(), Tied()
    save_file({k: v.numpy_copy() for k, v in a.state_dict().items()}, tmp_path / "tied.safetensors")
    b.load_state_dict(load_file(tmp_path / "tied.safetensors"))
    assert b.head.weight is b.table.weight
    assert len(list(b.parameters())) == 1
    np.testing.assert_array_equal(b.table.weight.numpy_copy(), a.table.weight.numpy_copy())
    dl.sum(b(dl.asarray([1, 2]))).backward()
    assert b.table.weight.grad is b.head.weight.grad


def test_computed_weights_are_copied_and_trained() -> None:
    import copy

    m = nn.spectral_norm(nn.Linear(4, 3).double())
    _, x = draw(20, 4)
    for _ in range(50):
        m(x)
    assert np.linalg.norm(m.weight.numpy_copy(), 2) == pytest.approx(1, rel=1e-6)
    twin = copy.deepcopy(m)
    before = m(x).numpy_copy()
    with dl.no_grad():
        twin.parametrizations["weight"].original[...] = 1.0
    twin(x)
    np.testing.assert_allclose(m(x).numpy_copy(), before, rtol=1e-6)
    with pytest.raises(ConfigError, match="has no parameter 'weights'"):
        nn.weight_norm(nn.Linear(2, 2), "weights")


WRONG = [
    (ConfigError, "padding_mode must be one of zeros, reflect", lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror")),
    (ConfigError, "padding_mode must be one of zeros, got", lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect")),
    (ShapeError, "Bilinear: inputs must be", lambda: nn.Bilinear(2, 3, 4)(dl.zeros((1, 2)), dl.zeros((1, 2)))),
    (ConfigError, "num_heads=3 must divide embed_dim=4", lambda: nn.MultiheadAttention(4, 3)),
    (ShapeError, "attn_mask must", lambda: nn.MultiheadAttention(4, 2)(*[dl.zeros((3, 1, 4))] * 3, attn_mask=dl.zeros((2, 2)))),
    (ShapeError, "key_padding_mask must be", lambda: nn.MultiheadAttention(4, 2)(*[dl.zeros((3, 1, 4))] * 3, dl.zeros((2, 2)))),
    (ConfigError, "activation must be 'relu', 'gelu'", lambda: nn.TransformerEncoderLayer(4, 2, activation="sine")),
    (ConfigError, "d_model must be even", lambda: nn.PositionalEncoding(3)),
    (ShapeError, "T <= 2 and E = 4", lambda: nn.PositionalEncoding(4, 2)(dl.zeros((3, 1, 4)))),
    (ShapeError, "LSTMCell: input must be", lambda: nn.LSTMCell(2, 3)(dl.zeros((1, 3)))),
    (ShapeError, "GRUCell: hx must be", lambda: nn.GRUCell(2, 3)(dl.zeros((1, 2)), dl.zeros((1, 2)))),
    (ConfigError, "RNNCell: nonlinearity", lambda: nn.RNNCell(2, 3, nonlinearity="sin")),
    (ShapeError, "Unflatten: axis 1", lambda: nn.Unflatten(1, (2, 2))(dl.zeros((3, 5)))),
    (ConfigError, "at most one -1", lambda: nn.Unflatten(1, (-1, -1))),
    (ShapeError, "Perceptron: input must be", lambda: nn.Perceptron(2)(dl.zeros((1, 3)))),
    (ShapeError, "GlobalAvgPool: input must be", lambda: nn.GlobalAvgPool()(dl.zeros((2, 3)))),
    (ConfigError, "expected one parameter at least", lambda: nn.L1Penalty([])),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "words", "call"), WRONG, ids=[w for _, w, _ in WRONG])
def test_what_does_not_fit_is_named(kind: type[Exception], words: str, call: Any) -> None:
    with pytest.raises(kind, match=words):
        call()
