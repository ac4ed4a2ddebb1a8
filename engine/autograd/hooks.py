"""Handle: what a registered hook is taken off with, and nothing else."""

from __future__ import annotations

from itertools import count
from typing import Any

from .. import backend
from ..errors import DTypeError, GradientError
from ..recording.recorded import SCALARS, solid
from .base import TensorBase, wrap

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


def run_hooks(hooks: dict[int, Any] | None, g: Any, create_graph: bool) -> Any:
    """A gradient after its hooks. It may be the gradient of other tensors too, so a hook must not write to it."""
    for hook in tuple((hooks or {}).values()):
        given: Any = g if create_graph else wrap(solid(g) if isinstance(g, SCALARS) else g)
        before, version = given.array, given.version[0]
        changed = hook(given)
        if given.array is not before or given.version[0] != version:
            raise GradientError("register_hook: the hook wrote to the gradient in place; return a new tensor instead")
        if changed is None:
            continue
        shape, dtype = tuple(before.shape), before.dtype
        if not isinstance(changed, TensorBase):
            raise GradientError(
                f"register_hook: the hook must return None or a tensor of shape {shape} and dtype {dtype}, "
                f"got {type(changed).__name__}"
            )
        if type(changed.array) is not type(before) or tuple(changed.array.shape) != shape or changed.array.dtype != dtype:
            raise GradientError(
                f"register_hook: the hook must return a gradient of shape {shape} and dtype {dtype}, "
                f"got {tuple(changed.array.shape)} and {changed.array.dtype} on {backend.device_of(changed.array)}"
            )
        g = changed if create_graph else changed.array
    return g
