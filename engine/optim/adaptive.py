"""Adagrad, Adadelta and RMSprop: steps scaled by what is known of the squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..errors import ConfigError
from .formula import Array, Formula, decayed, filled


class Adagrad(Formula):
    """Steps divided by the root of the sum of all squared gradients.

    G <- G + g^2; p <- p - lr / (1 + (step - 1) lr_decay) g / (sqrt(G) + eps). weight_decay adds weight_decay p to g.
    Source: Duchi, Hazan & Singer 2011, JMLR 12.
    """

    keeps: ClassVar = {"step": "count", "sum": "array"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _start(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": filled(xp, p, group["initial_accumulator_value"])}

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        g = decayed(p, g, group)
        s["sum"] = s["sum"] + g * g
        rate = group["lr"] / (1.0 + (s["step"] - 1) * group["lr_decay"])
        return p - rate * g / (xp.sqrt(s["sum"]) + group["eps"])


class Adadelta(Formula):
    """Steps in the units of the parameter: the root mean square of past steps over that of the gradients.

    v <- rho v + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(v + eps) g; u <- rho u + (1 - rho) d^2; p <- p - lr d.
    Source: Zeiler 2012, arXiv:1212.5701.
    """

    keeps: ClassVar = {"step": "count", "square_avg": "array", "acc_delta": "array"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if not 0 <= group["rho"] <= 1:
            raise ConfigError(f"Adadelta: rho must be between 0 and 1, got {group['rho']}")

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        g, rho, eps = decayed(p, g, group), group["rho"], group["eps"]
        s["square_avg"] = rho * s["square_avg"] + (1.0 - rho) * g * g
        delta = xp.sqrt(s["acc_delta"] + eps) / xp.sqrt(s["square_avg"] + eps) * g
        s["acc_delta"] = rho * s["acc_delta"] + (1.0 - rho) * delta * delta
        return p - group["lr"] * delta


class RMSprop(Formula):
    """Steps divided by the root of a running mean of squared gradients.

    v <- alpha v + (1 - alpha) g^2; d = g / (sqrt(v) + eps); p <- p - lr d. centered takes v - mean(g)^2, the variance, for
    v. momentum: buf <- momentum buf + d is the step.
    Source: Tieleman & Hinton 2012, lecture 6.5; Graves 2013, arXiv:1308.0850 (centered).
    """

    keeps: ClassVar = {"step": "count", "square_avg": "array", "momentum_buffer": "array", "grad_avg": "array"}
    optional = ("momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if not 0 <= group["alpha"] <= 1:
            raise ConfigError(f"RMSprop: alpha must be between 0 and 1, got {group['alpha']}")

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        extra = (("momentum_buffer", group["momentum"] > 0), ("grad_avg", group["centered"]))
        return ("square_avg", *(name for name, used in extra if used))

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        g, alpha = decayed(p, g, group), group["alpha"]
        v = s["square_avg"] = alpha * s["square_avg"] + (1.0 - alpha) * g * g
        if group["centered"]:
            mean = s["grad_avg"] = s["grad_avg"] + (1.0 - alpha) * (g - s["grad_avg"])
            v = v - mean * mean
        step = g / (xp.sqrt(v) + group["eps"])
        if group["momentum"] > 0:
            step = s["momentum_buffer"] = group["momentum"] * s["momentum_buffer"] + step
        return p - group["lr"] * step
