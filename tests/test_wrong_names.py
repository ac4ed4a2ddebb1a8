"""A keyword that an op does not have: the message says how it is written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import DLEngineError, DTypeError

X = dl.ones((2, 3, 4))

DIM: list[Callable[[], Any]] = [
    lambda: dl.sum(X, dim=1),
    lambda: X.mean(dim=(0, 1)),
    lambda: dl.softmax(X, dim=-1),
    lambda: dl.concat([X, X], dim=1),
    lambda: dl.stack([X, X], dim=0),
    lambda: X.argmax(dim=1),
    lambda: dl.cumulative_sum(X, dim=0),
    lambda: dl.sort(X, dim=0),
    lambda: X.logsumexp(dim=2),
]


@pytest.mark.parametrize("call", DIM)
def test_pytorchs_dim_is_axis(call: Callable[[], Any]) -> None:
    with pytest.raises(DTypeError, match="there is no argument 'dim'; write ax[ei]s"):
        call()


def test_other_names_and_slips() -> None:
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("'keepdim'; write keepdims", lambda: dl.sum(X, axis=1, keepdim=True)),
        ("'unbiased'; write correction", lambda: dl.var(X, unbiased=False)),
        ("'axs'; write axis", lambda: dl.max(X, axs=0)),
        ("'banana'; it has x, axis", lambda: dl.softmax(X, banana=0)),
    ]
    for words, call in calls:
        with pytest.raises(DLEngineError, match=words):
            call()


def test_what_is_no_module_in_a_container() -> None:
    layer: Any = nn.Linear
    for words, make in (
        (r"got list; give the modules one by one: Sequential\(\*modules\)", lambda: nn.Sequential([nn.ReLU()])),
        (r"got type; make one: Linear\(...\)", lambda: nn.Sequential(layer)),
        ("ModuleList: expected a Module, got function", lambda: nn.ModuleList([dl.relu])),
    ):
        with pytest.raises(DTypeError, match=words):
            make()  # type: ignore[no-untyped-call]
