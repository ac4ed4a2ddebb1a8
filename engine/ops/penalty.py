"""Penalties on parameters and activations, and the weighted sum of several losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .elementwise import abs, square
from .reduce import sum

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["elastic_penalty", "l1_penalty", "l2_penalty", "weighted_sum"]


def _total(name: str, tensors: Any, cost: Any) -> Any:
    parts = [sum(cost(t)) for t in (tensors if isinstance(tensors, Iterable) and not hasattr(tensors, "shape") else [tensors])]
    if not parts:
        raise ConfigError(f"{name}: expected one tensor at least")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def l2_penalty(tensors: Any) -> Tensor:
    """Sum of the squares of all elements.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        One tensor, or any number of any shapes.

    Returns
    -------
    Tensor
        A scalar.

    Examples
    --------
    >>> dl.nn.functional.l2_penalty([dl.asarray([1.0, 2.0]), dl.asarray(3.0)])
    tensor(14.)
    """
    return _total("l2_penalty", tensors, square)


def l1_penalty(tensors: Any) -> Tensor:
    """Sum of the absolute values of all elements.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        One tensor, or any number of any shapes.

    Returns
    -------
    Tensor
        A scalar.

    Examples
    --------
    >>> dl.nn.functional.l1_penalty([dl.asarray([1.0, -2.0]), dl.asarray(3.0)])
    tensor(6.)
    """
    return _total("l1_penalty", tensors, abs)


def elastic_penalty(tensors: Any, beta: float = 1.0) -> Tensor:
    """Elastic net: the sum of ``beta * w**2 + abs(w)`` over all elements w.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        One tensor, or any number of any shapes.
    beta : float
        The factor of the squares.

    Returns
    -------
    Tensor
        A scalar.

    References
    ----------
    Zou and Hastie, "Regularization and variable selection via the elastic net", 2005.

    Examples
    --------
    >>> dl.nn.functional.elastic_penalty(dl.asarray([1.0, -2.0]), beta=0.5)
    tensor(5.5)
    """
    return _total("elastic_penalty", tensors, lambda t: beta * square(t) + abs(t))


def weighted_sum(losses: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Weighted sum of losses: ``w1 * L1 + w2 * L2 + ...``, one loss of several tasks.

    Parameters
    ----------
    losses : sequence of Tensor
        Scalars.
    weights : sequence of float
        One for each loss.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ConfigError
        If there are not equally many.

    Examples
    --------
    >>> dl.nn.functional.weighted_sum([dl.asarray(1.0), dl.asarray(2.0)], [0.5, 2.0])
    tensor(4.5)
    """
    if len(losses) != len(weights) or not losses:
        raise ConfigError(f"weighted_sum: expected one weight for each loss, got {len(losses)} losses and {len(weights)} weights")
    total = losses[0] * weights[0]
    for loss, w in zip(losses[1:], weights[1:], strict=True):
        total = total + loss * w
    return total
