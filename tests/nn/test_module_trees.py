"""Trees of modules: as deep as they come, and told where parts of them would not be found."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn

DEPTH = 2_000


def chain(depth: int) -> nn.Module:
    m: nn.Module = nn.Linear(1, 1)
    for _ in range(depth):
        m = nn.Sequential(m)
    return m


def test_two_thousand_nested_modules_are_walked_loaded_and_moved() -> None:
    m, twin = chain(DEPTH), chain(DEPTH)
    assert len(list(m.modules())) == DEPTH + 1
    (name, weight), _ = m.named_parameters()
    assert name == "0." * DEPTH + "weight"
    twin.load_state_dict(m.state_dict())
    assert float(next(twin.parameters()).detach()) == float(weight.detach())
    seen: list[nn.Module] = []
    m.apply(seen.append)
    assert seen[-1] is m
    assert isinstance(seen[0], nn.Linear)
    m.eval().double().freeze()
    assert not any(k.training for k in m.modules())
    assert weight.dtype == np.float64


def test_the_order_of_a_walk_is_that_of_the_attributes() -> None:
    tree = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), nn.BatchNorm1d(2))
    assert [n for n, _ in tree.named_modules()] == ["", "0", "0.0", "0.1", "1"]
    assert list(tree.state_dict())[:3] == ["0.1.weight", "0.1.bias", "1.weight"]
    seen: list[str] = []
    tree.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["ReLU", "Linear", "Sequential", "BatchNorm1d", "Sequential"]
    shared = nn.Linear(2, 2)
    twice = nn.Sequential(shared, nn.Sequential(shared))
    assert [n for n, _ in twice.named_modules()] == ["", "0", "1"]
    assert list(twice.state_dict()) == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]


def test_a_property_that_fails_says_why_itself() -> None:
    class Net(nn.Module):
        @property
        def width(self) -> int:
            return self.hidden.out_features  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="'Net' object has no attribute 'hidden'"):
        Net().width  # noqa: B018
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'depth'"):
        Net().depth  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(Net(), "width")


def test_lists_and_dicts_of_modules_say_what_to_use() -> None:
    class Net(nn.Module):
        pass

    net = Net()
    cases: tuple[tuple[Any, str], ...] = (
        ([nn.Linear(2, 2)], "layers is a list.*use nn.ModuleList"),
        ({"a": nn.ReLU()}, "layers is a dict.*use nn.ModuleDict"),
        ([0, nn.Parameter(dl.ones(2))], "layers is a list.*an attribute of its own"),
    )
    for value, words in cases:
        with pytest.warns(UserWarning, match=f"Net.{words}"):
            net.layers = value
    assert list(net.parameters()) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.sizes, net.names, net.teacher = [1, 2], {"a": "b"}, (nn.Linear(2, 2),)
        net.layers = nn.ModuleList([nn.Linear(2, 2)])
    assert len(list(net.parameters())) == 2


def test_iterating_with_and_without_names_gives_the_same():
    """Also for modules and parameters that are reached in several ways."""
    model = dl.nn.Sequential(dl.nn.Linear(3, 2), dl.nn.Sequential(dl.nn.Linear(2, 2), dl.nn.BatchNorm1d(2)))
    model.first, model.again, model.tied = model[1], model[0], dl.nn.Linear(2, 2)
    model.tied.weight = model[1][0].weight
    model.own = dl.nn.Parameter(dl.zeros(2))
    assert [id(m) for m in model.modules()] == [id(m) for _, m in model.named_modules()]
    for recurse in (True, False):
        named = [id(p) for _, p in model.named_parameters(recurse=recurse)]
        assert [id(p) for p in model.parameters(recurse=recurse)] == named
        assert len(set(named)) == len(named)


def test_a_class_may_name_other_parameters_and_modules():
    """What such a class leaves out is left out without names, too."""

    class Partly(nn.Module):
        def __init__(self) -> None:
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

    class FewParameters(Partly):
        def named_parameters(self, prefix: str = "", recurse: bool = True) -> Any:
            return ((n, p) for n, p in super().named_parameters(prefix, recurse) if n[0] != "b")

    class FewModules(Partly):
        def named_modules(self, prefix: str = "") -> Any:
            return ((n, m) for n, m in super().named_modules(prefix) if n != "b")

    class Childless(Partly):
        def named_children(self) -> Any:
            return iter(())

    assert len(list(FewParameters().parameters())) == 2
    assert len(list(FewModules().parameters())) == len(list(FewModules().modules())) == 2
    assert [type(m) for m in nn.Sequential(Childless()).modules()] == [nn.Sequential, Childless]
    assert len(list(Partly().parameters())) == 4
