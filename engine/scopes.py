"""Contexts as decorators of functions of every kind, also of those whose body does not run when they are called.

contextlib's decorator enters the context around the call. A generator or coroutine function only makes an object then, and
its body runs later, outside.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from types import coroutine
from typing import Any, ParamSpec

from .errors import DTypeError

P = ParamSpec("P")
Make = Callable[[], AbstractContextManager[Any]]


class Scope(ContextDecorator):
    """Base of contexts: __enter__ and __exit__ are the subclass's, renewed() another of the same kind.

    The body of a decorated generator or coroutine runs inside the context each time that it runs; the caller between two of
    its steps is outside.
    """

    def renewed(self) -> AbstractContextManager[Any]:
        """A context like this one, for one run of a decorated function."""
        raise NotImplementedError

    def _recreate_cm(self) -> Any:
        return self.renewed()

    def __call__(self, func: Any) -> Any:
        if isinstance(func, type) or not callable(func):
            what = f"the class {func.__name__}; decorate its methods" if isinstance(func, type) else type(func).__name__
            raise DTypeError(f"{self._name()}: expected a function to decorate, got {what}")
        return _decorated(self.renewed, func) or super().__call__(func)

    def _name(self) -> str:
        return type(self).__name__


class Made(Scope):
    """A context that a function with one yield makes."""

    def __init__(self, make: Make, name: str) -> None:
        self._make, self._called = make, name
        self._open: list[AbstractContextManager[Any]] = []

    def renewed(self) -> AbstractContextManager[Any]:
        return self._make()

    def _name(self) -> str:
        return self._called

    def __enter__(self) -> Any:
        entered = self._make()
        value = entered.__enter__()
        self._open.append(entered)
        return value

    def __exit__(self, *exc: Any) -> bool | None:
        return self._open.pop().__exit__(*exc)


def scope(function: Callable[P, Iterator[None]]) -> Callable[P, Made]:
    """contextlib.contextmanager for contexts that are also decorators of functions of every kind."""
    made = contextmanager(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Made:
        return Made(functools.partial(made, *args, **kwargs), function.__name__)

    return call


def _decorated(make: Make, function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function with its body inside make(), for the kinds whose body runs later; None for an ordinary one."""
    plain: Any = function
    while isinstance(plain, functools.partial):
        plain = plain.func
    if not inspect.isroutine(plain):
        plain = type(plain).__call__
    if inspect.isgeneratorfunction(plain):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from _steps(make, function(*args, **kwargs)))

        return generator
    if inspect.iscoroutinefunction(plain):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await _awaited_steps(make, function(*args, **kwargs))

        return awaited
    return _async_generator(make, function) if inspect.isasyncgenfunction(plain) else None


def _steps(make: Make, body: Any) -> Generator[Any, Any, Any]:
    """Run a generator or coroutine, each of its steps inside a context, and hand on what goes in and out."""
    step, sent = body.send, None
    try:
        while True:
            with make():
                given = step(sent)
            try:
                step, sent = body.send, (yield given)
            except GeneratorExit:
                raise
            except BaseException as error:
                step, sent = body.throw, error
    except StopIteration as end:
        return end.value
    finally:
        with make():
            body.close()


_awaited_steps = coroutine(_steps)


def _async_generator(make: Make, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = function(*args, **kwargs)
        step, sent = body.asend, None
        try:
            while True:
                given = await _awaited_steps(make, step(sent).__await__())
                try:
                    step, sent = body.asend, (yield given)
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step, sent = body.athrow, error
        except StopAsyncIteration:
            return
        finally:
            await body.aclose()

    return wrapper
