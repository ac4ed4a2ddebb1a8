"""Public functions that draw random numbers and answer their commonest small calls at once, as in dlengine.autograd.short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..autograd.short import Short, answering
from ..generator import Generator, default_generator

F = TypeVar("F", bound=Callable[..., Any])


class _Draws(Short):
    """A shorter way that draws: it is compared where the call drew, with another generator, so that nothing is drawn twice."""

    __slots__ = ()

    def tried(self, found: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        source = options.get("generator") or default_generator
        again = Generator(source.seed)
        options = {**options, "generator": again}
        if found is None or found(*args, **options) is None:
            return None
        again.counter = source.counter - again.counter
        return found(*args, **options) if again.counter >= 0 else None


def drawn(function: F) -> F:
    """Let a function answer by its entry in MAKERS of dlengine.ops.short_draws, once it is called often."""
    return answering(function, _Draws(function.__name__, "short_draws"))
