"""The worked examples of the course with their numbers, and its definitions under their usual names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import ShapeError
from dlengine.nn import functional as F


def tensor(values: Any) -> Any:
    return dl.asarray(np.asarray(values, dtype="float64"))


def image(text: str) -> Any:
    """(1,1,H,W) of rows of numbers, or of single digits, parted by slashes."""
    rows = [r.split() if " " in r.strip() else list(r.strip()) for r in text.split("/")]
    return tensor(rows)[None, None]


def plane(y: Any) -> list[list[float]]:
    return y.numpy_copy()[0, 0].tolist()


def rows(text: str) -> list[list[float]]:
    return plane(image(text))


# ---------------------------------------------------------------------- 1 to 6: convolution and pooling
def test_1_cross_correlation() -> None:
    x, w = image("0 1 2 / 3 4 5 / 6 7 8"), image("0 1 / 2 3")
    assert plane(dl.conv2d(x, w)) == rows("19 25 / 37 43")
    assert plane(dl.conv2d(x, w, padding=1)) == rows("0 3 8 4 / 9 19 25 10 / 21 37 43 16 / 6 7 8 0")
    assert plane(dl.conv2d(x, w, padding=1, stride=(3, 2))) == rows("0 8 / 6 8")


def test_2_binary_image() -> None:
    x, w = image("11100/01110/00111/00110/01100"), image("101/010/101")
    assert plane(dl.conv2d(x, w)) == rows("4 3 4 / 2 4 3 / 2 3 4")


def test_3_max_pooling() -> None:
    x = image("1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4")
    assert plane(nn.MaxPool2d(2, stride=2)(x)) == rows("6 8 / 3 4")


@pytest.mark.parametrize(("stride", "padding", "size"), [(1, 0, 5), (2, 0, 3), (3, 0, 2), (1, 1, 7), (1, "same", 7)])
def test_4_output_size(stride: int, padding: Any, size: int) -> None:
    assert nn.Conv2d(1, 1, 3, stride=stride, padding=padding)(dl.zeros((1, 1, 7, 7))).shape == (1, 1, size, size)


def test_4_what_does_not_fit_and_a_colour_image() -> None:
    assert [F.output_size(7, 3, s) for s in (1, 2, 3)] == [5, 3, 2]
    assert F.output_size(7, 3, 2, strict=True) == 3
    with pytest.raises(ShapeError, match="do not fit 7"):
        F.output_size(7, 3, 3, strict=True)
    with pytest.raises(ShapeError, match="no window fits"):
        nn.Conv2d(1, 1, 3)(dl.zeros((1, 1, 2, 7)))
    assert nn.Conv2d(3, 6, 5)(dl.zeros((1, 3, 32, 32))).shape == (1, 6, 28, 28)
    for f in (3, 5, 7):
        assert nn.Conv2d(1, 1, f, padding="same")(dl.zeros((1, 1, 9, 9))).shape == (1, 1, 9, 9)
        assert nn.Conv2d(1, 1, f, padding=(f - 1) // 2)(dl.zeros((1, 1, 9, 9))).shape == (1, 1, 9, 9)


@pytest.mark.parametrize(("height", "width", "kernels"), [(3, 3, 8), (5, 5, 6), (2, 4, 1)])
def test_5_parameters_of_a_convolution(height: int, width: int, kernels: int) -> None:
    layer = nn.Conv2d(1, kernels, (height, width))
    assert sum(p.size for p in layer.parameters()) == (height * width + 1) * kernels


def picture(*ones: tuple[int, int]) -> Any:
    x = np.full((9, 9), -1.0)
    for at in ones:
        x[at] = 1.0
    return tensor(x)[None, None]


PLAIN = picture(
    (1, 1), (1, 7), (2, 2), (2, 6), (3, 3), (3, 5), (4, 4), (5, 3), (5, 5), (6, 2), (6, 6), (7, 1), (7, 7)
)  # fmt: skip
DEFORMED = picture(
    (1, 7), (2, 1), (2, 6), (3, 2), (3, 3), (3, 6), (4, 4), (5, 4), (5, 6), (6, 3), (6, 4), (7, 2)
)  # fmt: skip
FEATURES = ("1 -1 -1 / -1 1 -1 / -1 -1 1", "1 -1 1 / -1 1 -1 / 1 -1 1", "-1 -1 1 / -1 1 -1 / 1 -1 -1")


def peaks(x: Any, feature: str) -> tuple[float, list[list[int]]]:
    y = dl.conv2d(x, image(feature)).numpy_copy()[0, 0]
    return float(y.max()), np.argwhere(y == y.max()).tolist()


def test_6_features_of_an_x() -> None:
    assert peaks(PLAIN, FEATURES[0]) == (9, [[1, 1], [2, 2], [4, 4], [5, 5]])
    assert peaks(PLAIN, FEATURES[1]) == (9, [[3, 3]])
    assert peaks(PLAIN, FEATURES[2]) == (9, [[1, 5], [2, 4], [4, 2], [5, 1]])
    assert peaks(DEFORMED, FEATURES[0]) == (7, [[1, 0]])
    assert peaks(DEFORMED, FEATURES[1])[0] == 3
    assert peaks(DEFORMED, FEATURES[2]) == (7, [[0, 6], [5, 2], [6, 1]])


# ---------------------------------------------------------------------- 7 to 10: units, gradients, penalties
def test_7_perceptron() -> None:
    p = nn.Perceptron(3, 2)
    p.load_state_dict({"weight": np.array([[-2, 2, 1], [0.5, -3, 1]]), "bias": np.array([2, 2])})
    x = dl.asarray([6.0, 4.0, 5.0])
    assert p.activation(x).numpy().tolist() == [3, -2]
    assert p(x).numpy().tolist() == [1, 0]


def test_7_perceptrons_learn_what_a_line_separates() -> None:
    x = dl.asarray([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    p, target = nn.Perceptron(2), dl.asarray([[0.0], [1.0], [1.0], [1.0]])
    for _ in range(10):
        wrong = sum(p.learn(x[i], target[i]) for i in range(4))
    assert wrong == 0
    assert p(x).numpy().tolist() == target.numpy().tolist()


def test_8_gradients() -> None:
    x1, x2 = 0.7, -1.3
    d1, d2 = dl.grad(lambda a, b: dl.sin(a) + a * b, (0, 1))(tensor(x1), tensor(x2))
    assert float(d1) == pytest.approx(np.cos(x1) + x2, rel=1e-15)
    assert float(d2) == pytest.approx(x1, rel=1e-15)


def test_9_why_l2() -> None:
    x, w1, w2 = tensor([1, 1, 1, 1]), tensor([1, 0, 0, 0]), tensor([0.25] * 4)
    assert float(w1 @ x) == float(w2 @ x) == 1
    assert (float(F.l2_penalty(w1)), float(F.l2_penalty(w2))) == (1, 0.25)
    assert (float(F.l1_penalty(w1)), float(F.l1_penalty(w2))) == (1, 1)
    assert float(F.elastic_penalty(w2, beta=0.5)) == 0.5 * 0.25 + 1


def test_10_two_and_three_layer_nets() -> None:
    r = np.random.default_rng(0)
    x, w1, w2, w3 = r.standard_normal(4), r.standard_normal((5, 4)), r.standard_normal((6, 5)), r.standard_normal((2, 6))
    hidden = np.maximum(0, w2 @ np.maximum(0, w1 @ x))
    nets = (nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False))
    net = nn.Sequential(*nets).double()
    net.load_state_dict({"0.weight": w1, "2.weight": w2, "4.weight": w3})
    np.testing.assert_allclose(net(tensor(x)).numpy_copy(), w3 @ hidden, rtol=1e-13)
    np.testing.assert_allclose(net[:3](tensor(x)).numpy_copy(), w2 @ np.maximum(0, w1 @ x), rtol=1e-13)


# ---------------------------------------------------------------------- 11 to 13: recurrent nets
def test_11_back_propagation_through_time() -> None:
    """dE2/dU = dE2/dh2 (x2^T + dh2/dh1 (x1^T + dh1/dh0 x0^T)), each product after the slope of tanh."""
    r = np.random.default_rng(1)
    u, w, x, v = r.standard_normal((3, 2)), r.standard_normal((3, 3)), r.standard_normal((3, 2)), r.standard_normal(3)
    rnn = nn.RNN(2, 3, bias=False).double()
    rnn.load_state_dict({"weight_ih_l0": u, "weight_hh_l0": w})
    y, _ = rnn(tensor(x))
    dl.sum(y[2] * tensor(v)).backward()
    h = np.zeros(3)
    slopes = []
    for t in range(3):
        h = np.tanh(u @ x[t] + w @ h)
        slopes.append(1 - h * h)
    back2 = v * slopes[2]
    back1 = (w.T @ back2) * slopes[1]
    back0 = (w.T @ back1) * slopes[0]
    by_hand = np.outer(back2, x[2]) + np.outer(back1, x[1]) + np.outer(back0, x[0])
    np.testing.assert_allclose(rnn.weight_ih_l0.grad.numpy(), by_hand, rtol=1e-12)


def gradient_norms(radius: float, hidden: int = 5, steps: int = 50) -> list[float]:
    """||dE_T/dh_k|| for k = T ... 0 in a ReLU RNN without inputs whose recurrent matrix has a spectral radius."""
    generator = dl.Generator(3)
    w = dl.abs(dl.randn(hidden, hidden, dtype="float64", generator=generator))
    w = w * (radius / float(dl.max(dl.abs(dl.linalg.eigvals(w)))))
    h = dl.ones(hidden, dtype="float64").requires_grad_()
    states = [h]
    for _ in range(steps):
        states.append(dl.relu(w @ states[-1]))
    grads = dl.gradients([dl.sum(states[-1])], states[:-1])
    return [float(dl.sqrt(dl.sum(g * g))) for g in grads[::-1]]


def test_12_powers_of_a_symmetric_matrix() -> None:
    r = np.random.default_rng(2)
    q, _ = np.linalg.qr(r.standard_normal((4, 4)))
    values = np.array([0.5, 0.9, 1.0, 1.1])
    w, h0, t = (q * values) @ q.T, r.standard_normal(4), 50
    h = tensor(h0)
    for _ in range(t):
        h = tensor(w).T @ h
    np.testing.assert_allclose(h.numpy(), (q * values**t) @ (q.T @ h0), rtol=1e-9)
    parts = np.abs(q.T @ h.numpy() / (q.T @ h0))
    assert parts[0] < 1e-12
    assert parts[1] < 0.01
    assert parts[2] == pytest.approx(1, rel=1e-6)
    assert parts[3] > 100


def test_12_vanishing_and_exploding_gradients() -> None:
    below, at, above = (gradient_norms(radius) for radius in (0.8, 1.0, 1.2))
    assert below[-1] < 1e-3 * below[0]
    assert 0.1 < at[-1] / at[0] < 10
    assert above[-1] > 1e3 * above[0]
    w = dl.abs(dl.randn(5, 5, dtype="float64", generator=dl.Generator(3)))
    w = w * (0.8 / float(dl.max(dl.abs(dl.linalg.eigvals(w)))))
    bound = float(dl.linalg.matrix_norm(w, ord=2))  # ||dh_t/dh_k|| <= (g_W g_phi)^(t-k), g_phi = 1 for ReLU
    assert all(norm <= np.sqrt(5) * bound ** (k + 1) * (1 + 1e-12) for k, norm in enumerate(below))


def test_13_hello() -> None:
    from dlengine import optim

    dl.manual_seed(0)
    letters = "helo"
    codes = dl.asarray([letters.index(c) for c in "hello"])
    x, target = dl.one_hot(codes[:-1], 4).astype("float32"), codes[1:]
    rnn, head = nn.RNN(4, 8), nn.Linear(8, 4)
    adam = optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.05)
    for _ in range(60):
        adam.zero_grad()
        loss = F.cross_entropy(head(rnn(x)[0]), target)
        loss.backward()
        adam.step()
    assert "".join(letters[int(i)] for i in dl.argmax(head(rnn(x)[0]), axis=-1)) == "ello"
