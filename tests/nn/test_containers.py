"""Sequential and ModuleList have the ways of a list, and names that count from 0."""

from __future__ import annotations

from typing import Any

import pytest

import dlengine as dl
from dlengine import nn


def layers(*widths: int) -> list[nn.Linear]:
    return [nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False)]


def made(kind: str, modules: list[Any]) -> Any:
    return nn.Sequential(*modules) if kind == "Sequential" else nn.ModuleList(modules)


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_what_a_list_can(kind: str) -> None:
    one, two, three, four = layers(2, 3, 4, 5, 6)
    held = made(kind, [one, two])
    plain = [one, two]
    for act in (
        lambda m: m.append(three),
        lambda m: m.insert(1, four),
        lambda m: m.insert(-1, one),
        lambda m: m.__setitem__(-1, two),
        lambda m: m.__delitem__(0),
        lambda m: m.extend([three, four]),
        lambda m: m.__delitem__(slice(1, 3)),
        lambda m: m.__iadd__([one]),
    ):
        act(held)
        act(plain)
        assert [id(m) for m in held] == [id(m) for m in plain]
        assert list(held._held()) == [str(i) for i in range(len(plain))]
    assert held.pop() is plain.pop()
    assert held.pop(0) is plain.pop(0)
    assert list(held + [four]) == [*plain, four]
    assert list(held) == plain
    assert type(held + [four]) is type(held)
    with pytest.raises(IndexError):
        held[9] = one
    with pytest.raises(dl.errors.DTypeError, match=f"{kind}: expected a Module, got int"):
        held.insert(0, 3)
    assert list(held) == plain


def test_the_last_layer_is_replaced() -> None:
    model = nn.Sequential(*layers(4, 3, 2))
    model[-1] = nn.Linear(3, 7)
    assert model(dl.ones((5, 4))).shape == (5, 7)
    assert set(model.state_dict()) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    del model[-1]
    assert model(dl.ones((5, 4))).shape == (5, 3)


def test_names_of_ones_own_stay() -> None:
    first, last = layers(2, 3, 4)
    model = nn.Sequential({"first": first, "last": last})
    model.insert(1, nn.ReLU())
    assert list(model._held()) == ["first", "1", "last"]
    model[2] = nn.Linear(3, 5)
    assert list(model._held()) == ["first", "1", "last"]
    del model[0]
    assert list(model._held()) == ["0", "last"]
