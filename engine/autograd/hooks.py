"""Handle: what a registered hook is taken off with, and nothing else."""

from __future__ import annotations

from itertools import count
from typing import Any

from ..errors import DTypeError

_numbers = count(1).__next__
"""Never the same number twice: a handle that was used already must not meet a hook registered since."""


class Handle:
    """Takes a hook off again: call it, or its remove(); a second time does nothing. As a context it does so at the end."""

    def __init__(self, table: dict[int, Any], hook: Any) -> None:
        if not callable(hook):
            raise DTypeError(f"register hook: expected a function, got {type(hook).__name__}")
        key = _numbers()
        while key in table:  # hooks that came with a pickled module have numbers of another process
            key = _numbers()
        self._table, self._key = table, key
        table[key] = hook

    def remove(self) -> None:
        """Take the hook off; again does nothing."""
        self._table.pop(self._key, None)

    __call__ = remove

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
