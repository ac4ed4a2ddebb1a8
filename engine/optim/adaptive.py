"""Adagrad, Adadelta and RMSprop: steps scaled by sums or averages of squared gradients."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import ConfigError
from .formula import Array, Formula, Numbers, add_weight_decay, filled
from .parameters import Params


class Adagrad(Formula):
    """Adagrad: steps divided by the root of the sum of all squared gradients.

    ``G <- G + g^2``, ``p <- p - lr / (1 + (step - 1) lr_decay) g / (sqrt(G) + eps)``.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate.
    lr_decay : float
        How fast the learning rate decays with the number of steps.
    weight_decay : float
        Factor of the L2 penalty, added to the gradient.
    initial_accumulator_value : float
        The value of ``G`` before the first step.
    eps : float
        Added to the denominator.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Duchi, Hazan and Singer, 2011, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12.

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.Adagrad([w], lr=0.5)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [0.5, -1.5]
    """

    keeps: ClassVar = {"step": "count", "sum": "array"}

    def __init__(
        self,
        params: Params,
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

    def _initial_state(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": filled(xp, p, group["initial_accumulator_value"])}

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        rate = group["lr"] / (1.0 + (s["step"] - 1) * group["lr_decay"])
        return rate, group["eps"], group["weight_decay"]

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        rate, eps, decay = n
        g = add_weight_decay(p, g, decay, group)
        s["sum"] = s["sum"] + g * g
        return p - rate * g / (xp.sqrt(s["sum"]) + eps)


class Adadelta(Formula):
    """Adadelta: steps scaled by the ratio of the root mean squares of past steps and of gradients.

    ``v <- rho v + (1 - rho) g^2``, ``d = sqrt(u + eps) / sqrt(v + eps) g``, ``u <- rho u + (1 - rho) d^2``, ``p <- p - lr d``.
    A step has the unit of the parameter.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Factor of the step.
    rho : float
        Decay of both averages, from 0 to 1.
    eps : float
        Added under the roots; it decides the size of the first steps.
    weight_decay : float
        Factor of the L2 penalty, added to the gradient.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Zeiler, 2012, arXiv:1212.5701.

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.Adadelta([w])
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 3) for v in w.tolist()]
    [0.997, -1.997]
    """

    keeps: ClassVar = {"step": "count", "square_avg": "array", "acc_delta": "array"}

    def __init__(
        self,
        params: Params,
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

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        return group["lr"], group["rho"], 1.0 - group["rho"], group["eps"], group["weight_decay"]

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        lr, rho, new, eps, decay = n
        g = add_weight_decay(p, g, decay, group)
        s["square_avg"] = rho * s["square_avg"] + new * g * g
        delta = xp.sqrt(s["acc_delta"] + eps) / xp.sqrt(s["square_avg"] + eps) * g
        s["acc_delta"] = rho * s["acc_delta"] + new * delta * delta
        return p - lr * delta


class RMSprop(Formula):
    """RMSprop: steps divided by the root of a running mean of squared gradients.

    ``v <- alpha v + (1 - alpha) g^2``, ``d = g / (sqrt(v) + eps)``, ``p <- p - lr d``. With momentum ``b <- momentum b + d`` is
    the step.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate.
    alpha : float
        Decay of the averages, from 0 to 1.
    eps : float
        Added to the denominator.
    weight_decay : float
        Factor of the L2 penalty, added to the gradient.
    momentum : float
        Factor of the previous step.
    centered : bool
        Use the variance, ``v`` less the square of a running mean of ``g``, in the place of ``v``.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Tieleman and Hinton, 2012, "Lecture 6.5: RMSprop"; Graves, 2013, arXiv:1308.0850 (centered).

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.RMSprop([w], lr=0.5, alpha=0.75)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [0.0, -1.0]
    """

    keeps: ClassVar = {"step": "count", "square_avg": "array", "momentum_buffer": "array", "grad_avg": "array"}
    optional = ("momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Params,
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

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        return group["lr"], group["alpha"], 1.0 - group["alpha"], group["eps"], group["momentum"], group["weight_decay"]

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        lr, alpha, new, eps, momentum, decay = n
        g = add_weight_decay(p, g, decay, group)
        v = s["square_avg"] = alpha * s["square_avg"] + new * g * g
        if group["centered"]:
            mean = s["grad_avg"] = s["grad_avg"] + new * (g - s["grad_avg"])
            v = v - mean * mean
        step = g / (xp.sqrt(v) + eps)
        if group["momentum"] > 0:
            step = s["momentum_buffer"] = momentum * s["momentum_buffer"] + step
        return p - lr * step
