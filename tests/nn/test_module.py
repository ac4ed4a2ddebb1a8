"""Module: what is found in it, its state, hooks, how it looks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import CheckpointError, ConfigError, DTypeError, ShapeError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(3, 3)
        self.scale = nn.Parameter(dl.ones(3))
        self.first = nn.Linear(3, 3, bias=False)
        self.first.weight = self.second.weight  # tied
        self.register_buffer("mean", dl.zeros(3))
        self.register_buffer("scratch", dl.zeros(1), persistent=False)
        self.layers = nn.ModuleList([nn.Linear(3, 2), nn.ReLU()])

    def forward(self, x: Any) -> Any:
        return self.layers[0](self.first(x) * self.scale)


def test_names_come_in_order_and_shared_parameters_once() -> None:
    m = Block()
    names = [n for n, _ in m.named_parameters()]
    assert names == ["scale", "second.weight", "second.bias", "layers.0.weight", "layers.0.bias"]
    assert [n for n, _ in m.named_buffers()] == ["mean", "scratch"]
    assert [n for n, _ in m.named_modules()] == ["", "second", "first", "layers", "layers.0", "layers.1"]
    assert [n for n, _ in m.named_children()] == ["second", "first", "layers"]
    assert len(list(m.parameters())) == 5
    assert [p.shape for p in m.parameters(recurse=False)] == [(3,)]


def test_state_dict_has_shared_parameters_under_each_name_and_no_scratch() -> None:
    state = Block().state_dict()
    assert list(state) == [
        "scale", "mean", "second.weight", "second.bias", "first.weight", "layers.0.weight", "layers.0.bias"
    ]  # fmt: skip
    assert not state["scale"].requires_grad


def test_load_copies_into_the_same_parameters_and_keeps_ties() -> None:
    a, b = Block(), Block()
    before = b.second.weight
    b.load_state_dict(a.state_dict())
    assert b.second.weight is before
    assert b.first.weight is before
    np.testing.assert_array_equal(b.second.weight.numpy_copy(), a.second.weight.numpy_copy())
    b.load_state_dict({k: v.numpy_copy().astype("f8") for k, v in a.state_dict().items()})
    assert b.scale.dtype == np.float32


def test_strict_loading_lists_everything_at_once_and_changes_nothing() -> None:
    m = nn.Linear(3, 2)
    before = m.bias.numpy_copy()
    bad = {"bias": dl.ones(2), "weight": dl.zeros((3, 2)), "wieght": dl.zeros(1)}
    with pytest.raises(CheckpointError, match=r"unexpected: wieght; misshapen: weight is \(3, 2\), expected \(2, 3\)"):
        m.load_state_dict(bad)
    with pytest.raises(CheckpointError, match=r"missing: weight, bias"):
        m.load_state_dict({})
    np.testing.assert_array_equal(m.bias.numpy_copy(), before)
    passed = m.load_state_dict({"bias": dl.ones(2), "extra": dl.ones(1)}, strict=False)
    assert passed == (["weight"], ["extra"])
    np.testing.assert_array_equal(m.bias.numpy_copy(), [1, 1])


def test_states_without_the_number_of_batches_load() -> None:
    """As PyTorch's first files of networks with batch normalisation do."""
    m = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    m(dl.ones((4, 3)))
    state = {k: v for k, v in m.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert m.load_state_dict(state) == ([], [])
    assert int(m[1].num_batches_tracked) == 1
    with pytest.raises(CheckpointError, match=r"missing: 1.running_mean"):
        m.load_state_dict({k: v for k, v in state.items() if not k.endswith("running_mean")})


def test_complex_values_are_no_state_of_real_ones() -> None:
    m = nn.BatchNorm1d(2)
    state = m.state_dict() | {"running_var": np.array([1j, 2])}
    with pytest.raises(CheckpointError, match="complex128 does not become"):
        m.load_state_dict(state)
    o = optim.Adam(m.parameters())
    m(dl.ones((3, 2))).sum().backward()
    o.step()
    held = o.state_dict()
    held["state"][0] = {**held["state"][0], "exp_avg": np.array([1j, 2])}
    with pytest.raises(CheckpointError, match="exp_avg of parameter 0"):
        o.load_state_dict(held)


def test_a_buffer_that_becomes_a_parameter_is_no_buffer_any_more() -> None:
    m = nn.BatchNorm1d(2)
    m.running_mean = nn.Parameter(dl.zeros(2))
    assert "running_mean" not in dict(m.named_buffers())
    assert list(m.state_dict()).count("running_mean") == 1
    m.running_mean = None
    assert "running_mean" not in m.state_dict()


def test_attributes() -> None:
    m = Block()
    with pytest.raises(AttributeError, match="no attribute 'sclae'"):
        m.sclae  # noqa: B018
    with pytest.raises(DTypeError, match="Block.scale is a parameter"):
        m.scale = dl.ones(3)
    m.scale = nn.Parameter(dl.zeros(3))
    assert "scale" in m.state_dict()
    del m.scale
    assert "scale" not in m.state_dict()
    with pytest.raises(KeyError, match="attribute 'forward'"):
        m.add_module("forward", nn.ReLU())
    with pytest.raises(KeyError, match="must not be empty or contain"):
        m.register_parameter("a.b", None)
    with pytest.raises(NotImplementedError, match="write forward"):
        nn.Module()(1)


def test_modes_gradients_and_apply() -> None:
    m = Block()
    m.eval()
    assert not any(x.training for x in m.modules())
    m.train()
    dl.sum(m(dl.ones((2, 3)))).backward()
    assert m.scale.grad is not None
    m.zero_grad(set_to_none=False)
    assert float(dl.sum(m.scale.grad)) == 0
    m.zero_grad()
    assert m.scale.grad is None
    m.requires_grad_(False)
    assert not m(dl.ones((2, 3))).requires_grad
    seen: list[str] = []
    m.apply(lambda x: seen.append(type(x).__name__))
    assert seen == ["Linear", "Linear", "Linear", "ReLU", "ModuleList", "Block"]


def test_hooks_change_arguments_and_output_and_come_off() -> None:
    m = nn.Identity()
    pre = m.register_forward_pre_hook(lambda module, args: args[0] * 2)
    post = m.register_forward_hook(lambda module, args, y: y + 1)
    assert float(m(dl.asarray(3.0))) == 7
    pre.remove()
    assert float(m(dl.asarray(3.0))) == 4
    post()
    post.remove()
    assert float(m(dl.asarray(3.0))) == 3


def test_to_dtype_keeps_parameters_themselves_and_integers_as_they_are() -> None:
    m = nn.BatchNorm1d(2)
    weight = m.weight
    dl.sum(m(dl.randn(4, 2))).backward()
    m.double()
    assert m.weight is weight
    assert (m.weight.dtype, m.weight.grad.dtype, m.running_var.dtype) == (np.float64,) * 3
    assert m.num_batches_tracked.dtype == np.int64
    assert m.to("cpu", dl.float32).weight.dtype == np.float32


def test_deepcopy_is_independent() -> None:
    a = Block()
    b = copy.deepcopy(a)
    with dl.no_grad():
        b.scale[...] = 5.0
    assert float(a.scale[0]) == 1
    assert b.first.weight is b.second.weight


def test_containers() -> None:
    s = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).append(nn.Linear(3, 1))
    assert len(s) == 3
    assert [type(m).__name__ for m in s[:2]] == ["Linear", "ReLU"]
    assert list(nn.Sequential({"a": nn.ReLU()}).state_dict()) == []
    named = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
    assert (list(named), len(named), "a" in named) == (["a", "b"], 2, True)
    del named["a"]
    assert [k for k, _ in named.items()] == list(named.keys()) == ["b"]
    items = nn.ModuleList([nn.ReLU()])
    items[0] = nn.Linear(1, 1)
    assert isinstance(items[-1], nn.Linear)
    shared = nn.ReLU()
    assert len(nn.Sequential(shared, shared)) == 2
    with pytest.raises(TypeError, match="expected a Module, got function"):
        nn.Sequential(dl.relu)


def test_repr_and_summary() -> None:
    m = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 2))
    assert "(2): Linear(in_features=64, out_features=2, bias=True)" in repr(m)
    table = nn.summary(m.eval(), (5, 1, 4, 4))
    assert [r.shape for r in table.rows] == ["(5, 4, 4, 4)", "(5, 64)", "(5, 2)"]
    assert table.parameters == 4 * 10 + 130
    assert "total" in str(table)
    m[0].requires_grad_(False)
    assert "40 of them frozen" in str(nn.summary(m, (1, 1, 4, 4)))
    assert not m.training
    assert "(5, 7, 3), (1, 7, 3), (1, 7, 3)" in str(nn.summary(nn.LSTM(2, 3), (5, 7, 2)))


def test_initial_values() -> None:
    with dl.no_grad():
        w = dl.zeros((200, 100))
        for fill, bound in ((nn.init.xavier_uniform_, (6 / 300) ** 0.5), (nn.init.kaiming_uniform_, (6 / 100) ** 0.5)):
            assert bound * 0.99 < float(dl.max(dl.abs(fill(w)))) <= bound
        for fill, std in ((nn.init.xavier_normal_, (2 / 300) ** 0.5), (nn.init.kaiming_normal_, (2 / 100) ** 0.5)):
            assert float(dl.std(fill(w))) == pytest.approx(std, rel=0.03)
        np.testing.assert_array_equal(nn.init.eye_(dl.ones((2, 3))).numpy(), np.eye(2, 3))
        assert float(nn.init.constant_(dl.zeros(()), 3.0)) == 3
        assert float(dl.sum(nn.init.ones_(w))) == w.size
    assert nn.init.calculate_gain("leaky_relu", 1.0) == 1
    with pytest.raises(ConfigError, match="unknown nonlinearity 'rleu'"):
        nn.init.calculate_gain("rleu")
    with pytest.raises(ShapeError, match="2 or more dimensions"):
        nn.init.xavier_normal_(dl.zeros(3))
    with pytest.raises(ConfigError, match="mode must be"):
        nn.init.kaiming_normal_(w, mode="fan")


def test_parts_are_found_on_first_use() -> None:
    assert dl.nn is nn
    assert dl.training.Trainer
    with pytest.raises(AttributeError, match="no attribute 'nm'"):
        dl.nm  # noqa: B018
