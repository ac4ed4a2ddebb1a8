"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from dlengine.kernels.settings import AdamSettings

from .captured import settings_per_replay
from .optimizer import Member, Optimizer
from .parameters import Params


class Adam(Optimizer):
    """Adam: steps scaled by running averages of the gradient and its square.

    ``m <- beta1 m + (1 - beta1) g``, ``v <- beta2 v + (1 - beta2) g^2``, ``p <- p - lr m' / (sqrt(v') + eps)``, where ``m'`` and
    ``v'`` are ``m / (1 - beta1^step)`` and ``v / (1 - beta2^step)``.

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
        Factor of the L2 penalty, added to the gradient.
    amsgrad : bool
        Use the largest ``v`` so far.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Kingma and Ba, 2015, arXiv:1412.6980; Reddi et al., 2018, arXiv:1904.09237 (amsgrad).

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.Adam([w], lr=0.5)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [0.5, -1.5]
    """

    decoupled = False
    replays = True
    keeps: ClassVar = {"step": "count", "exp_avg": "array", "exp_avg_sq": "array", "max_exp_avg_sq": "array"}
    optional = ("max_exp_avg_sq",)

    def __init__(
        self,
        params: Params,
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
            lr, beta1, beta2, eps, weight_decay, step = settings_per_replay(
                self, group, partial(_settings, group, states), partial(_mark, states)
            )
            ms, vs = ([state[key].array for state in states] for key in ("exp_avg", "exp_avg_sq"))
            largest = [state["max_exp_avg_sq"].array for state in states] if group["amsgrad"] else None
            xp.adam(ps, gs, ms, vs, largest, AdamSettings(lr, beta1, beta2, eps, weight_decay, self.decoupled, step))


def _settings(group: dict[str, Any], states: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Count the next step of parameters with equal step counts, and return its settings and its number."""
    for state in states:
        state["step"] += 1
    beta1, beta2 = map(float, group["betas"])
    return float(group["lr"]), beta1, beta2, float(group["eps"]), float(group["weight_decay"]), states[0]["step"]


def _mark(states: list[dict[str, Any]]) -> Callable[[], None]:
    """A function that takes the step counts back to what they are now."""
    counts = [state["step"] for state in states]

    def take_back() -> None:
        for state, step in zip(states, counts, strict=True):
            state["step"] = step

    return take_back


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p <- (1 - lr weight_decay) p`` before each step of Adam.

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
        The part of the parameter that is subtracted per step, times ``lr``.
    amsgrad : bool
        Use the largest ``v`` so far.
    maximize : bool
        Ascend instead of descend.

    References
    ----------
    Loshchilov and Hutter, 2019, arXiv:1711.05101.

    Examples
    --------
    >>> w = dl.asarray([1.0, -2.0]).requires_grad_()
    >>> optimizer = dl.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [0.25, -1.0]
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
