"""torch.utils.checkpoint: compute a part again instead of keeping its values."""

from __future__ import annotations

from typing import Any

from ..names.core import own
from ..names.engine import dl


def checkpoint(function: Any, *args: Any, use_reentrant: Any = None, preserve_rng_state: bool = True, **kwargs: Any) -> Any:
    """The function's value, whose inside is computed again for the gradient."""
    return own(dl.checkpoint(lambda *given: function(*own(given), **kwargs), *args))


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: Any = None, **_: Any) -> Any:
    """A sequence of functions in segments, each a checkpoint."""
    parts = list(functions)
    step = -(-len(parts) // segments)
    for i in range(0, len(parts), step):
        def run(x: Any, _chosen: Any = tuple(parts[i : i + step])) -> Any:
            for f in _chosen:
                x = f(x)
            return x

        input = checkpoint(run, input)
    return input
