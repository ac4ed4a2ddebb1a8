"""How exactly float32 is multiplied: set_matmul_precision and its relatives."""

from __future__ import annotations

from collections.abc import Iterator

from dlengine.kernels import precision

from .errors import ConfigError
from .scopes import scope


def set_matmul_precision(name: str, /) -> None:
    """Set how float32 is multiplied on a GPU, for the whole process.

    It holds for matrix products, convolutions and recurrent networks. Sums are kept in float32 each time, so that a result is off
    by up to ``2**-10`` (high) or ``2**-7`` (medium) of the sum of the magnitudes that were added.

    Parameters
    ----------
    name : {"highest", "high", "medium"}
        float32 (at the start), factors rounded to tf32 (11 significant bits), or to bfloat16 (8 bits). The last two
        need tensor cores (sm_80 or later); older cards, other dtypes and CPU backends ignore them.

    Returns
    -------
    None
        A gradient is computed with the precision in force when ``backward()`` runs.

    Raises
    ------
    ConfigError
        If it is another word.

    Examples
    --------
    >>> dl.set_matmul_precision("highest")
    """
    precision.default[0] = _checked("set_matmul_precision", name)


def get_matmul_precision() -> str:
    """Return the precision in force; see `set_matmul_precision`.

    Returns
    -------
    str
        ``"highest"``, ``"high"`` or ``"medium"``.

    Examples
    --------
    >>> dl.get_matmul_precision()
    'highest'
    """
    return precision.current()


@scope
def use_matmul_precision(name: str, /) -> Iterator[None]:
    """Set the precision inside a block, for this thread or task alone; also a decorator.

    Parameters
    ----------
    name : {"highest", "high", "medium"}
        See `set_matmul_precision`.

    Returns
    -------
    context manager
        For a ``with`` statement, or to decorate a function with.

    Raises
    ------
    ConfigError
        If it is another word.

    Examples
    --------
    >>> with dl.use_matmul_precision("high"):
    ...     print(dl.get_matmul_precision())
    high
    """
    with precision.in_force(_checked("use_matmul_precision", name)):
        yield


def _checked(who: str, word: str) -> str:
    if word not in precision.NUMBERS:
        raise ConfigError(f"{who}: unknown precision {word!r}; expected one of {', '.join(precision.NUMBERS)}")
    return word
