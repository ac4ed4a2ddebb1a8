"""Relatives of Adam: with Nesterov's look ahead, with a rectified start, and with nothing but the sign."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, ClassVar

from .formula import Array, Formula, decayed, shrunk

_AVERAGES = {"step": "count", "exp_avg": "array", "exp_avg_sq": "array"}


class NAdam(Formula):
    """Adam that looks ahead as Nesterov's momentum does, with momentum that grows over the steps.

    m, v as in Adam; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); p <- p - lr [(1 - mu_t) g / (1 - prod mu_1..t)
    + mu_{t+1} m / (1 - prod mu_1..t+1)] / (sqrt(v / (1 - beta2^t)) + eps).
    Source: Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    keeps: ClassVar = {**_AVERAGES, "mu_product": "number"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _start(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        return {**super()._start(xp, p, group), "mu_product": 1.0}

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        p, g = _with_decay(p, g, group)
        t, lr, decay, beta1 = s["step"], group["lr"], group["momentum_decay"], group["betas"][0]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * decay))
        ahead = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * decay))
        s["mu_product"] *= mu
        _average(s, g, group)
        scale = xp.sqrt(s["exp_avg_sq"] / (1.0 - group["betas"][1] ** t)) + group["eps"]
        p = p - lr * (1.0 - mu) / (1.0 - s["mu_product"]) * g / scale
        return p - lr * ahead / (1.0 - s["mu_product"] * ahead) * s["exp_avg"] / scale


class RAdam(Formula):
    """Adam that leaves out the scale while too few steps are known to trust it, and then corrects for their number.

    rho = 2 / (1 - beta2) - 1; rho_t = rho - 2 t beta2^t / (1 - beta2^t). While rho_t <= 5: p <- p - lr m'; then
    p <- p - lr r m' sqrt(1 - beta2^t) / (sqrt(v) + eps), r^2 = (rho_t - 4)(rho_t - 2) rho / ((rho - 4)(rho - 2) rho_t).
    Source: Liu et al. 2020, arXiv:1908.03265.
    """

    keeps: ClassVar = _AVERAGES

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        p, g = _with_decay(p, g, group)
        t, (beta1, beta2) = s["step"], group["betas"]
        _average(s, g, group)
        step = s["exp_avg"] / (1.0 - beta1**t)
        full = 2.0 / (1.0 - beta2) - 1.0
        rho = full - 2.0 * t * beta2**t / (1.0 - beta2**t)
        if rho > 5.0:
            trust = sqrt((rho - 4.0) * (rho - 2.0) * full / ((full - 4.0) * (full - 2.0) * rho))
            step = step * trust * sqrt(1.0 - beta2**t) / (xp.sqrt(s["exp_avg_sq"]) + group["eps"])
        return p - group["lr"] * step


class Lion(Formula):
    """Steps of one size in the direction of the sign of an average gradient; half the state of Adam.

    p <- (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g); m <- beta2 m + (1 - beta2) g.
    Source: Chen et al. 2023, arXiv:2302.06675.
    """

    keeps: ClassVar = {"step": "count", "exp_avg": "array"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg",)

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        (beta1, beta2), m = group["betas"], s["exp_avg"]
        s["exp_avg"] = beta2 * m + (1.0 - beta2) * g
        return shrunk(p, group) - group["lr"] * xp.sign(beta1 * m + (1.0 - beta1) * g)


def _with_decay(p: Array, g: Array, group: dict[str, Any]) -> tuple[Array, Array]:
    """Parameter and gradient after weight decay of either kind."""
    return (shrunk(p, group), g) if group["decoupled_weight_decay"] else (p, decayed(p, g, group))


def _average(s: dict[str, Any], g: Array, group: dict[str, Any]) -> None:
    """Adam's running averages of gradient and squared gradient."""
    beta1, beta2 = group["betas"]
    s["exp_avg"] = s["exp_avg"] + (1.0 - beta1) * (g - s["exp_avg"])
    s["exp_avg_sq"] = beta2 * s["exp_avg_sq"] + (1.0 - beta2) * g * g
