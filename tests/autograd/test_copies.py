"""copy.deepcopy and pickle of everything public: equal, of its own memory, and never a graph that swallows gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, nn, optim, training
from dlengine.errors import GradientError

HOW: dict[str, Callable[[Any], Any]] = {"deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}
EACH = pytest.mark.parametrize("how", HOW)


@EACH
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "bool", "complex64", "uint8"])
def test_leaves(how: str, dtype: str) -> None:
    for shape in ((2, 3), (), (0, 2)):
        x = dl.asarray(np.arange(np.prod(shape)).reshape(shape), dtype=dtype)
        twin = HOW[how](x)
        assert type(twin) is dl.Tensor
        assert (twin.dtype, twin.device, twin.requires_grad) == (x.dtype, x.device, False)
        np.testing.assert_array_equal(twin.numpy_copy(), x.numpy_copy())
        with dl.no_grad():
            twin[...] = 1
        assert x.numpy_copy().tolist() == np.arange(np.prod(shape)).reshape(shape).astype(dtype).tolist()


@EACH
@pytest.mark.backends("numpy", "numba", "cuda", "strict")
def test_parameters_with_gradients_hooks_and_attributes(how: str, backend: str) -> None:
    p, calls = nn.Parameter(dl.asarray([[1.0, 2.0]])), []
    p.note = {"layer": 3}
    p.register_hook(lambda g: calls.append(g))
    (p * p).sum().backward()
    twin = HOW[how](p)
    assert type(twin) is nn.Parameter
    assert twin.requires_grad
    assert twin.is_leaf
    assert twin.note == {"layer": 3}
    np.testing.assert_array_equal(twin.grad.numpy_copy(), [[2.0, 4.0]])
    (twin * 3.0).sum().backward()
    np.testing.assert_array_equal(twin.grad.numpy_copy(), [[5.0, 7.0]])
    np.testing.assert_array_equal(p.grad.numpy_copy(), [[2.0, 4.0]])
    assert len(calls) == 1
    with dl.no_grad():
        twin[...] = 0.0
    assert p.numpy_copy().tolist() == [[1.0, 2.0]]


@EACH
def test_results_are_refused_and_say_the_way_out(how: str) -> None:
    """As in PyTorch: a copy of a graph would keep the gradients that its leaves should get."""
    x = dl.ones(3).requires_grad_()
    for y in (x * 2.0, dl.sum(x), x[1], dl.matmul(x, x), dl.unstack(x)[0], nn.Linear(3, 2)(x)):
        for held in (y, [y], {"y": y}):
            with pytest.raises(GradientError, match=rf"{how}: .*detach\(\)"):
                HOW[how](held)
        twin = HOW[how](y.detach())
        np.testing.assert_array_equal(twin.numpy_copy(), y.numpy_copy())
    with dl.no_grad():
        assert HOW[how](x * 2.0).numpy_copy().tolist() == [2.0, 2.0, 2.0]


def test_a_plain_copy_keeps_memory_and_graph() -> None:
    x = dl.ones(2).requires_grad_()
    y = copy.copy(x * 3.0)
    y.sum().backward()
    assert x.grad.numpy_copy().tolist() == [3.0, 3.0]
    leaf = copy.copy(x)
    with dl.no_grad():
        leaf[...] = 7.0
    assert x.numpy_copy().tolist() == [7.0, 7.0]


@EACH
def test_tied_parameters_stay_tied_and_views_come_free(how: str) -> None:
    m = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    m[1].weight = m[0].weight
    twin = HOW[how](m)
    assert twin[1].weight is twin[0].weight
    assert len(list(twin.parameters())) == 1
    base = dl.arange(6.0)
    view = HOW[how](base[::2])
    with dl.no_grad():
        view[...] = 0.0
    assert base.numpy_copy().tolist() == [0, 1, 2, 3, 4, 5]


def network() -> nn.Module:
    parts = [nn.weight_norm(nn.Linear(4, 8)), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.spectral_norm(nn.Linear(8, 3))]
    return nn.Sequential(*parts)


def trained() -> training.Trainer:
    dl.manual_seed(0)
    model = network()
    optimizer = optim.Adam(model.parameters(), 0.01)
    average = training.WeightAverage(optim.EMA(model.parameters()))
    return training.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, scheduler=optim.CosineAnnealingLR(optimizer, 5), batch_size=4,
        callbacks=[training.EarlyStopping("loss"), training.ClipGradients(1.0), average],
    )  # fmt: skip


def samples() -> data.ArrayDataset:
    return data.ArrayDataset(np.linspace(-1, 1, 48).reshape(12, 4).astype("float32"), np.arange(12) % 3)


@EACH
def test_a_trainer_with_all_that_it_holds_goes_on_alike(how: str) -> None:
    """Model with computed weights, optimizer, schedule, callbacks and loader: bit for bit, and apart from the first."""
    first = trained()
    first.fit(samples(), 2)
    seeds = dl.generator.default_generator.state_dict()
    twin = HOW[how](first)
    assert twin.optimizer.param_groups[0]["params"][0] is next(twin.model.parameters())
    before = [p.numpy_copy() for p in first.model.parameters()]
    twin.fit(samples(), 4)
    for p, held in zip(first.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.numpy_copy(), held)
    dl.generator.default_generator.load_state_dict(seeds)
    first.fit(samples(), 4)
    for p, q in zip(first.model.parameters(), twin.model.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy_copy(), q.numpy_copy())
    assert [r["loss"] for r in first.history] == [r["loss"] for r in twin.history]


@EACH
def test_data_sets_loaders_samplers_and_generators(how: str) -> None:
    vocabulary = data.Vocabulary("a b a c".split())
    np.testing.assert_array_equal(HOW[how](vocabulary).encode(["a", "c"]), vocabulary.encode(["a", "c"]))
    generator = dl.Generator(5)
    generator.take(3)
    twin = HOW[how](generator)
    assert (twin.take(2), twin.state_dict()) == (generator.take(2), generator.state_dict())
    for workers in (0, 2):
        loader = data.DataLoader(samples(), 5, shuffle=True, num_workers=workers)
        list(loader)
        other = HOW[how](loader)
        for one, two in zip(loader, other, strict=True):
            np.testing.assert_array_equal(one[0].numpy_copy(), two[0].numpy_copy())
        loader.close()
        other.close()
    whole = samples()
    part = HOW[how](data.Subset(whole, [3, 1]))
    np.testing.assert_array_equal(part[1][0], whole[1][0])


@EACH
@pytest.mark.parametrize("kind", ["GradScaler", "Accuracy", "ConfusionMatrix", "MSE", "Progress", "TimeLimit"])
def test_parts_of_a_training(how: str, kind: str) -> None:
    made = getattr(training, kind)(*{"ConfusionMatrix": [3], "TimeLimit": [60.0]}.get(kind, []))
    assert type(HOW[how](made)) is type(made)
