"""Schedules along a cosine: once down, down and up again, and one cycle up and down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, floor, log, pi
from typing import Any

from ..errors import ConfigError
from .optimizer import Optimizer
from .scheduler import Scheduler, a_number, at_least, checked_optimizer


class CosineAnnealingLR(Scheduler):
    """Half a cosine from the first rate down to eta_min in T_max epochs. Source: Loshchilov & Hutter 2017, arXiv:1608.03983."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803 - PyTorch's name
        name = "CosineAnnealingLR"
        self.T_max, self.eta_min = at_least(name, "T_max", T_max), a_number(name, "eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return _cosine(base, self.eta_min, epoch / self.T_max)


class CosineAnnealingWarmRestarts(Scheduler):
    """Half a cosine down to eta_min in T_0 epochs, then again from the top, each time T_mult times as long.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983 (SGDR).
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:  # noqa: N803
        name = "CosineAnnealingWarmRestarts"
        self.T_0, self.T_mult = at_least(name, "T_0", T_0), at_least(name, "T_mult", T_mult)
        self.eta_min = a_number(name, "eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        if self.T_mult == 1:
            return _cosine(base, self.eta_min, epoch % self.T_0 / self.T_0)
        # cycles before this one: the largest n with T_0 (T_mult^n - 1) / (T_mult - 1) <= epoch; log may round either way
        n = max(0, floor(log(epoch * (self.T_mult - 1) / self.T_0 + 1.0, self.T_mult)) - 1)
        while self._begin(n + 1) <= epoch:
            n += 1
        return _cosine(base, self.eta_min, (epoch - self._begin(n)) / (self.T_0 * self.T_mult**n))

    def _begin(self, n: int) -> int:
        return int(self.T_0 * (self.T_mult**n - 1) // (self.T_mult - 1))


class OneCycleLR(Scheduler):
    """One cycle for the whole training: up from max_lr / div_factor to max_lr, then down to that start / final_div_factor.

    total_steps, or epochs and steps_per_epoch: calls of step(). pct_start: the part that goes up. anneal_strategy "cos" or
    "linear". cycle_momentum: momentum (or the first beta) goes the other way, from max_momentum to base_momentum and back.
    three_phase: down to the start in as many steps as up, then the rest. max_lr: one number, or one per group.
    Source: Smith & Topin 2018, arXiv:1708.07120.
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
            total_steps = at_least(name, "epochs", epochs) * at_least(name, "steps_per_epoch", steps_per_epoch)
        if not 0 < pct_start < 1 or anneal_strategy not in ("cos", "linear"):
            got = f"{pct_start} and {anneal_strategy!r}"
            raise ConfigError(f"{name}: 0 < pct_start < 1 and anneal_strategy 'cos' or 'linear', got {got}")
        self.total_steps = at_least(name, "total_steps", total_steps)
        groups = checked_optimizer(name, optimizer).param_groups
        several = isinstance(max_lr, list | tuple)
        self.max_lr = [a_number(name, "max_lr", r) for r in max_lr] if several else a_number(name, "max_lr", max_lr)  # type: ignore[union-attr]
        if isinstance(self.max_lr, list) and len(self.max_lr) != len(groups):
            raise ConfigError(f"{name}: {len(self.max_lr)} values of max_lr for {len(groups)} groups")
        self.div_factor = div_factor
        self.curve = _cosine if anneal_strategy == "cos" else _line
        up = pct_start * total_steps
        # (last step, factor of the start rate at its begin and end, momentum at its begin and end)
        ends = [up - 1, 2 * up - 2, total_steps - 1] if three_phase else [up - 1, total_steps - 1]
        factors = [1.0, div_factor, *([1.0] if three_phase else []), 1.0 / final_div_factor]
        momenta = [max_momentum, base_momentum, *([max_momentum] if three_phase else []), max_momentum]
        self.phases = list(zip(ends, factors, factors[1:], momenta, momenta[1:], strict=False))
        self.cycle_momentum = cycle_momentum
        if cycle_momentum and not all("momentum" in g or "betas" in g for g in groups):
            raise ConfigError(f"{name}: the optimizer has neither momentum nor betas; pass cycle_momentum=False")
        super().__init__(optimizer)

    def _first_rate(self, i: int, group: dict[str, Any]) -> float:
        if isinstance(self.max_lr, list) and i >= len(self.max_lr):
            raise ConfigError(f"OneCycleLR: {i} values of max_lr, but the optimizer has got group {i}; append one to max_lr")
        peak = self.max_lr[i] if isinstance(self.max_lr, list) else float(self.max_lr)
        group["initial_lr"] = peak / self.div_factor
        return peak / self.div_factor

    def _phase(self, epoch: int) -> tuple[float, tuple[float, float, float, float, float]]:
        """How far the phase of a step has come, and the phase."""
        if epoch > self.total_steps:
            raise ConfigError(f"OneCycleLR: step {epoch} of a cycle of {self.total_steps} steps")
        begin = 0.0
        for phase in self.phases:
            if epoch <= phase[0] or phase is self.phases[-1]:
                break
            begin = phase[0]
        # The step() after the last batch leaves the rate where it is.
        return min(1.0, (epoch - begin) / (phase[0] - begin)) if phase[0] > begin else 1.0, phase

    def rate(self, base: float, epoch: int) -> float:
        part, (_, first, last, _, _) = self._phase(epoch)
        return self.curve(base * first, base * last, part)

    def _apply(self) -> None:
        super()._apply()
        self._set_momentum()

    def _set_momentum(self) -> None:
        if self.cycle_momentum:
            part, (_, _, _, first, last) = self._phase(self.last_epoch)
            momentum = self.curve(first, last, part)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._set_momentum()


def _cosine(first: float, last: float, part: float) -> float:
    return last + (first - last) * (1.0 + cos(pi * part)) / 2.0


def _line(first: float, last: float, part: float) -> float:
    return first + (last - first) * part
