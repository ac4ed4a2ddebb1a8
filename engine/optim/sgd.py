"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from ..backend import again
from ..errors import ConfigError
from .optimizer import Member, Optimizer


class SGD(Optimizer):
    """Gradient descent: p <- p - lr d.

    d = g + weight_decay p; with momentum buf <- momentum buf + (1 - dampening) d (d itself at first), and buf is the step, or
    with nesterov d + momentum buf. Source: Polyak 1964; Sutskever et al. 2013.
    """

    replays = True
    keeps: ClassVar = {"momentum_buffer": "array"}

    def __init__(
        self,
        params: Iterable[Any],
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
        begun: dict[bool, list[Member]] = {}
        for member in members:
            p, _, state = member
            first = bool(group["momentum"]) and "momentum_buffer" not in state
            if first:
                state["momentum_buffer"] = self._zeros(xp, p)
            begun.setdefault(first, []).append(member)
        for first, together in begun.items():
            ps, gs, states = map(list, zip(*together, strict=True))
            buffers = [state["momentum_buffer"]._array for state in states] if group["momentum"] else None
            lr, momentum, dampening, weight_decay = again("the settings of SGD", partial(_settings, group))
            xp.sgd(ps, gs, buffers, lr, momentum, dampening, weight_decay, bool(group["nesterov"]), first)


def _settings(group: dict[str, Any]) -> tuple[float, ...]:
    return tuple(float(group[key]) for key in ("lr", "momentum", "dampening", "weight_decay"))
