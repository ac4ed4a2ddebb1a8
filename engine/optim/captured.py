"""What optimizers do in a captured step: their numbers are computed anew at each replay, or the step is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dlengine.kernels import graph_capture

from ..errors import CaptureError

if TYPE_CHECKING:
    from .optimizer import Optimizer


def require_capturable(optimizer: Optimizer) -> None:
    """Raise NotCapturable if a replay of the captured step would not repeat the optimizer's."""
    name = type(optimizer).__name__
    if not optimizer.replays:
        raise graph_capture.NotCapturable(f"{name} computes with numbers of its own on the host, which no replay would renew")
    for group in optimizer.param_groups:
        changed = [p for p in group["params"] if p._grad is not None]
        keeps = optimizer._keeps_state(group)
        if any(p not in optimizer.state or (keeps and not optimizer.state[p]) for p in changed):
            raise graph_capture.NotYet(f"{name} has no state yet: let the step run more often before it is captured")


def settings_per_replay(
    optimizer: Optimizer,
    group: dict[str, Any],
    compute: Callable[[], Any],
    mark: Callable[[], Callable[[], object]] | None = None,
    states: Sequence[dict[str, Any]] = (),
) -> Any:
    """What compute makes of a group's settings: numbers, anew at each replay of a captured step. mark: see per_replay.

    states: of parameters with one count of steps, which must stay one.
    """
    if graph_capture.current_capture.get() is None:
        return compute()
    name = type(optimizer).__name__
    before = {key: bool(group[key]) for key in optimizer.frozen if key in group}
    numbers = [key for key, value in group.items() if type(value) in (int, float)]

    def changed() -> str | None:
        for key, value in before.items():
            if bool(group[key]) is not value:
                return f"{key} became {group[key]}, with which the captured step would compute something else"
        if any(state["step"] != states[0]["step"] for state in states):
            return "some parameters have made fewer steps than others, which the captured step counts as one"
        return None

    def again() -> Any:
        reason = changed()
        if reason is not None:
            raise CaptureError(f"capture: {name}: {reason}; capture it again")
        return compute()

    def holds() -> bool:
        try:
            for key in numbers:
                float(group[key])
        except (TypeError, ValueError):  # which the optimizer says itself
            return False
        return changed() is None

    return graph_capture.per_replay(f"the settings of {name}", again, mark, holds)
