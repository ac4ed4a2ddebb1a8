"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from dlengine.kernels.settings import SGDSettings

from ..errors import ConfigError
from .captured import settings_per_replay
from .optimizer import Member, Optimizer
from .parameters import Params


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    ``p <- p - lr d`` with ``d = g + weight_decay p``. With momentum ``b <- momentum b + (1 - dampening) d`` (at the first step
    ``b = d``) and the step is along ``b``, or with ``nesterov`` along ``d + momentum b``.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate.
    momentum : float
        Factor of the previous step; 0 is plain gradient descent.
    dampening : float
        Part of the gradient that does not enter the momentum.
    weight_decay : float
        Factor of the L2 penalty, added to the gradient.
    nesterov : bool
        Use Nesterov's momentum; needs ``momentum`` above 0 and ``dampening`` 0.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Polyak, 1964, "Some methods of speeding up the convergence of iteration methods"; Sutskever et al., 2013, "On the
    importance of initialization and momentum in deep learning".

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.SGD([w], lr=0.25)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.5, -1.0]
    """

    replays = True
    keeps: ClassVar = {"momentum_buffer": "array"}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ConfigError("SGD: nesterov needs momentum > 0 and dampening 0")

    def _update_all(self, xp: Any, members: list[Member], group: dict[str, Any]) -> None:
        by_first: dict[bool, list[Member]] = {}
        for member in members:
            p, _, state = member
            first = bool(group["momentum"]) and "momentum_buffer" not in state
            if first:
                state["momentum_buffer"] = self._zeros(xp, p)
            by_first.setdefault(first, []).append(member)
        for first, together in by_first.items():
            ps, gs, states = map(list, zip(*together, strict=True))
            buffers = [state["momentum_buffer"].array for state in states] if group["momentum"] else None
            numbers: Any = settings_per_replay(self, group, partial(_settings, group))
            xp.sgd(ps, gs, buffers, SGDSettings(*numbers)._replace(nesterov=bool(group["nesterov"]), first=first))


def _settings(group: dict[str, Any]) -> tuple[float, ...]:
    """The settings of a group as Python floats."""
    return tuple(float(group[key]) for key in ("lr", "momentum", "dampening", "weight_decay"))
