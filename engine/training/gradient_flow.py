"""Where gradients vanish or explode: their norms by layer and by time step, recorded during a training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..nn import Module
from ..optim import Optimizer
from ..optim.clip import grad_norm
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer


class GradientFlow(Callback):
    """Records gradient norms: as a callback before each step, or by record() after a backward of one's own.

    layers: for each record {parameter name: norm}. steps: for each series that watch() saw, {name: norms over time}.
    every: only each so many records are kept.
    """

    def __init__(self, model: Module | None = None, every: int = 1) -> None:
        self.model, self.every = model, every
        self.layers: list[dict[str, float]] = []
        self.steps: dict[str, list[float]] = {}
        self._calls = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        self.model = self.model or trainer.model

    def on_gradients(self, trainer: Trainer, optimizer: Optimizer) -> None:
        self.record()

    def record(self) -> None:
        """Take down the norms of the gradients that the parameters have now."""
        self._calls += 1
        if self.model is not None and (self._calls - 1) % self.every == 0:
            named = ((name, p._grad) for name, p in self.model.named_parameters())
            self.layers.append({name: float(grad_norm([g._array])) for name, g in named if g is not None})

    def watch(self, states: Iterable[Any], name: str = "gradient") -> None:
        """Before a backward: take down the norm of the loss's gradient at each of these tensors, hidden states over time.

        The last backward through them counts; a state that no gradient reaches keeps 0.
        """
        held = list(states)
        norms = self.steps[name] = [0.0] * len(held)
        for t, state in enumerate(held):
            state.register_hook(_taker(norms, t))


def _taker(norms: list[float], t: int) -> Any:
    def take(gradient: Any) -> None:
        norms[t] = float(grad_norm([gradient._array]))

    return take


def layer_names(records: Sequence[dict[str, float]]) -> list[str]:
    """Every parameter that a record names, in the order of the model."""
    return list(dict.fromkeys(name for record in records for name in record))
