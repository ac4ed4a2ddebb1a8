"""GradientFlow: norms of gradients by layer and by time step, which show where gradients vanish or explode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..nn import Module
from ..optim import Optimizer
from ..optim.clip import grad_norm
from .callback import Callback, TrainerView

if TYPE_CHECKING:
    from .._tensor import Tensor


class GradientFlow(Callback):
    """Record the norms of gradients: as a callback before each step, or with ``record`` after a backward pass.

    Parameters
    ----------
    model : Module or None
        The model; None is that of the trainer.
    every : int
        Keep only each so many records.

    Attributes
    ----------
    layers : list of dict
        One record per step: the norm of the gradient of each parameter, by name.
    steps : dict of list
        For each series of states given to ``watch``, by name, the norm of the gradient at each time step.

    Examples
    --------
    >>> model = dl.nn.Linear(2, 1, bias=False)
    >>> flow = dl.training.GradientFlow(model)
    >>> dl.sum(model(dl.asarray([[3.0, 4.0]]))).backward()
    >>> flow.record()
    >>> flow.layers
    [{'weight': 5.0}]
    """

    def __init__(self, model: Module | None = None, every: int = 1) -> None:
        self.model, self.every = model, every
        self.layers: list[dict[str, float]] = []
        self.steps: dict[str, list[float]] = {}
        self._calls = 0

    def on_fit_start(self, trainer: TrainerView) -> None:
        self.model = self.model or trainer.model

    def on_gradients(self, trainer: TrainerView, optimizer: Optimizer) -> None:
        self.record()

    def record(self) -> None:
        """Record the norms of the current gradients of the parameters."""
        self._calls += 1
        if self.model is not None and (self._calls - 1) % self.every == 0:
            named = ((name, p.grad) for name, p in self.model.named_parameters())
            self.layers.append({name: float(grad_norm([g.array])) for name, g in named if g is not None})

    def watch(self, states: Iterable[Tensor], name: str = "gradient") -> None:
        """Record the norm of the gradient at each of several tensors, such as hidden states over time.

        It is called before the backward pass. The last backward pass counts; a state that no gradient reaches keeps 0.

        Parameters
        ----------
        states : iterable of Tensor
            The tensors, in the order of time.
        name : str
            The name of the series in ``steps``.

        Examples
        --------
        >>> state = dl.asarray([1.0, 1.0]).requires_grad_()
        >>> later = state * 2.0
        >>> flow = dl.training.GradientFlow()
        >>> flow.watch([state, later])
        >>> dl.sum(later * dl.asarray([3.0, 4.0])).backward()
        >>> flow.steps
        {'gradient': [10.0, 5.0]}
        """
        held = list(states)
        norms = self.steps[name] = [0.0] * len(held)
        for t, state in enumerate(held):
            state.register_hook(_norm_recorder(norms, t))


def _norm_recorder(norms: list[float], t: int) -> Callable[[Tensor], None]:
    """A hook that writes the norm of a gradient to place t of a list."""

    def record(gradient: Tensor) -> None:
        norms[t] = float(grad_norm([gradient.array]))

    return record


def layer_names(records: Sequence[dict[str, float]]) -> list[str]:
    """The names of all parameters in the records, in the order of the model."""
    return list(dict.fromkeys(name for record in records for name in record))
