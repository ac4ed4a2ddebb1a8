"""Places of all kinds from which a step's Python code reads: a replay sees that they have changed, or the step is refused."""

from __future__ import annotations

import collections
import configparser
import contextvars
import copy
import ctypes
import functools
import os
import queue
import types
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from programs.comparing import batch, both

import dlengine as dl
from dlengine import nn, training
from dlengine.errors import CaptureError

pytestmark = pytest.mark.usefixtures("host")

Made = tuple[Callable[..., Any], Callable[[float], Any]]
"""A step of two arguments, and a function that assigns the number that it reads."""

SCALE = [1.0]


class Mapping(dict[str, float]):
    """A dictionary with an attribute and a method of its own."""

    scale = 1.0

    def scaled(self) -> float:
        return self["a"] * SCALE[0]


class Point(NamedTuple):
    a: float

    def scaled(self) -> float:
        return self.a * SCALE[0]


class Meta(type):
    @property
    def scale(cls) -> float:
        return cls._scale  # type: ignore[attr-defined, no-any-return]


class One:
    scale = 1.0


class Three:
    scale = 3.0


def entry(holder: Any, read: Any = None) -> Made:
    return (lambda x, y: x * (read or holder)["a"]), lambda v: holder.__setitem__("a", v)


def key() -> Made:
    held = {"a": 1.0, "b": 2.0}

    def assign(v: float) -> None:
        held.pop("b", None)
        held.pop("c", None)
        held["b" if v == 1.0 else "c"] = 2.0

    return (lambda x, y: x * held.get("b", 7.0)), assign


def order() -> Made:
    held = collections.OrderedDict(a=2.0, b=2.0)
    return (lambda x, y: x * (1.0 if next(iter(held)) == "a" else 5.0)), lambda v: held.move_to_end("a", last=v != 1.0)


def subclass() -> Made:
    held = Mapping(a=1.0)
    return (lambda x, y: x * held.scale), lambda v: setattr(held, "scale", v)


def method_of(held: Any) -> Made:
    return (lambda x, y: x * held.scaled()), lambda v: SCALE.__setitem__(0, v)


def of_a_function() -> Made:
    def helper(x: Any) -> Any:
        return x * helper.scale  # type: ignore[attr-defined]

    return (lambda x, y: helper(x)), lambda v: setattr(helper, "scale", v)


def code() -> Made:
    def one(x: Any) -> Any:
        return x * 1.0

    def three(x: Any) -> Any:
        return x * 3.0

    codes = {1.0: one.__code__, 3.0: three.__code__}
    return (lambda x, y: one(x)), lambda v: setattr(one, "__code__", codes[v])


def defaults() -> Made:
    def scaled(x: Any, factor: float = 1.0) -> Any:
        return x * factor

    return (lambda x, y: scaled(x)), lambda v: setattr(scaled, "__defaults__", (v,))


def variable() -> Made:
    held = contextvars.ContextVar("held", default=1.0)
    return (lambda x, y: x * held.get()), lambda v: held.set(v)


def environment() -> Made:
    return (lambda x, y: x * float(os.environ["SCALE"])), lambda v: os.environ.__setitem__("SCALE", str(v))


def weak() -> Made:
    held = One()
    reference = weakref.ref(held)

    def step(x: Any, y: Any) -> Any:
        return x * reference().scale  # type: ignore[union-attr]

    return step, lambda v: setattr(held, "scale", v)


def dispatched() -> Made:
    held = [1.0]

    @functools.singledispatch
    def scaled(x: Any) -> Any:
        return x * held[0]

    return (lambda x, y: scaled(x)), lambda v: held.__setitem__(0, v)


def of_a_metaclass() -> Made:
    class Settings(metaclass=Meta):
        _scale = 1.0

    return (lambda x, y: x * Settings.scale), lambda v: setattr(Settings, "_scale", v)


def of_another_class() -> Made:
    held = One()
    return (lambda x, y: x * held.scale), lambda v: setattr(held, "__class__", One if v == 1.0 else Three)


def waiting() -> Made:
    held: Any = queue.Queue()

    def assign(v: float) -> None:
        held.queue.clear()
        held.put(v)

    return (lambda x, y: x * held.queue[0]), assign


def foreign_number() -> Made:
    held = ctypes.c_double(1.0)
    return (lambda x, y: x * held.value), lambda v: setattr(held, "value", v)


def configuration() -> Made:
    held = configparser.ConfigParser()
    held["a"] = {"scale": "1"}
    return (lambda x, y: x * float(held["a"]["scale"])), lambda v: held["a"].__setitem__("scale", str(v))


def long_table() -> Made:
    table = np.ones(300_001, "float32")
    return (lambda x, y: x * float(table[77_777])), lambda v: table.__setitem__(77_777, v)


def differentiated() -> Made:
    held = [1.0]
    slope = dl.grad(lambda x: (x**3).sum() * held[0])
    return (lambda x, y: slope(x)), lambda v: held.__setitem__(0, v)


def proxied() -> Made:
    held = {"a": 1.0}
    return entry(held, types.MappingProxyType(held))


def chained() -> Made:
    held = {"a": 1.0}
    return entry(held, collections.ChainMap({}, held))


PLACES: dict[str, Callable[[], Made]] = {
    "OrderedDict": lambda: entry(collections.OrderedDict(a=1.0)),
    "defaultdict": lambda: entry(collections.defaultdict(float, a=1.0)),
    "Counter": lambda: entry(collections.Counter(a=1)),
    "method of a dictionary": lambda: method_of(Mapping(a=1.0)),
    "method of a tuple": lambda: method_of(Point(1.0)),
} | {
    f.__name__.replace("_", " "): f
    for f in (
        proxied, chained, key, order, subclass, of_a_function, code, defaults, variable, environment, weak, dispatched,
        of_a_metaclass, of_another_class, waiting, foreign_number, configuration, long_table, differentiated,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_number_that_changes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALE", "1")  # which is put back afterwards
    made: list[Made] = []

    def make() -> tuple[Any, Any, Any]:
        made[:] = [PLACES[name]()]
        return made[0][0], made[0][1], []

    def change(i: int, assign: Any) -> Any:
        if i in (0, 7):
            assign(1.0 if i == 0 else 3.0)
        return batch(i)

    assert both(make, change).replays == 8


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Sigmoid])
def test_a_layer_of_another_class(kind: type) -> None:
    def change(i: int, model: Any) -> Any:
        if i == 7:
            model[1].__class__ = kind
        return batch(i)

    def make() -> tuple[Any, Any, Any]:
        dl.manual_seed(2)
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        return (lambda x, y: model(x).detach()), model, []

    assert both(make, change).replays == 8


def test_memory_that_the_caller_writes_to() -> None:
    """What is computed of it once and kept would be out of date."""
    for make in (lambda a: dl.asarray(a, copy=False), dl.from_dlpack, lambda a: dl.asarray(a[:2], copy=False)):
        raw = np.ones(3, "float32")
        held = make(raw)
        train = training.capture(lambda held=held: dl.tanh(held), warmup=1)
        for i in range(6):
            raw[:] = float(i)
            assert train().tolist() == dl.tanh(held).tolist()
        assert train.replays == 3


def counting() -> Callable[..., Any]:
    def step(x: Any) -> Any:
        step.calls += 1  # type: ignore[attr-defined]
        return x * 2.0

    step.calls = 0  # type: ignore[attr-defined]
    return step


class Keeps(nn.Module):
    """A module that keeps what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(3, 3), None

    def forward(self, x: Any) -> Any:
        self.last = self.layer(x)
        return self.last


def keeping() -> Callable[..., Any]:
    model = Keeps()
    return lambda x: model(x).detach()


def taking() -> Callable[..., Any]:
    held: Any = queue.Queue()
    for _ in range(9):
        held.put(2.0)
    return lambda x: x * held.get()


def tabled() -> Callable[..., Any]:
    table = np.zeros((1 << 26) + 4, "int8")
    return lambda x: x * float(table[5])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (counting, r"the step changes step.calls.* \(the step at .*test_places.py:\d+\)"),
        (keeping, r"model.last is the result of an op outside of the step.*test_places.py"),
        (taking, "the step changes held.queue.*test_places.py"),
        (tabled, r"table is a NumPy array of 64 MiB, which Python may read; make it a tensor.*test_places.py"),
    ],
)
def test_refused(make: Any, words: str) -> None:
    train = training.capture(make(), warmup=1)

    def five_calls() -> None:
        for i in range(5):
            train(dl.asarray([float(i), 1.0, 2.0]))

    with pytest.raises(CaptureError, match=words):
        five_calls()
    assert train.replays == 0


def test_one_result_given_twice_is_one_tensor() -> None:
    train = training.capture(lambda x: [x * 2.0] * 2, warmup=1)
    for _ in range(5):
        a, b = train(dl.ones(3))
        assert a is b
    assert train.replays == 2


def test_a_copy_captures_anew() -> None:
    model = nn.Linear(4, 2)
    model.doubled = training.capture(lambda x: x * 2.0, warmup=1)
    x = batch(0)[0]
    for _ in range(5):
        model.doubled(x)
    other = copy.deepcopy(model)
    assert (model.doubled.replays, other.doubled.replays) == (2, 0)
    assert other.doubled(x).tolist() == (x * 2.0).tolist()
