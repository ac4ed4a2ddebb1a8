"""Short ways of PyTorch's names give what the names give without them, bit for bit: values, types, views, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from torch_names.short_calls import CASES, OTHERS

import dlengine as dl
from dlengine import backend, torch
from dlengine.autograd.op import OPS
from dlengine.backend.namespace import Namespace
from dlengine.torch.names import core, short
from dlengine.torch.nn.functions.activations import NAMES

pytest.importorskip("numba")

Call = Callable[..., Any]


def _ways() -> dict[str, tuple[Call, Any]]:
    """Every function with a short way, by the entry that makes it, and its way."""
    found: dict[str, tuple[Call, Any]] = {}
    for names in (core.FUNCTIONS, core.METHODS, NAMES, {"__getitem__": torch.Tensor.__getitem__}):
        for f in names.values():
            way = getattr(f, "short", None)
            if type(way) is short._Way:
                found.setdefault(way.name, (f, way))
    return found


WAYS = _ways()


def _strange(dtype: Any = np.float32, shape: tuple[int, ...] = (4, 6)) -> list[Any]:
    """Arrays of one shape in several layouts, then others."""
    rng = np.random.default_rng(7)
    n = int(np.prod(shape))
    a = (rng.integers(-6, 7, n) / 2).astype(dtype).reshape(shape)
    if a.dtype.kind == "f":
        a.flat[1], a.flat[2], a.flat[5], a.flat[9] = np.nan, -0.0, np.inf, -np.inf
    frozen = a.copy()
    frozen.flags.writeable = False
    odd = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(shape) if a.dtype.itemsize > 1 else a.copy()
    odd[...] = a
    wide = np.zeros((shape[0], 2 * shape[1]), a.dtype)
    wide[:, ::2] = a
    return [
        a,
        a.T.copy().T,
        wide[:, ::2],
        a[::-1],
        frozen,
        odd,
        np.broadcast_to(a[:1], shape),
        a[:0],
        a[0],
        a[0, 0:1].reshape(()),
    ]


def _tensors(shape: tuple[int, ...]) -> list[Any]:
    found = [_tensor(a) for a in _strange(np.float32, shape)] + [_tensor(a) for a in _strange(np.float64, shape)[:3]]
    found += [_tensor(_strange(dtype)[i]) for dtype in (np.int64, np.int32, np.bool_, np.uint8, np.complex64) for i in (0, 1)]
    found += [_tensor(_strange(np.float16)[0]), _tensor(_strange()[0].astype(">f4"))]
    needs = torch.tensor([[1.0, -2.0, 3.0, 0.0, 5.0, 4.0]] * 4, requires_grad=True)
    return [core.own(t) for t in found] + [needs, torch.nn.Parameter(torch.ones(4, 6)), torch.randn(3, 4, 6)]


def _tensor(a: Any) -> Any:
    t = torch.zeros(1)
    t.array = a
    return t


@pytest.fixture(scope="module", autouse=True)
def _readings() -> Iterator[None]:
    """The many kinds of calls here fill what ops keep of them, which other tests want to see filled by theirs."""
    yield
    for f in OPS.values():
        f.op.forget_readings()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _numba() -> Iterator[None]:
    with dl.use_backend("numba"):
        yield
    for _, way in WAYS.values():
        way.release()


def bound(entry: str) -> tuple[Call, Any]:
    """A function whose short way is in force, and that way."""
    f, way = WAYS[entry]
    xp: Namespace = backend.spaces()[np.ndarray]
    way.bound, way.policy = way.find(xp), backend.policy()
    return f, way


def outcome(f: Call, call: Call, x: Any) -> Any:
    """What a call gives: a result or an error, and what it did to its argument."""
    before = x.version[0]
    with np.errstate(all="raise"):
        try:
            y = call(f, x)
        except Exception as error:  # compared with another one
            return type(error), str(error)
    assert x.version[0] == before
    return told(y, x)


def told(y: Any, x: Any) -> Any:
    """All that can be seen of a result, but how memory of its own lies."""
    if isinstance(y, (tuple, list)):
        return type(y), [told(part, x) for part in y]
    if not isinstance(y, dl.Tensor):
        return type(y), repr(y)
    a = y.array
    seen = [type(y), a.dtype, a.shape, y.requires_grad, y.is_leaf, y is x, a.tobytes(), y._view and a.strides]
    seen.append(None if y.node is None else (y.node.op.name, repr(y.node.consts), len(y.node.inputs), y.node.need))
    return [*seen, y._view, y.version is x.version, np.may_share_memory(a, x.array), a.flags.writeable]


def same(left: Any, right: Any) -> None:
    """Two outcomes are alike; a NaN is one whatever its bits."""
    assert left == right


@pytest.mark.parametrize("shape", [(4, 6), (24, 36)])
@pytest.mark.parametrize("entry", sorted(WAYS))
def test_a_short_way_gives_what_its_name_gives(entry: str, shape: tuple[int, ...]) -> None:
    f, way = bound(entry)
    plain: Call = f.__wrapped__  # type: ignore[attr-defined]
    answered = 0
    for call in CASES.get(entry, OTHERS):
        for x in _tensors(shape)[: 30 if shape == (4, 6) else 3]:
            same(outcome(f, call, x), outcome(plain, call, x))
            try:
                answered += call(lambda *a, **o: way.tried(way.bound, a, o), x) is not None
            except Exception:  # the name says what is wrong
                continue
    assert answered or shape != (4, 6), "nothing was answered"


@pytest.mark.parametrize("entry", sorted(WAYS))
def test_calls_go_over_to_the_short_way(entry: str) -> None:
    f, way = WAYS[entry]
    way.release()
    x = torch.tensor([[1.0, -2.0, 0.5, 3.0, 0.25, 7.0]] * 4)
    calls = CASES.get(entry, OTHERS)
    for bits in (x, x > 0):
        for call in calls:
            for _ in range(70):
                try:
                    call(f, bits)
                except Exception:
                    break
            if way.policy is not None:
                return
            way.release()
    raise AssertionError("no call is usual")
