"""Terms added to a loss: penalties on parameters and on activations, and the losses of other tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..ops import penalty as ops
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Penalty(Module):
    """Base of penalties; it holds parameters in a tuple, so that they do not count as its own."""

    def __init__(self, parameters: Iterable[Tensor], strength: float = 1.0) -> None:
        self.penalized, self.strength = tuple(parameters), strength
        if not self.penalized:
            raise ConfigError(f"{type(self).__name__}: expected one parameter at least")

    def extra_repr(self) -> str:
        return f"{len(self.penalized)} parameters, strength={self.strength}"


class L2Penalty(_Penalty):
    """L2 penalty (ridge): ``strength`` times the sum of ``W^2`` over parameters of any shapes.

    Called without an argument; returns a scalar to add to the loss. Shape: -> ().

    Parameters
    ----------
    parameters : iterable of Tensor
        The parameters that are penalized, of any shapes; at least one. They stay those of their layer.
    strength : float
        The factor of the penalty.

    Raises
    ------
    ConfigError
        No parameter is given.

    References
    ----------
    Hoerl and Kennard, "Ridge regression", 1970.

    Examples
    --------
    >>> w = dl.nn.Parameter([1.0, -2.0])
    >>> loss = dl.nn.L2Penalty([w], 0.5)()
    >>> loss.backward()
    >>> float(loss), w.grad
    (2.5, tensor([ 1., -2.]))
    """

    def forward(self) -> Tensor:
        return ops.l2_penalty(self.penalized) * self.strength


class L1Penalty(_Penalty):
    """L1 penalty (lasso): ``strength`` times the sum of ``|W|`` over parameters of any shapes.

    Called without an argument; returns a scalar to add to the loss. Shape: -> ().

    Parameters
    ----------
    parameters : iterable of Tensor
        The parameters that are penalized, of any shapes; at least one. They stay those of their layer.
    strength : float
        The factor of the penalty.

    Raises
    ------
    ConfigError
        No parameter is given.

    References
    ----------
    Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    Examples
    --------
    >>> float(dl.nn.L1Penalty([dl.nn.Parameter([1.0, -2.0])], 0.5)())
    1.5
    """

    def forward(self) -> Tensor:
        return ops.l1_penalty(self.penalized) * self.strength


class ElasticNetPenalty(_Penalty):
    """Elastic net penalty: ``strength`` times the sum of ``beta W^2 + |W|`` over parameters of any shapes.

    Called without an argument; returns a scalar to add to the loss. Shape: -> ().

    Parameters
    ----------
    parameters : iterable of Tensor
        The parameters that are penalized, of any shapes; at least one. They stay those of their layer.
    strength : float
        The factor of the penalty.
    beta : float
        The weight of the squares.

    Raises
    ------
    ConfigError
        No parameter is given.

    References
    ----------
    Zou and Hastie, "Regularization and variable selection via the elastic net", 2005.

    Examples
    --------
    >>> float(dl.nn.ElasticNetPenalty([dl.nn.Parameter([1.0, -2.0])], strength=0.5, beta=2.0)())
    6.5
    """

    def __init__(self, parameters: Iterable[Tensor], strength: float = 1.0, beta: float = 1.0) -> None:
        super().__init__(parameters, strength)
        self.beta = beta

    def forward(self) -> Tensor:
        return ops.elastic_penalty(self.penalized, self.beta) * self.strength


class ActivityPenalty(Module):
    """Penalty on activations: ``l1 sum |x| + l2 sum x^2``, divided by the batch size.

    Place it behind the activation that is to be kept small. It returns its input unchanged and, in training, stores
    the cost for ``penalty()``. Shape: x of any shape -> the same shape.

    Parameters
    ----------
    l1 : float
        The factor of the absolute values.
    l2 : float
        The factor of the squares.

    References
    ----------
    Olshausen and Field, "Emergence of simple-cell receptive field properties by learning a sparse code", 1996.

    Examples
    --------
    >>> layer = dl.nn.ActivityPenalty(l1=0.5)
    >>> layer(dl.asarray([[1.0, -3.0]]))
    tensor([[ 1., -3.]])
    >>> layer.penalty()
    tensor(2.)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1, l2
        self.costs: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            cost = self.l1 * ops.l1_penalty(x) + self.l2 * ops.l2_penalty(x)
            self.costs.append(cost / max(x.shape[0] if x.ndim else 1, 1))
        return x

    def penalty(self) -> Tensor:
        """Return the sum of the costs of all calls since the last ``penalty()``, and forget them.

        Returns
        -------
        Tensor
            The penalty, shape (), to add to the loss.

        Raises
        ------
        ConfigError
            No activations have passed since.
        """
        if not self.costs:
            raise ConfigError("ActivityPenalty: nothing has passed through in training since the last penalty()")
        total, self.costs = ops.weighted_sum(self.costs, [1.0] * len(self.costs)), []
        return total

    def extra_repr(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"


class MultiTaskLoss(Module):
    """Weighted sum of the losses of several tasks: ``w1 L1 + w2 L2 + ...``.

    Shape: each loss () -> ().

    Parameters
    ----------
    *weights : float
        One weight for each task.

    References
    ----------
    Caruana, "Multitask learning", 1997.

    Examples
    --------
    >>> dl.nn.MultiTaskLoss(0.5, 2.0)(dl.asarray(1.0), dl.asarray(2.0))
    tensor(4.5)
    """

    def __init__(self, *weights: float) -> None:
        self.weights = weights

    def forward(self, *losses: Tensor) -> Tensor:
        return ops.weighted_sum(losses, self.weights)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weights))
