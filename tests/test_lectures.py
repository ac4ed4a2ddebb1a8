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


# ---------------------------------------------------------------------- definitions as taught
def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_rnn_and_its_stacked_form() -> None:
    """h_t^l = tanh(W^l [h_t^{l-1}; h_{t-1}^l]) with W^l of n x 2n."""
    r = np.random.default_rng(4)
    n, w = 3, np.random.default_rng(5).standard_normal((2, 3, 6))
    x = r.standard_normal((4, n))
    rnn = nn.RNN(n, n, num_layers=2, bias=False).double()
    below, before = slice(0, n), slice(n, None)
    rnn.load_state_dict({f"weight_{kind}_l{i}": w[i][:, p] for i in range(2) for kind, p in (("ih", below), ("hh", before))})
    h = np.zeros((2, n))
    for t in range(4):
        lower = x[t]
        for i in range(2):
            h[i] = np.tanh(w[i] @ np.concatenate([lower, h[i]]))
            lower = h[i]
    y, last = rnn(tensor(x))
    np.testing.assert_allclose(last.numpy_copy(), h, rtol=1e-12)
    np.testing.assert_allclose(y.numpy_copy()[-1], h[1], rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_lstm(bias: bool) -> None:
    """f, i, o = sigmoid(W [h, x] + b), C~ = tanh(W_C [h, x] + b_C), C = f C + i C~, h = o tanh(C); one 4n x 2n matrix."""
    r = np.random.default_rng(6)
    n = 3
    w, b, x = r.standard_normal((4 * n, 2 * n)), r.standard_normal(4 * n) * bias, r.standard_normal((5, n))
    lstm = nn.LSTM(n, n, bias=bias).double()
    state = {"weight_hh_l0": w[:, :n], "weight_ih_l0": w[:, n:]}
    lstm.load_state_dict(state | ({"bias_ih_l0": b, "bias_hh_l0": b * 0} if bias else {}))
    h, c = np.zeros(n), np.zeros(n)
    for t in range(5):
        z = w @ np.concatenate([h, x[t]]) + b
        i, f, g, o = sigmoid(z[:n]), sigmoid(z[n : 2 * n]), np.tanh(z[2 * n : 3 * n]), sigmoid(z[3 * n :])
        c = f * c + i * g
        h = o * np.tanh(c)
    _, (ours_h, ours_c) = lstm(tensor(x))
    np.testing.assert_allclose(ours_h.numpy_copy()[0], h, rtol=1e-12)
    np.testing.assert_allclose(ours_c.numpy_copy()[0], c, rtol=1e-12)


def test_losses_as_taught() -> None:
    s, y = np.array([3.2, 5.1, -1.7]), 0
    svm = sum(max(0, s[j] - s[y] + 1) for j in range(3) if j != y)
    assert float(nn.MultiMarginLoss(average=False)(tensor(s), dl.asarray(y))) == pytest.approx(svm) == pytest.approx(2.9)
    assert float(nn.CrossEntropyLoss()(tensor(s), dl.asarray(y))) == pytest.approx(-np.log(np.exp(s[y]) / np.exp(s).sum()))
    target, guess = tensor([1.0, 2.0, 4.0]), tensor([2.0, 2.0, 1.0])
    assert float(nn.MSELoss()(guess, target)) == pytest.approx((1 + 0 + 9) / 3)
    assert float(nn.L1Loss()(guess, target)) == pytest.approx((1 + 0 + 3) / 3)
    assert float(nn.MBELoss()(guess, target)) == pytest.approx((-1 + 0 + 3) / 3)
    p, t = tensor([0.2, 0.9]), tensor([0.0, 1.0])
    assert float(nn.BCELoss()(p, t)) == pytest.approx(-(np.log(0.8) + np.log(0.9)) / 2)
    assert float(nn.HingeLoss()(tensor([0.3, -2.0]), tensor([1.0, -1.0]))) == pytest.approx(0.35)


def test_contrastive_and_multi_task_loss() -> None:
    a, b = tensor([[0.0, 0.0], [1.0, 1.0]]), tensor([[3.0, 4.0], [1.0, 3.0]])
    assert float(nn.ContrastiveLoss(margin=None, reduction="sum")(a, b, tensor([1.0, 0.0]))) == 5 - 2
    assert float(nn.MultiTaskLoss(1.0, 0.5, 2.0)(tensor(1.0), tensor(4.0), tensor(3.0))) == 1 + 2 + 6


def test_penalties() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.load_state_dict({"weight": np.array([[3.0, -2.0]])})
    assert float(nn.L2Penalty([layer.weight], 0.1)()) == pytest.approx(1.3)
    assert float(nn.L1Penalty([layer.weight], 0.1)()) == pytest.approx(0.5)
    assert float(nn.ElasticNetPenalty([layer.weight], beta=2.0)()) == pytest.approx(2 * 13 + 5)
    nn.L2Penalty([layer.weight])().backward()
    assert layer.weight.grad.numpy().tolist() == [[6, -4]]


def test_activations() -> None:
    x = tensor([-2.0, 0.0, 3.0])
    assert nn.ReLU()(x).numpy().tolist() == [0, 0, 3]
    assert nn.LeakyReLU()(x).numpy().tolist() == [-0.02, 0, 3]
    prelu = nn.PReLU(dtype="float64")
    assert prelu(x).numpy_copy().tolist() == [-0.5, 0, 3]
    dl.sum(prelu(x)).backward()
    assert prelu.weight.grad.numpy().tolist() == [-2]
    np.testing.assert_allclose(nn.Sigmoid()(x).numpy(), sigmoid(x.numpy()), rtol=1e-14)
    maxout = nn.Maxout(2, 1)
    maxout.load_state_dict({"weight": np.array([[1.0, 0.0], [0.0, 2.0]]), "bias": np.array([0.5, -1.0])})
    assert maxout(dl.asarray([[1.0, 1.0], [3.0, 1.0]])).numpy_copy().tolist() == [[1.5], [3.5]]


def test_batch_normalisation_and_dropout() -> None:
    h = np.random.default_rng(7).standard_normal((6, 3))
    expected = (h - h.mean(axis=0)) / np.sqrt(1e-5 + h.var(axis=0))
    np.testing.assert_allclose(nn.BatchNorm1d(3, dtype="float64")(tensor(h)).numpy_copy(), expected, rtol=1e-10)
    dl.manual_seed(0)
    inputs, hidden = nn.Dropout(0.2)(dl.ones(4000)).numpy(), nn.Dropout(0.5)(dl.ones(4000)).numpy()
    assert (inputs == 0).mean() == pytest.approx(0.2, abs=0.03)
    assert (hidden == 0).mean() == pytest.approx(0.5, abs=0.03)
    net = nn.Sequential(nn.Linear(3, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 1))
    with dl.no_grad():
        x = dl.asarray(h.astype("float32"))
        several = dl.mean(dl.stack([net(x) for _ in range(1500)]), axis=0)  # averaging masks ...
        np.testing.assert_allclose(several.numpy(), net.eval()(x).numpy(), atol=0.03)  # ... is what eval() does at once


def test_initial_values() -> None:
    w = dl.zeros((300, 200))
    bound = np.sqrt(6 / 500)
    assert bound * 0.99 < float(dl.max(dl.abs(nn.init.xavier_uniform_(w)))) <= bound
    he = nn.init.kaiming_normal_(w, nonlinearity="relu")
    assert float(dl.std(he)) == pytest.approx(np.sqrt(2 / 200), rel=0.02)
    rnn = nn.init.irnn_(nn.RNN(2, 3, nonlinearity="relu"))
    assert rnn.weight_hh_l0.numpy_copy().tolist() == np.eye(3).tolist()
    assert float(dl.sum(dl.abs(rnn.bias_hh_l0)) + dl.sum(dl.abs(rnn.bias_ih_l0))) == 0


def test_padding_by_name_and_pooling() -> None:
    x = dl.zeros((1, 1, 7, 7))
    sizes = {name: nn.Conv2d(1, 1, 3, padding=name)(x).shape[2] for name in ("full", "same", "valid")}
    assert sizes == {"full": 9, "same": 7, "valid": 5}
    square = image("1 2 / 3 6")
    assert [plane(pool(2)(square)) for pool in (nn.MaxPool2d, nn.MinPool2d, nn.AvgPool2d)] == [[[6]], [[1]], [[3]]]


def test_tied_autoencoder() -> None:
    """x' = W^T f(W x): the decoder's weights are the encoder's, transposed; its gradient is the sum of both uses."""
    encoder = nn.Linear(4, 2, bias=False, dtype="float64")
    x = tensor(np.random.default_rng(8).standard_normal((5, 4)))
    F.mse_loss(encoder(x) @ encoder.weight, x).backward()
    w, data, scale = encoder.weight.numpy_copy(), x.numpy(), 2 / x.size
    error = data @ w.T @ w - data
    by_hand = scale * ((error @ w.T).T @ data + (data @ w.T).T @ error)
    np.testing.assert_allclose(encoder.weight.grad.numpy(), by_hand, rtol=1e-10)


def test_linear_autoencoder_spans_the_pca_subspace() -> None:
    from dlengine import optim

    dl.manual_seed(0)
    x = np.random.default_rng(9).standard_normal((60, 5)) * [3.0, 2.0, 0.3, 0.2, 0.1]
    x -= x.mean(axis=0)
    net = nn.Sequential(nn.Linear(5, 2, bias=False), nn.Linear(2, 5, bias=False)).double()
    adam = optim.Adam(net.parameters(), lr=0.03)
    for _ in range(500):
        adam.zero_grad()
        F.mse_loss(net(tensor(x)), tensor(x)).backward()
        adam.step()
    best = np.linalg.svd(x, full_matrices=False)[2][:2]
    found = np.linalg.qr(net[1].weight.numpy_copy())[0]
    assert np.linalg.svd(best @ found)[1].min() > 0.999


def test_variational_pull() -> None:
    """The divergence of N(m, s^2) from N(0, 1) is (m^2 + s^2 - 1 - log s^2) / 2."""
    m, s = 0.7, 1.4
    assert float(F.gaussian_kl(tensor([m]), tensor([2 * np.log(s)]))) == pytest.approx((m * m + s * s - 1 - np.log(s * s)) / 2)
    assert float(F.gaussian_kl(dl.zeros((4, 3)), dl.zeros((4, 3)))) == 0


def test_fgsm_step_raises_the_loss() -> None:
    dl.manual_seed(1)
    net, y = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)), dl.asarray([0, 1, 2])
    x = dl.randn(3, 4).requires_grad_()
    loss = F.cross_entropy(net(x), y)
    (g,) = dl.gradients([loss], [x])
    worse = x.detach() + 0.1 * dl.sign(g)
    assert float(F.cross_entropy(net(worse), y)) > float(loss)
    assert float(dl.max(dl.abs(worse - x.detach()))) == pytest.approx(0.1, rel=1e-5)


def test_gradient_reversal() -> None:
    x = tensor([1.0, -2.0]).requires_grad_()
    y = nn.GradientReversal(alpha=0.5)(x)
    assert y.numpy_copy().tolist() == [1, -2]
    dl.sum(y * tensor([3.0, 4.0])).backward()
    assert x.grad.numpy().tolist() == [-1.5, -2]


def test_prototypes_are_means_and_the_nearest_wins() -> None:
    support, labels = tensor([[0.0, 0.0], [2.0, 0.0], [10.0, 10.0], [10.0, 12.0]]), dl.asarray([0, 0, 1, 1])
    assert F.prototypes(support, labels, 2).numpy().tolist() == [[1, 0], [10, 11]]
    query = tensor([[1.0, 1.0], [9.0, 9.0]])
    loss = nn.PrototypicalLoss(2, reduction="none")(support, labels, query, dl.asarray([0, 1])).numpy_copy()
    d = np.array([[1.0, 181.0], [145.0, 5.0]])
    np.testing.assert_allclose(loss, [np.log(np.exp(-d[i]).sum()) + d[i, i] for i in range(2)], atol=1e-12)


def test_transfer_freezes_features_under_a_new_head() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    net[0].freeze()
    dl.sum(net(dl.ones((2, 4)))).backward()
    assert net[0].weight.grad is None
    assert net[2].weight.grad is not None
    net[0].unfreeze()
    assert all(p.requires_grad for p in net.parameters())
