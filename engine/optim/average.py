"""EMA: an exponential moving average of the weights, which often generalizes better than the last weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import backend
from ..autograd.base import TensorBase, written
from ..errors import CheckpointError, ConfigError
from ..ops.conversion import asarray
from ..states import count, listed, number, read_state
from .parameters import require_ordered
from .saved_state import read_array

if TYPE_CHECKING:
    from .._tensor import Tensor


class EMA:
    """Exponential moving average of weights: ``average <- d average + (1 - d) p`` at each update.

    ``d = min(decay, (1 + n) / (10 + n))`` after ``n`` updates, so that the first weights are soon forgotten.

    Parameters
    ----------
    params : iterable of Tensor
        The parameters, in an order, for instance ``model.parameters()``.
    decay : float
        The limit of ``d``, in [0, 1).
    warmup : bool
        Let ``d`` grow as above; if False, ``d = decay`` from the start.

    Attributes
    ----------
    average : list of Tensor
        The average of each parameter.
    updates : int
        The number of updates.

    References
    ----------
    Polyak and Juditsky, 1992, "Acceleration of stochastic approximation by averaging"; Tarvainen and Valpola, 2017,
    arXiv:1703.01780.

    Examples
    --------
    >>> w = dl.asarray([1.0, 2.0])
    >>> ema = dl.optim.EMA([w], decay=0.5, warmup=False)
    >>> w[:] = 3.0
    >>> ema.update()
    >>> with ema.applied():
    ...     print(w.tolist())
    [2.0, 2.5]
    >>> w.tolist()
    [3.0, 3.0]
    """

    def __init__(self, params: Iterable[Tensor], decay: float = 0.999, warmup: bool = True) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"EMA: decay must be in [0, 1), got {decay}")
        require_ordered("EMA", params)
        self.params = list(params)
        if not self.params or not all(isinstance(p, TensorBase) for p in self.params):
            raise ConfigError("EMA: params must be tensors, at least one; pass model.parameters()")
        self.decay, self.warmup, self.updates = decay, warmup, 0
        self.average = [p.detach().clone() for p in self.params]

    def update(self) -> None:
        """Update the average with the current weights."""
        d = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay
        self.updates += 1
        self._convert()
        for a, p in zip(self.average, self.params, strict=True):
            a.array[...] = a.array + (1.0 - d) * (p.array - a.array)
            written(a)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Use the average as the model's weights inside a with block.

        Yields
        ------
        None
            Nothing; the weights are restored when the block ends.
        """
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchange the weights and the average; a second call restores them."""
        self._convert()
        for a, p in zip(self.average, self.params, strict=True):
            held = backend.space_of(p.array).asarray(p.array, copy=True)
            p.array[...] = a.array
            a.array[...] = held
            written(a)
            written(p)

    def _convert(self) -> None:
        """Convert the average to the dtypes and devices of the parameters."""
        for i, (a, p) in enumerate(zip(self.average, self.params, strict=True)):
            if a.dtype != p.dtype or a.device != p.device:
                self.average[i] = asarray(a, dtype=p.dtype, device=p.device, copy=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the average, the decay and the number of updates.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        return {"decay": self.decay, "updates": self.updates, "average": list(self.average)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()``.

        Parameters
        ----------
        state_dict : dict
            The state.

        Raises
        ------
        CheckpointError
            If the state does not fit; then nothing has changed.
        """
        readers = {"decay": number, "updates": count, "average": listed}
        decay, updates, values = read_state("EMA", "an average", state_dict, readers)
        if not 0 <= decay < 1:
            raise CheckpointError(f"EMA: decay of the state must be in [0, 1), got {decay}")
        shapes = [tuple(v.shape) if hasattr(v, "shape") else type(v).__name__ for v in values]
        if shapes != [p.shape for p in self.params]:
            raise CheckpointError(f"EMA: the state has shapes {shapes}, the parameters {[p.shape for p in self.params]}")
        pairs = zip(values, self.params, strict=True)
        average = [read_array(f"EMA: average {i}", v, p.shape, p) for i, (v, p) in enumerate(pairs)]
        self.decay, self.updates, self.average = decay, updates, average
