"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from ..backend import again
from .optimizer import Member, Optimizer


class Adam(Optimizer):
    """Steps scaled by running averages of gradient and squared gradient.

    m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; p <- p - lr m' / (sqrt(v') + eps), where m' and v' are m and
    v divided by 1 - beta^step. weight_decay adds weight_decay p to g. amsgrad uses the largest v so far.
    Source: Kingma & Ba 2015, arXiv:1412.6980; Reddi et al. 2018, arXiv:1904.09237.
    """

    decoupled = False
    replays = True
    keeps: ClassVar = {"step": "count", "exp_avg": "array", "exp_avg_sq": "array", "max_exp_avg_sq": "array"}
    optional = ("max_exp_avg_sq",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update_all(self, xp: Any, members: list[Member], group: dict[str, Any]) -> None:
        by_step: dict[int, list[Member]] = {}
        for member in members:
            p, _, state = member
            if not state:
                state |= {"step": 0, "exp_avg": self._zeros(xp, p), "exp_avg_sq": self._zeros(xp, p)}
            if group["amsgrad"] and "max_exp_avg_sq" not in state:
                state["max_exp_avg_sq"] = self._zeros(xp, p)
            by_step.setdefault(state["step"], []).append(member)
        for together in by_step.values():
            ps, gs, states = map(list, zip(*together, strict=True))
            lr, beta1, beta2, eps, weight_decay, step = again(
                f"the settings of {type(self).__name__}", partial(_settings, group, states)
            )
            ms, vs = ([state[key]._array for state in states] for key in ("exp_avg", "exp_avg_sq"))
            largest = [state["max_exp_avg_sq"]._array for state in states] if group["amsgrad"] else None
            xp.adam(
                ps, gs, ms, vs, largest, lr, beta1, beta2, eps, weight_decay, self.decoupled, step,
            )  # fmt: skip


def _settings(group: dict[str, Any], states: list[dict[str, Any]]) -> tuple[Any, ...]:
    """The numbers of the next step of parameters that have made equally many, which is counted here."""
    for state in states:
        state["step"] += 1
    beta1, beta2 = map(float, group["betas"])
    return float(group["lr"]), beta1, beta2, float(group["eps"]), float(group["weight_decay"]), states[0]["step"]


class AdamW(Adam):
    """Adam whose weight decay acts on the parameter: p <- (1 - lr weight_decay) p before each step.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
