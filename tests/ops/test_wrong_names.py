"""A keyword that an op does not have: the message says how it is written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import DLEngineError, DTypeError

X = dl.reshape(dl.arange(24.0), (2, 3, 4))

DIM: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda: dl.sum(X, dim=1), lambda: dl.sum(X, axis=1)),
    (lambda: X.mean(dim=(0, 1)), lambda: X.mean(axis=(0, 1))),
    (lambda: dl.softmax(X, dim=-1), lambda: dl.softmax(X, axis=-1)),
    (lambda: dl.concat([X, X], dim=1), lambda: dl.concat([X, X], axis=1)),
    (lambda: dl.stack([X, X], dim=0), lambda: dl.stack([X, X], axis=0)),
    (lambda: X.argmax(dim=1, keepdim=True), lambda: X.argmax(axis=1, keepdims=True)),
    (lambda: dl.cumulative_sum(X, dim=0), lambda: dl.cumulative_sum(X, axis=0)),
    (lambda: dl.sort(X, dim=0, descending=True), lambda: dl.sort(X, axis=0, descending=True)),
    (lambda: X.logsumexp(dim=2), lambda: X.logsumexp(axis=2)),
    (lambda: dl.var(X, unbiased=True), lambda: dl.var(X, correction=1.0)),
    (lambda: X.sum(dim=[0, 2], keepdim=True), lambda: X.sum(axis=(0, 2), keepdims=True)),
    (lambda: dl.expand_dims(X, dim=1), lambda: dl.expand_dims(X, axis=1)),
]
"""A call in PyTorch's words, and in the array API's."""


@pytest.mark.parametrize(("theirs", "ours"), DIM)
def test_pytorchs_words_mean_the_same(theirs: Callable[[], Any], ours: Callable[[], Any]) -> None:
    found, expected = theirs(), ours()
    assert found.shape == expected.shape
    assert found.tolist() == expected.tolist()


def test_other_names_and_slips() -> None:
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("'dim'; write axis", lambda: dl.sum(X, axis=1, dim=1)),
        ("'dim'; it has x", lambda: dl.relu(X, dim=1)),
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
