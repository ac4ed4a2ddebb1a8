"""The rules of Formula optimizers as generated kernels: one launch renews all parameters of a group, where a backend can.

A rule is read once with symbols (dlengine.recording) for what it asks of the settings; other settings need no new reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlengine.kernels.generated.expansions import NoExpansion
from dlengine.kernels.generated.expression import HALVES, Expression, argument, cast

from ..recording import GENERATORS, NotPointwise
from ..recording.symbols import Symbol, SymbolSpace, part

if TYPE_CHECKING:
    from .formula import Formula

KEPT = 64
"""Readings that are kept. One more, and all are read anew."""

_asked: dict[type, set[str]] = {}
"""By class of optimizer: the settings that its rule has asked for."""

_readings: dict[Any, Any] = {}
_updates: dict[Any, Any] = {}


def update_of(optimizer: Formula, generator: int, dtype: Any, count: int, group: dict[str, Any]) -> Any:
    """The kernel of an optimizer's rule, for parameters of a dtype.

    Parameters
    ----------
    optimizer : Formula
        The optimizer.
    generator : int
        Which of the GENERATORS makes it.
    dtype : dtype
        Of the parameters.
    count : int
        How many numbers the rule computes with.
    group : dict
        The settings.

    Returns
    -------
    callable or None
        Called with a list of arrays for each role (the parameters, their gradients, each of the buffers) and with the numbers,
        it renews the arrays. None where the rule has to compute by itself.
    """
    kind, names = type(optimizer), optimizer.buffers(group)
    if GENERATORS[generator].update_type is None or getattr(dtype, "name", "") not in GENERATORS[generator].dtypes:
        return None
    asked = _asked.setdefault(kind, set())
    key = (kind, generator, dtype, count, names, *[(name, repr(group[name])) for name in sorted(asked) if name in group])
    if key in _readings:
        return _readings[key]
    settings = _Settings(group, asked)
    found = _made(optimizer, generator, dtype, count, names, settings)
    if len(_readings) >= KEPT:
        _readings.clear()
    key = (kind, generator, dtype, count, names, *[(name, repr(group[name])) for name in sorted(asked) if name in group])
    _readings[key] = found
    return found


class _Settings(dict[str, Any]):
    """A group's settings, which notes those that are asked for."""

    def __init__(self, group: dict[str, Any], asked: set[str]) -> None:
        super().__init__(group)
        self._asked = asked

    def __getitem__(self, name: str) -> Any:
        self._asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._asked.add(name)
        return super().get(name, default)


def _made(
    optimizer: Formula, number: int, dtype: Any, count: int, names: Sequence[str], settings: dict[str, Any]
) -> Any:
    """The kernel of what a rule does with these settings, which others may do as well."""
    generator = GENERATORS[number]
    update = generator.update_type
    try:
        roots = _read(optimizer, dtype, count, names, settings)
        key = (number, dtype, count, 2 + len(names), *roots.items())
        if update is not None and key not in _updates:
            name = f"generated:{type(optimizer).__name__}"
            _updates[key] = update()(name, dtype, 2 + len(names), roots, count, generator.kernels.launches)
        return _updates[key]
    except (NotPointwise, NoExpansion, TypeError, AttributeError, KeyError):  # what a symbol refuses, or is not
        return None


def _read(
    optimizer: Formula, dtype: Any, count: int, names: Sequence[str], settings: dict[str, Any]
) -> dict[int, Expression]:
    """By role the formulas of what the rule changes. Input i is role i's array, and behind all roles come the numbers."""
    wide = "float32" if dtype.name in HALVES else dtype
    shape = frozenset((0,))
    p, g, *held = [Symbol(cast(argument(i, dtype), wide), shape) for i in range(2 + len(names))]
    n = tuple([Symbol(argument(2 + len(names) + j, wide), frozenset()) for j in range(count)])
    before = dict(zip(names, held, strict=True))
    s: dict[str, Any] = dict(before)
    new = optimizer.update_rule(SymbolSpace(), p, g, s, n, settings)
    changed = {0: new, **{2 + i: s[name] for i, name in enumerate(names) if s[name] is not before[name]}}
    return {role: cast(part(value), dtype) for role, value in changed.items()}
