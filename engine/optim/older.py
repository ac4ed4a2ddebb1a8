"""Adamax, ASGD and Rprop: the largest gradient, averaged descent, and steps by the gradient's sign."""

from __future__ import annotations

from typing import Any, ClassVar

from .formula import Array, Formula, Numbers, add_weight_decay, filled
from .parameters import Params


class Adamax(Formula):
    """Adamax: Adam with the largest recent gradient in the place of the root mean square.

    ``m <- beta1 m + (1 - beta1) g``, ``u <- max(beta2 u, abs(g) + eps)``, ``p <- p - lr / (1 - beta1^t) m / u``.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate.
    betas : tuple of float
        Decay of the average and of the maximum, each in [0, 1).
    eps : float
        Added to the absolute gradient.
    weight_decay : float
        Factor of the L2 penalty, added to the gradient.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Kingma and Ba, 2015, arXiv:1412.6980, section 7.1.

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.Adamax([w], lr=0.5)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [0.5, -1.5]
    """

    keeps: ClassVar = {"step": "count", "exp_avg": "array", "exp_inf": "array"}

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        return group["lr"] / (1.0 - beta1 ** s["step"]), 1.0 - beta1, beta2, group["eps"], group["weight_decay"]

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        rate, new, beta2, eps, decay = n
        g = add_weight_decay(p, g, decay, group)
        mean = s["exp_avg"] = s["exp_avg"] + new * (g - s["exp_avg"])
        largest = s["exp_inf"] = xp.maximum(beta2 * s["exp_inf"], xp.abs(g) + eps)
        return p - rate * mean / largest


class ASGD(Formula):
    """Averaged stochastic gradient descent; the averages of the parameters are in the state, under ``"ax"``.

    ``p <- (1 - lambd eta) p - eta g`` with ``eta = lr / (1 + lambd lr t)^alpha``; from step ``t0`` on ``ax`` is the mean of the
    parameters, before it their last value.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        Learning rate at the start.
    lambd : float
        How fast parameters and rate decay.
    alpha : float
        The exponent of the rate's decay.
    t0 : float
        The step at which averaging starts.
    weight_decay : float
        Factor of the L2 penalty, added to the gradient.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Polyak and Juditsky, 1992, "Acceleration of stochastic approximation by averaging".

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.ASGD([w], lr=0.25)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 3) for v in w.tolist()]
    [0.5, -1.0]
    """

    keeps: ClassVar = {"step": "count", "eta": "number", "mu": "number", "ax": "array"}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def _initial_state(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        return {**super()._initial_state(xp, p, group), "eta": float(group["lr"]), "mu": 1.0}

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        eta, mu, t = s["eta"], s["mu"], s["step"]
        s["eta"] = float(group["lr"] / (1.0 + group["lambd"] * group["lr"] * t) ** group["alpha"])
        s["mu"] = 1.0 / max(1.0, t - group["t0"])
        return 1.0 - group["lambd"] * eta, eta, mu, 1.0 - mu, group["weight_decay"]

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        kept, eta, mu, of_mean, decay = n
        new = p * kept - eta * add_weight_decay(p, g, decay, group)
        s["ax"] = of_mean * s["ax"] + mu * new  # while mu is 1 the parameter itself
        return new


class Rprop(Formula):
    """Resilient backpropagation, for gradients of the whole data: each element has its own step, and only signs count.

    Where the gradient keeps its sign the step grows by ``etas[1]``; where it changes, the step shrinks by ``etas[0]`` and the
    element stays this once.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or one dict of parameters and settings per group; see :class:`Optimizer`.
    lr : float
        The first step of every element.
    etas : tuple of float
        The factors of a step that shrinks and that grows.
    step_sizes : tuple of float
        The smallest and the largest step.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Riedmiller and Braun, 1993, "A direct adaptive method for faster backpropagation learning".

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.Rprop([w], lr=0.5)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.5, -1.5]
    """

    keeps: ClassVar = {"step": "count", "prev": "array", "step_size": "array"}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _initial_state(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        return {**super()._initial_state(xp, p, group), "step_size": filled(xp, p, group["lr"])}

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        return *group["etas"], *group["step_sizes"]

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
        shrinks, grows, least, most = n
        turn = g * s["prev"]
        step = xp.where(turn > 0, s["step_size"] * grows, xp.where(turn < 0, s["step_size"] * shrinks, s["step_size"]))
        ones = xp.ones_like(step)
        step = s["step_size"] = xp.minimum(xp.maximum(step, least * ones), most * ones)
        s["prev"] = xp.where(turn < 0, xp.zeros_like(g), g)
        return p - xp.sign(s["prev"]) * step
