"""Cosine annealing, with and without restarts, and the one-cycle policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, floor, log, pi
from typing import Any

from ..errors import ConfigError
from .optimizer import Optimizer
from .scheduler import Scheduler, require_integer, require_number, require_optimizer


class CosineAnnealingLR(Scheduler):
    """Cosine annealing: half a cosine from the initial rate down to ``eta_min`` in ``T_max`` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    T_max : int
        The number of epochs to the smallest rate.
    eta_min : float
        The smallest rate.

    References
    ----------
    Loshchilov and Hutter, 2017, arXiv:1608.03983.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.CosineAnnealingLR(optimizer, T_max=2)
    >>> for epoch in range(3):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [0.5]
    2 [0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803 - PyTorch's name
        name = "CosineAnnealingLR"
        self.T_max, self.eta_min = require_integer(name, "T_max", T_max), require_number(name, "eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return _cosine(base, self.eta_min, epoch / self.T_max)


class CosineAnnealingWarmRestarts(Scheduler):
    """Cosine annealing with warm restarts (SGDR): at the end of a cycle the rate starts again from the top.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    T_0 : int
        The number of epochs of the first cycle.
    T_mult : int
        The length of a cycle, as a multiple of the one before.
    eta_min : float
        The smallest rate.

    References
    ----------
    Loshchilov and Hutter, 2017, arXiv:1608.03983.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> for epoch in range(4):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [0.5]
    2 [1.0]
    3 [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:  # noqa: N803
        name = "CosineAnnealingWarmRestarts"
        self.T_0, self.T_mult = require_integer(name, "T_0", T_0), require_integer(name, "T_mult", T_mult)
        self.eta_min = require_number(name, "eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        if self.T_mult == 1:
            return _cosine(base, self.eta_min, epoch % self.T_0 / self.T_0)
        # The cycle's number is the largest n with T_0 (T_mult^n - 1) / (T_mult - 1) <= epoch. The logarithm may be one off.
        n = max(0, floor(log(epoch * (self.T_mult - 1) / self.T_0 + 1.0, self.T_mult)) - 1)
        while self._first_epoch(n + 1) <= epoch:
            n += 1
        return _cosine(base, self.eta_min, (epoch - self._first_epoch(n)) / (self.T_0 * self.T_mult**n))

    def _first_epoch(self, n: int) -> int:
        """The first epoch of cycle number n."""
        return int(self.T_0 * (self.T_mult**n - 1) // (self.T_mult - 1))


class OneCycleLR(Scheduler):
    """The one-cycle policy: the rate rises to ``max_lr``, then falls below its start by the end of the training.

    It rises from ``max_lr / div_factor`` and ends at ``max_lr / (div_factor final_div_factor)``. The length is ``total_steps``,
    or ``epochs * steps_per_epoch``; call ``step()`` that often.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    max_lr : float or list of float
        The highest rate, of all groups or of each.
    total_steps : int or None
        The number of steps; None needs the next two.
    epochs : int or None
        The number of epochs.
    steps_per_epoch : int or None
        The number of steps per epoch.
    pct_start : float
        The part of the steps in which the rate rises, between 0 and 1.
    anneal_strategy : str
        "cos" or "linear".
    cycle_momentum : bool
        Change the momentum (or the first beta) in the opposite direction.
    base_momentum : float
        The lowest momentum.
    max_momentum : float
        The highest momentum.
    div_factor : float
        The highest rate over the first.
    final_div_factor : float
        The first rate over the last.
    three_phase : bool
        Fall to the first rate in as many steps as it rose, then to the last rate.

    References
    ----------
    Smith and Topin, 2018, arXiv:1708.07120.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0, momentum=0.9)
    >>> schedule = dl.optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=4, pct_start=0.5, div_factor=4.0)
    >>> rates = []
    >>> for step in range(4):
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> [round(r, 2) for r in rates]
    [0.25, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        name = "OneCycleLR"
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ConfigError(f"{name}: needs total_steps, or epochs and steps_per_epoch")
            total_steps = require_integer(name, "epochs", epochs) * require_integer(name, "steps_per_epoch", steps_per_epoch)
        if not 0 < pct_start < 1 or anneal_strategy not in ("cos", "linear"):
            got = f"{pct_start} and {anneal_strategy!r}"
            raise ConfigError(f"{name}: 0 < pct_start < 1 and anneal_strategy 'cos' or 'linear', got {got}")
        self.total_steps = require_integer(name, "total_steps", total_steps)
        groups = require_optimizer(name, optimizer).param_groups
        several = isinstance(max_lr, list | tuple)
        self.max_lr = [require_number(name, "max_lr", r) for r in max_lr] if several else require_number(name, "max_lr", max_lr)  # type: ignore[union-attr]
        if isinstance(self.max_lr, list) and len(self.max_lr) != len(groups):
            raise ConfigError(f"{name}: {len(self.max_lr)} values of max_lr for {len(groups)} groups")
        self.div_factor = div_factor
        self.curve = _cosine if anneal_strategy == "cos" else _line
        up = pct_start * total_steps
        # A phase: its last step, the factors of the first rate at its start and end, the momenta at its start and end.
        ends = [up - 1, 2 * up - 2, total_steps - 1] if three_phase else [up - 1, total_steps - 1]
        factors = [1.0, div_factor, *([1.0] if three_phase else []), 1.0 / final_div_factor]
        momenta = [max_momentum, base_momentum, *([max_momentum] if three_phase else []), max_momentum]
        self.phases = list(zip(ends, factors, factors[1:], momenta, momenta[1:], strict=False))
        self.cycle_momentum = cycle_momentum
        if cycle_momentum and not all("momentum" in g or "betas" in g for g in groups):
            raise ConfigError(f"{name}: the optimizer has neither momentum nor betas; pass cycle_momentum=False")
        super().__init__(optimizer)

    def _initial_rate(self, i: int, group: dict[str, Any]) -> float:
        if isinstance(self.max_lr, list) and i >= len(self.max_lr):
            raise ConfigError(f"OneCycleLR: {i} values of max_lr, but the optimizer has got group {i}; append one to max_lr")
        peak = self.max_lr[i] if isinstance(self.max_lr, list) else float(self.max_lr)
        group["initial_lr"] = peak / self.div_factor
        return peak / self.div_factor

    def _phase(self, epoch: int) -> tuple[float, tuple[float, float, float, float, float]]:
        """The phase of a step, and the part of it that is over."""
        if epoch > self.total_steps:
            raise ConfigError(f"OneCycleLR: step {epoch} of a cycle of {self.total_steps} steps")
        begin = 0.0
        for phase in self.phases:
            if epoch <= phase[0] or phase is self.phases[-1]:
                break
            begin = phase[0]
        # The step() after the last batch keeps the rate.
        return min(1.0, (epoch - begin) / (phase[0] - begin)) if phase[0] > begin else 1.0, phase

    def rate(self, base: float, epoch: int) -> float:
        part, (_, first, last, _, _) = self._phase(epoch)
        return self.curve(base * first, base * last, part)

    def _apply(self) -> None:
        super()._apply()
        self._set_momentum()

    def _set_momentum(self) -> None:
        """Set the momentum, or the first beta, of every group."""
        if self.cycle_momentum:
            part, (_, _, _, first, last) = self._phase(self.last_epoch)
            set_momentum(self.optimizer, self.curve(first, last, part))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._set_momentum()


class CyclicLR(Scheduler):
    """Let the rate rise and fall again and again between two bounds, along straight lines. Step it once per batch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    base_lr : float
        The lower bound.
    max_lr : float
        The upper bound of the first cycle.
    step_size_up : int
        Steps of a rise.
    step_size_down : int, optional
        Steps of a fall; by default as many as of a rise.
    mode : {"triangular", "triangular2"} or float
        Whether the height of the cycles stays, halves from cycle to cycle, or is multiplied by this number with each step.
    cycle_momentum : bool
        Let the momentum, or the first beta, fall while the rate rises, between 0.9 and 0.8.

    References
    ----------
    Smith, 2017, arXiv:1506.01186.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0, momentum=0.9)
    >>> schedule = dl.optim.CyclicLR(optimizer, base_lr=0.25, max_lr=0.75, step_size_up=2)
    >>> rates = []
    >>> for step in range(5):
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> rates
    [0.25, 0.5, 0.75, 0.5, 0.25]
    """

    MOMENTA = 0.8, 0.9

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float,
        max_lr: float,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str | float = "triangular",
        *,
        cycle_momentum: bool = True,
    ) -> None:
        name = "CyclicLR"
        if mode not in ("triangular", "triangular2") and (isinstance(mode, str) or not 0 < mode <= 1):
            raise ConfigError(f"{name}: mode must be 'triangular', 'triangular2' or a factor above 0 and at most 1, got {mode!r}")
        self.base_lr, self.max_lr = require_number(name, "base_lr", base_lr), require_number(name, "max_lr", max_lr)
        self.up = require_integer(name, "step_size_up", step_size_up)
        self.down = self.up if step_size_down is None else require_integer(name, "step_size_down", step_size_down)
        self.mode, self.cycle_momentum = mode, cycle_momentum
        groups = require_optimizer(name, optimizer).param_groups
        if cycle_momentum and not all("momentum" in g or "betas" in g for g in groups):
            raise ConfigError(f"{name}: the optimizer has neither momentum nor betas; pass cycle_momentum=False")
        super().__init__(optimizer)

    def _initial_rate(self, i: int, group: dict[str, Any]) -> float:
        group["initial_lr"] = self.base_lr
        return self.base_lr

    def height(self, epoch: int) -> float:
        """Compute how far the rate is above its lower bound, as a part of the distance between the bounds.

        Parameters
        ----------
        epoch : int
            The step, counted from 0.

        Returns
        -------
        float
            From 0 to 1.
        """
        cycle, place = divmod(epoch, self.up + self.down)
        part = place / self.up if place <= self.up else (self.up + self.down - place) / self.down
        if isinstance(self.mode, str):
            return part if self.mode == "triangular" else float(part * 0.5**cycle)
        return float(part * self.mode**epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base + (self.max_lr - self.base_lr) * self.height(epoch)

    def _apply(self) -> None:
        super()._apply()
        if self.cycle_momentum:
            least, most = self.MOMENTA
            set_momentum(self.optimizer, most - (most - least) * self.height(self.last_epoch))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._apply()


def set_momentum(optimizer: Optimizer, momentum: float) -> None:
    """Set the momentum, or the first beta, of every group."""
    for group in optimizer.param_groups:
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


def _cosine(first: float, last: float, part: float) -> float:
    """The value at a part, from 0 to 1, of half a cosine."""
    return last + (first - last) * (1.0 + cos(pi * part)) / 2.0


def _line(first: float, last: float, part: float) -> float:
    """The value at a part, from 0 to 1, of a straight line."""
    return first + (last - first) * part
