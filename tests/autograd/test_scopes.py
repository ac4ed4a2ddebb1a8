"""dl.no_grad, enable_grad, anomaly, use_backend and use_matmul_precision as decorators of every kind of function."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import dlengine as dl
from dlengine.errors import DTypeError

SCOPES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "no_grad": (dl.no_grad, dl.is_grad_enabled),
    "enable_grad": (dl.enable_grad, dl.is_grad_enabled),
    "use_backend": (lambda: dl.use_backend("numpy"), dl.get_backend),
    "use_matmul_precision": (lambda: dl.use_matmul_precision("medium"), dl.get_matmul_precision),
}
EACH = pytest.mark.parametrize("name", SCOPES)


@pytest.fixture(autouse=True)
def _other_values() -> Iterator[None]:
    """What each scope sets is something else outside."""
    with dl.use_backend("numba"), dl.use_matmul_precision("highest"):
        yield


def prepared(name: str) -> tuple[Any, Callable[[], Any], Any, Any]:
    """A scope as a decorator, what it changes, and the values outside and inside."""
    make, read = SCOPES[name]
    outside = read()
    with make():
        inside = read()
    if name != "enable_grad":
        assert inside != outside
    return make(), read, outside, inside


@EACH
def test_a_generator_runs_inside_and_its_caller_outside(name: str) -> None:
    scope, read, outside, inside = prepared(name)

    @scope
    def numbers(count: int) -> Iterator[Any]:
        """Doc."""
        seen = []
        try:
            for i in range(count):
                try:
                    got = yield read(), i
                    seen.append((got, read()))
                except KeyError:
                    seen.append(("thrown", read()))
            return seen
        finally:
            closed.append(read())

    closed: list[Any] = []
    assert numbers.__doc__ == "Doc."
    run = numbers(3)
    assert next(run) == (inside, 0)
    assert read() == outside
    assert run.send("a") == (inside, 1)
    assert run.throw(KeyError()) == (inside, 2)
    assert read() == outside
    with pytest.raises(StopIteration) as end:
        next(run)
    assert end.value.value == [("a", inside), ("thrown", inside), (None, inside)]
    assert closed == [inside]
    early = numbers(3)
    next(early)
    early.close()
    assert closed == [inside, inside]
    failing = numbers(1)
    next(failing)
    with pytest.raises(ValueError, match="out"):
        failing.throw(ValueError("out"))
    assert read() == outside


@EACH
def test_coroutines_and_asynchronous_generators_run_inside(name: str) -> None:
    scope, read, outside, inside = prepared(name)

    @scope
    async def value() -> Any:
        before = read()
        await asyncio.sleep(0)
        return before, read()

    @scope
    async def values() -> AsyncIterator[Any]:
        yield read()
        await asyncio.sleep(0)
        yield read()

    async def main() -> None:
        first = asyncio.ensure_future(value())
        assert read() == outside
        assert await first == (inside, inside)
        assert await value() == (inside, inside)
        found = []
        async for v in values():
            found.append(v)
            assert read() == outside
        assert found == [inside, inside]
        body = value()  # driven by hand: between two steps its caller is outside
        body.send(None)
        assert read() == outside
        with pytest.raises(StopIteration):
            body.send(None)

    asyncio.run(main())
    assert read() == outside


@EACH
def test_plain_functions_methods_partials_and_recursion(name: str) -> None:
    scope, read, outside, inside = prepared(name)

    class Owner:
        @scope
        def method(self, depth: int) -> list[Any]:
            return [read(), *(self.method(depth - 1) if depth else [])]

    class Stepper:
        def __call__(self) -> Iterator[Any]:
            yield read()

    def steps(n: int) -> Iterator[Any]:
        yield from (read() for _ in range(n))

    assert Owner().method(2) == [inside] * 3
    assert list(scope(functools.partial(steps, 2))()) == [inside] * 2
    assert list(scope(Stepper())()) == [inside]
    assert scope(read)() == inside
    assert read() == outside


@EACH
def test_classes_and_values_are_refused(name: str) -> None:
    scope = SCOPES[name][0]()
    with pytest.raises(DTypeError, match=f"{name}: .*the class int; decorate its methods"):
        scope(int)
    with pytest.raises(DTypeError, match="expected a function to decorate, got float"):
        scope(1.5)


def test_no_grad_without_parentheses() -> None:
    @dl.no_grad
    def plain() -> bool:
        return dl.is_grad_enabled()

    @dl.no_grad
    def each() -> Iterator[bool]:
        yield dl.is_grad_enabled()

    assert not plain()
    assert list(each()) == [False]
    assert dl.is_grad_enabled()
    with pytest.raises(DTypeError, match="no_grad: .*the class Owner"):

        @dl.no_grad
        class Owner:
            pass


def test_anomaly_sees_what_a_generator_computes() -> None:
    @dl.anomaly()
    def ratios() -> Iterator[Any]:
        yield dl.asarray(0.0).requires_grad_() / dl.asarray(0.0)

    with pytest.raises(dl.errors.GradientError, match="divide made a NaN"):
        next(ratios())
    assert dl.isnan(dl.asarray(0.0).requires_grad_() / dl.asarray(0.0))
