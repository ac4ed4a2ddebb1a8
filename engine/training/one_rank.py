"""OneRank: what a trainer asks of the processes that train together, where there is only one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from ..generator import BatchPart, own_part

if TYPE_CHECKING:
    from .trainer_state import TrainerState

WISHES: tuple[str, ...] = ("stop", "save", "end")
"""What a rank may wish for at a step; ``end`` after SIGTERM."""


class OneRank:
    """A training in one process; ManyRanks is that of several."""

    rank = 0
    size = 1

    def divided(self, loader: Any, axis: int) -> Iterator[tuple[Any, BatchPart | None]]:
        """The batches, and which part of each this rank computes; None for all of it."""
        for batch in loader:
            yield batch, None

    @contextmanager
    def computing(self, part: BatchPart | None) -> Iterator[None]:
        """Draw random numbers by the numbers of a part's samples."""
        token = own_part.set(part)
        try:
            yield
        finally:
            own_part.reset(token)

    def start(self, trainer: TrainerState) -> AbstractContextManager[None]:
        """Begin a fit, which ends with the context."""
        return nullcontext()

    def summing(self, name: str | None, first: bool, last: bool) -> AbstractContextManager[None]:
        """Compute gradients for an optimizer; after the last of several backwards they are those of all ranks together."""
        return nullcontext()

    def sum_gradients(self, name: str) -> None:
        """Make the gradients that the parameters of an optimizer have those of all ranks together."""

    def require_sum(self, kind: type) -> None:
        """Raise ConfigError if the last step has not summed its gradients."""

    def totals(self, values: dict[str, float], samples: int) -> tuple[dict[str, float], int]:
        """The values of a batch as means over all ranks, and the number of samples."""
        return values, samples

    def agree(self, name: str, wish: bool) -> bool:
        """Whether all ranks are to do something at this step, since one of them wished it."""
        return wish

    def merge(self, metrics: Sequence[Any]) -> None:
        """Give the metrics the counts of all ranks."""

    def keep_on_first(self, metrics: Sequence[Any]) -> None:
        """Give the metrics of rank 0 the counts of all ranks, and those of the others none."""

    def after_epoch(self, trainer: TrainerState) -> None:
        """Raise RankError if the models of the ranks are no longer equal."""

    def after_loading(self, trainer: TrainerState) -> None:
        """Give what was counted before to one of the ranks."""

    def after_fit(self, trainer: TrainerState) -> None:
        """End a program that was asked to end, after all ranks have saved."""
