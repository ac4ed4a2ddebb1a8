"""Places that a step's Python code reads: what was there when the step was recorded, compared with what is there now.

Objects are compared by identity, numbers and strings by value, raw arrays by all their numbers.
"""

from __future__ import annotations

import random
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from operator import call, is_
from types import CellType, MethodType
from typing import Any

import numpy as np

ATOMS = (bool, int, float, complex, str, bytes, type(None), type(...), np.dtype, np.generic, range, slice)
_PLAIN = (list, tuple, deque, set, frozenset)
MISSING: Any = object()
WHOLE = 1 << 26
"""Bytes up to which a raw array that the step reaches is compared with a copy of what it held."""


class Places:
    """What a step reads, place by place.

    Attributes
    ----------
    refusals : list of str
        What no comparison can follow.
    """

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self._whole: list[tuple[str, Any, list[Any]]] = []
        self._asked: list[tuple[str, Callable[[], Any], Any]] = []
        self._arrays: list[tuple[str, Any, Any]] = []
        self._objects: list[Any] = []
        self._classes: list[type] = []
        self._streams: list[tuple[str, Any]] = []
        self._randomness: list[Any] = []

    # ------------------------------------------------------------------ noting
    def note_whole(self, what: str, holder: Any) -> None:
        """All that a mapping or a sequence holds."""
        self._whole += [(what, now, list(now)) for now in _contents(holder)]

    def note_entry(self, what: str, holder: Any, key: Any) -> Any:
        """One entry of a dictionary; gives what it holds, or MISSING."""
        return self.note_answer(what, partial(holder.get, key, MISSING))

    def note_answer(self, what: str, ask: Callable[[], Any]) -> Any:
        """What a function of no arguments gives, which is returned."""
        value = ask()
        self._asked.append((what, ask, value))
        return value

    def note_class(self, held: Any) -> None:
        """Which class an object is of."""
        self._objects.append(held)
        self._classes.append(type(held))

    def note_array(self, what: str, held: Any) -> None:
        """The numbers of a NumPy array or of another buffer, from which Python may read some."""
        if isinstance(held, np.ndarray) and held.nbytes > WHOLE:
            size = f"a NumPy array of {held.nbytes >> 20} MiB"
            self.refusals.append(f"{what} is {size}, which Python may read; make it a tensor, dl.asarray({what})")
            return
        self._arrays.append((what, held, _numbers(held)))

    def note_stream(self, what: str, stream: Any) -> None:
        """A source of random numbers outside dlengine."""
        self._streams.append((what, stream))

    def begin(self) -> None:
        """All is noted: from now on random streams must stand still."""
        self._randomness = self._random_states()
        parts = [(now, before) for _, now, before in self._whole]
        self._views = [now for now, _ in parts]
        self._sizes = [len(before) for _, before in parts]
        self._held = [*chain.from_iterable(before for _, before in parts)]
        self._ask = [ask for _, ask, _ in self._asked]
        self._answers = [answer for *_, answer in self._asked]

    # ------------------------------------------------------------------ asking
    def changed(self) -> str | None:
        """What has changed since, or None."""
        views = self._views
        if [*map(len, views)] != self._sizes or not all(map(is_, chain.from_iterable(views), self._held)):
            for what, now, before in self._whole:
                if not _equal(list(now), before):
                    return what
            self._held = [*chain.from_iterable(views)]  # equal numbers, which are other objects
        if not all(map(is_, map(call, self._ask), self._answers)):
            answers = [*map(call, self._ask)]
            for (what, _, before), answer in zip(self._asked, answers, strict=True):
                if not _equal([answer], [before]):
                    return what
            self._answers = answers  # likewise
        if not all(map(is_, map(type, self._objects), self._classes)):
            return "the class of an object"
        for what, held, numbers in self._arrays:
            if not _still(held, numbers):
                return what
        return None

    def drawn(self) -> str | None:
        """Which of the random streams outside dlengine has advanced since, or None."""
        names = ["Python's random", "numpy.random", *[what for what, _ in self._streams]]
        for what, before, now in zip(names, self._randomness, self._random_states(), strict=True):
            if before != now:
                return what
        return None

    @property
    def size(self) -> int:
        """How many places are compared."""
        return len(self._held) + len(self._asked)

    def _random_states(self) -> list[Any]:
        return [random.getstate(), _numpy_state(np.random.mtrand._rand), *[_stream_state(s) for _, s in self._streams]]


def content(cell: CellType) -> Any:
    """What a variable of a function around another holds, or MISSING."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def attribute(holder: Any, name: str) -> Callable[[], Any]:
    """A function that gives an attribute, or MISSING."""
    return partial(getattr, holder, name, MISSING)


def _contents(holder: Any) -> list[Any]:
    """The keys (not of a sequence) and the values of a container, which follow it, whatever a class has made of its methods."""
    if isinstance(holder, _PLAIN):
        return [holder if type(holder) in _PLAIN else _Items(holder)]
    kind: Any = OrderedDict if isinstance(holder, OrderedDict) else dict if isinstance(holder, dict) else type(holder)
    return [kind.keys(holder), kind.values(holder)]


class _Items:
    """What a container of a user's class holds, by the methods of its base."""

    def __init__(self, holder: Any) -> None:
        self.holder = holder
        self.kind: Any = next(kind for kind in _PLAIN if isinstance(holder, kind))

    def __len__(self) -> int:
        return int(self.kind.__len__(self.holder))

    def __iter__(self) -> Any:
        return self.kind.__iter__(self.holder)


def _equal(now: list[Any], before: list[Any]) -> bool:
    """Whether two lists hold the same objects, or equal numbers and strings."""
    if len(now) != len(before):
        return False
    for a, b in zip(now, before, strict=True):
        if a is not b and (type(a) is not type(b) or not isinstance(a, ATOMS) or repr(a) != repr(b)):
            if not (isinstance(a, MethodType) and isinstance(b, MethodType) and a == b):
                return False
    return True


# ---------------------------------------------------------------------- raw numbers
def _numbers(held: Any) -> Any:
    """The numbers of a buffer, to compare with."""
    if not isinstance(held, np.ndarray):
        return bytes(held)
    if held.dtype.hasobject:
        return held.shape, list(held.reshape(-1))
    return held.shape, held.dtype, np.ascontiguousarray(held).reshape(-1).view(np.uint8).copy()


def _still(held: Any, numbers: Any) -> bool:
    """Whether a buffer holds what it held, bit for bit."""
    if not isinstance(held, np.ndarray):
        return bool(bytes(held) == numbers)
    if held.dtype.hasobject:
        return bool(held.shape == numbers[0]) and _equal(list(held.reshape(-1)), numbers[1])
    shape, dtype, before = numbers
    if held.shape != shape or held.dtype != dtype:
        return False
    return bool(np.array_equal(np.ascontiguousarray(held).reshape(-1).view(np.uint8), before))


def is_buffer(value: Any) -> bool:
    """Whether an object holds raw numbers that may change in their place."""
    return isinstance(value, (np.ndarray, bytearray, array)) or type(value).__module__ in ("ctypes", "mmap", "_ctypes")


def is_stream(value: Any) -> bool:
    """Whether an object draws random numbers, outside dlengine."""
    return isinstance(value, (np.random.Generator, np.random.RandomState, random.Random))


def _numpy_state(state: Any) -> Any:
    name, keys, *rest = state.get_state()
    return name, keys.tobytes(), *rest


def _stream_state(stream: Any) -> Any:
    if isinstance(stream, random.Random):
        return stream.getstate()
    return repr(stream.bit_generator.state) if isinstance(stream, np.random.Generator) else _numpy_state(stream)
