"""What optimizers do in a captured step: their numbers are computed anew at each replay, or the step is refused."""

from __future__ import annotations

from collections.abc import Callable
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
        if optimizer._keeps_state(group) and not all(optimizer.state.get(p) for p in changed):
            raise graph_capture.NotYet(f"{name} has no state yet: let the step run more often before it is captured")


def settings_per_replay(
    optimizer: Optimizer,
    group: dict[str, Any],
    compute: Callable[[], Any],
    mark: Callable[[], Callable[[], object]] | None = None,
) -> Any:
    """What compute makes of a group's settings: numbers, anew at each replay of a captured step. mark: see per_replay."""
    if graph_capture.current_capture.get() is None:
        return compute()
    name = type(optimizer).__name__
    before = {key: bool(group[key]) for key in optimizer.frozen if key in group}

    def again() -> Any:
        changed = next((key for key, value in before.items() if bool(group[key]) is not value), None)
        if changed is not None:
            raise CaptureError(
                f"capture: {name}: {changed} became {group[changed]}, with which the captured step would compute something else; "
                "capture it again"
            )
        return compute()

    return graph_capture.per_replay(f"the settings of {name}", again, mark)
