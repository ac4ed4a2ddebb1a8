"""Definitions as a course of deep learning gives them, written out, agree with the layers, losses and penalties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.test_lectures import image, plane, tensor

import dlengine as dl
from dlengine import nn
from dlengine.nn import functional as F


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
