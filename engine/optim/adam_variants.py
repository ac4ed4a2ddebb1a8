"""Variants of Adam: NAdam (Nesterov's momentum), RAdam (rectified first steps) and Lion (the sign of an average)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, ClassVar

from .formula import Array, Formula, Numbers, add_weight_decay, kept_part, shrink
from .parameters import Params

_AVERAGES = {"step": "count", "exp_avg": "array", "exp_avg_sq": "array"}


class NAdam(Formula):
    """NAdam: Adam with Nesterov's momentum, which grows over the steps.

    With ``m`` and ``v`` as in Adam and ``mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)``:
    ``p <- p - lr [(1 - mu_t) g / (1 - mu_1 ... mu_t) + mu_{t+1} m / (1 - mu_1 ... mu_{t+1})] / (sqrt(v / (1 - beta2^t)) + eps)``.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate.
    betas : tuple of float
        Decay of the averages of the gradient and of its square, each in [0, 1).
    eps : float
        Added to the denominator.
    weight_decay : float
        Factor of the weight decay.
    momentum_decay : float
        How fast the momentum grows to beta1.
    decoupled_weight_decay : bool
        Shrink the parameter, as AdamW does, instead of adding to the gradient.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Dozat, 2016, "Incorporating Nesterov momentum into Adam".

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.NAdam([w], lr=0.5)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 3) for v in w.tolist()]
    [0.472, -1.472]
    """

    keeps: ClassVar = {**_AVERAGES, "mu_product": "number"}

    def __init__(
        self,
        params: Params,
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

    def _initial_state(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        return {**super()._initial_state(xp, p, group), "mu_product": 1.0}

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        t, lr, decay, (beta1, beta2) = s["step"], group["lr"], group["momentum_decay"], group["betas"]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * decay))
        ahead = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * decay))
        s["mu_product"] *= mu
        now, then = lr * (1.0 - mu) / (1.0 - s["mu_product"]), lr * ahead / (1.0 - s["mu_product"] * ahead)
        return now, then, 1.0 - beta2**t, group["eps"], *_of_averages(group), *_of_decay(group)

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        now, then, correction, eps, *rest = n
        p, g = _apply_weight_decay(p, g, rest[3:], group)
        _update_averages(s, g, rest[:3])
        scale = xp.sqrt(s["exp_avg_sq"] / correction) + eps
        p = p - now * g / scale
        return p - then * s["exp_avg"] / scale


class RAdam(Formula):
    """RAdam: Adam without scaled steps at first, while the average of squared gradients is too uncertain.

    ``rho = 2 / (1 - beta2) - 1`` and ``rho_t = rho - 2 t beta2^t / (1 - beta2^t)``. While ``rho_t <= 5``: ``p <- p - lr m'``.
    Then ``p <- p - lr r m' sqrt(1 - beta2^t) / (sqrt(v) + eps)`` with
    ``r^2 = (rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t)``; ``m'`` and ``v`` are those of Adam.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate.
    betas : tuple of float
        Decay of the averages of the gradient and of its square, each in [0, 1).
    eps : float
        Added to the denominator.
    weight_decay : float
        Factor of the weight decay.
    decoupled_weight_decay : bool
        Shrink the parameter, as AdamW does, instead of adding to the gradient.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Liu et al., 2020, arXiv:1908.03265.

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.RAdam([w], lr=0.25)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [0.5, -1.0]
    """

    keeps: ClassVar = _AVERAGES

    def __init__(
        self,
        params: Params,
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

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        t, (beta1, beta2) = s["step"], group["betas"]
        full = 2.0 / (1.0 - beta2) - 1.0
        rho = full - 2.0 * t * beta2**t / (1.0 - beta2**t)
        scale = 1.0, 0.0, 1.0  # a factor, and what multiplies and is added to the root under it
        if rho > 5.0:
            trust = sqrt((rho - 4.0) * (rho - 2.0) * full / ((full - 4.0) * (full - 2.0) * rho))
            scale = trust * sqrt(1.0 - beta2**t), 1.0, group["eps"]
        return group["lr"], 1.0 - beta1**t, *scale, *_of_averages(group), *_of_decay(group)

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        lr, correction, factor, of_root, added, *rest = n
        p, g = _apply_weight_decay(p, g, rest[3:], group)
        _update_averages(s, g, rest[:3])
        step = s["exp_avg"] / correction * factor / (of_root * xp.sqrt(s["exp_avg_sq"]) + added)
        return p - lr * step


class Lion(Formula):
    """Lion: steps of constant size along the sign of an average gradient.

    ``p <- (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g)``, then ``m <- beta2 m + (1 - beta2) g``. Its state is
    half as large as Adam's.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate: the size of a step.
    betas : tuple of float
        Weights of the average in the step and in its own update, each in [0, 1).
    weight_decay : float
        The part of the parameter that is subtracted per step, times ``lr``.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Chen et al., 2023, arXiv:2302.06675.

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.Lion([w], lr=0.25)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.75, -1.75]
    """

    keeps: ClassVar = {"step": "count", "exp_avg": "array"}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg",)

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        return group["lr"], beta1, 1.0 - beta1, beta2, 1.0 - beta2, kept_part(group)

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        lr, beta1, new1, beta2, new2, kept = n
        m = s["exp_avg"]
        s["exp_avg"] = beta2 * m + new2 * g
        return shrink(p, kept, group) - lr * xp.sign(beta1 * m + new1 * g)


def _of_decay(group: dict[str, Any]) -> tuple[float, float]:
    return group["weight_decay"], kept_part(group)


def _apply_weight_decay(p: Array, g: Array, n: Sequence[Any], group: dict[str, Any]) -> tuple[Array, Array]:
    """The parameter and the gradient after weight decay, decoupled or not. n: _of_decay."""
    decay, kept = n
    return (shrink(p, kept, group), g) if group["decoupled_weight_decay"] else (p, add_weight_decay(p, g, decay, group))


def _of_averages(group: dict[str, Any]) -> tuple[float, float, float]:
    beta1, beta2 = group["betas"]
    return 1.0 - beta1, beta2, 1.0 - beta2


def _update_averages(s: dict[str, Any], g: Array, n: Sequence[Any]) -> None:
    """Update Adam's running averages of the gradient and of its square. n: _of_averages."""
    new1, beta2, new2 = n
    s["exp_avg"] = s["exp_avg"] + new1 * (g - s["exp_avg"])
    s["exp_avg_sq"] = beta2 * s["exp_avg_sq"] + new2 * g * g
