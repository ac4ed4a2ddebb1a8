"""A hook's handle takes that hook off, once, and no other, also while hooks run; of modules, leaves and results."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.autograd.hooks import Handle


class Site:
    """Something that hooks are registered on, and what runs them; log notes which ran."""

    def __init__(self, kind: str) -> None:
        self.log: list[Any] = []
        self.x = dl.asarray([1.0, 2.0]).requires_grad_()
        self.module = nn.ReLU()
        self.result = self.x * 3.0
        self.register: Callable[[Any], Handle] = {
            "before": self.module.register_forward_pre_hook,
            "after": self.module.register_forward_hook,
            "leaf": self.x.register_hook,
            "result": self.result.register_hook,
        }[kind]
        self.kind = kind

    def add(self, word: Any) -> Handle:
        return self.register(lambda *args: self.log.append(word))

    def run(self) -> list[Any]:
        self.log.clear()
        if self.kind in ("before", "after"):
            self.module(dl.ones(2))
        else:
            self.result.sum().backward(retain_graph=True)
        return list(self.log)


KINDS = pytest.mark.parametrize("kind", ["before", "after", "leaf", "result"])


@KINDS
def test_a_used_handle_takes_off_no_hook_registered_since(kind: str) -> None:
    site = Site(kind)
    first, kept = site.add("first"), site.add("kept")
    first.remove()
    later = site.add("later")
    for again in (first.remove, first, first.remove):
        again()
    assert site.run() == ["kept", "later"]
    for handle in (kept, later):
        handle()
    newest = site.add("newest")
    for handle in (kept, later, first):
        handle.remove()
    assert site.run() == ["newest"]
    newest.remove()
    assert site.run() == []


@KINDS
def test_hooks_may_be_taken_off_and_added_while_they_run(kind: str) -> None:
    """Those of the running pass are the ones that were there when it began."""
    site = Site(kind)
    handles: list[Handle] = []

    def once(*args: Any) -> None:
        site.log.append("once")
        for handle in handles:
            handle.remove()
        site.add("new")

    handles += [site.register(once), site.add("gone next time")]
    assert site.run() == ["once", "gone next time"]
    assert site.run() == ["new"]


def test_a_handle_is_also_a_context() -> None:
    site = Site("after")
    with site.add("inside"):
        assert site.run() == ["inside"]
    assert site.run() == []


def _double(module: Any, args: Any, y: Any) -> Any:
    return y * 2.0


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_of_a_module_have_their_own_hooks(how: str) -> None:
    m = nn.Identity()
    handle = m.register_forward_hook(_double)
    twin = copy.deepcopy(m) if how == "deepcopy" else pickle.loads(pickle.dumps(m))
    handle.remove()
    later = twin.register_forward_hook(_double)
    later.remove()
    handle.remove()
    np.testing.assert_array_equal(twin(dl.ones(2)).numpy_copy(), 2.0)
    np.testing.assert_array_equal(m(dl.ones(2)).numpy_copy(), 1.0)


def test_a_hook_may_register_hooks_where_the_walk_has_yet_to_come():
    """The tensor before has a part of its gradient by then, and gets the rest after."""
    x = dl.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    y = x * 3
    first = y * 2
    last = y * 5
    last.register_hook(lambda g: seen.append("last"))
    first.register_hook(lambda g: y.register_hook(lambda g: (seen.append(g.tolist()), g * 2)[1]) and None)
    (first + last).sum().backward()
    assert seen == ["last", [7.0, 7.0]]
    assert x.grad.tolist() == [42.0, 42.0]
