"""How exactly float32 is multiplied: set_matmul_precision and its relatives."""

from __future__ import annotations

from collections.abc import Iterator

from dlengine.kernels import precision

from .errors import ConfigError
from .scopes import scope


def set_matmul_precision(name: str, /) -> None:
    """Set for the whole process how matrix products, convolutions and recurrent networks multiply float32 on a GPU.

    "highest" (the start value): float32. "high": factors rounded to tf32 (11 significant bits). "medium": factors rounded
    to bfloat16 (8 bits). Sums are kept in float32 each time, so a result is off by up to 2^-10 or 2^-7 of the sum of the
    magnitudes that were added. Both need tensor cores (sm_80 or later). Other dtypes, older cards and CPU backends ignore it.
    A gradient is computed with the precision in force when backward() runs. Raises ConfigError for another word.
    """
    precision.default[0] = _checked("set_matmul_precision", name)


def get_matmul_precision() -> str:
    """The precision in force: "highest", "high" or "medium"."""
    return precision.current()


@scope
def use_matmul_precision(name: str, /) -> Iterator[None]:
    """Set the precision inside a block, for this thread or task alone; see set_matmul_precision."""
    with precision.in_force(_checked("use_matmul_precision", name)):
        yield


def _checked(who: str, word: str) -> str:
    if word not in precision.NUMBERS:
        raise ConfigError(f"{who}: unknown precision {word!r}; expected one of {', '.join(precision.NUMBERS)}")
    return word
