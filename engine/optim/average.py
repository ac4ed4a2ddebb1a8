"""EMA: a running average of the weights, which is often better than the last of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .. import backend
from ..autograd.base import TensorBase, written
from ..errors import CheckpointError, ConfigError
from ..ops.creation import asarray
from ..states import count, listed, number, read_state
from .optimizer import refuse_unordered, state_array


class EMA:
    """average <- d average + (1 - d) p after each update(), d = min(decay, (1 + n) / (10 + n)) after n updates.

    The growing d lets the average forget the first weights; warmup=False keeps d = decay throughout.
    params: the parameters of a model, in their order. Source: Polyak & Juditsky 1992; Tarvainen & Valpola 2017.
    """

    def __init__(self, params: Iterable[Any], decay: float = 0.999, warmup: bool = True) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"EMA: decay must be in [0, 1), got {decay}")
        refuse_unordered("EMA", params)
        self.params = list(params)
        if not self.params or not all(isinstance(p, TensorBase) for p in self.params):
            raise ConfigError("EMA: params must be tensors, at least one; pass model.parameters()")
        self.decay, self.warmup, self.updates = decay, warmup, 0
        self.average = [p.detach().clone() for p in self.params]

    def update(self) -> None:
        """Take in the weights as they are now."""
        d = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay
        self.updates += 1
        self._follow()
        for a, p in zip(self.average, self.params, strict=True):
            a._array[...] = a._array + (1.0 - d) * (p._array - a._array)
            written(a)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the average as its weights inside the block, and its own again after it."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchange the weights and the average; again brings them back."""
        self._follow()
        for a, p in zip(self.average, self.params, strict=True):
            held = backend.space_of(p._array).asarray(p._array, copy=True)
            p._array[...] = a._array
            a._array[...] = held
            written(a)
            written(p)

    def _follow(self) -> None:
        """Give the average the dtype and device of parameters that have become others."""
        for i, (a, p) in enumerate(zip(self.average, self.params, strict=True)):
            if a.dtype != p.dtype or a.device != p.device:
                self.average[i] = asarray(a, dtype=p.dtype, device=p.device, copy=True)

    def state_dict(self) -> dict[str, Any]:
        """The average and how many updates it has seen."""
        return {"decay": self.decay, "updates": self.updates, "average": list(self.average)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict(); nothing changes if it does not fit. Raises CheckpointError."""
        readers = {"decay": number, "updates": count, "average": listed}
        decay, updates, values = read_state("EMA", "an average", state_dict, readers)
        if not 0 <= decay < 1:
            raise CheckpointError(f"EMA: decay of the state must be in [0, 1), got {decay}")
        shapes = [tuple(v.shape) if hasattr(v, "shape") else type(v).__name__ for v in values]
        if shapes != [p.shape for p in self.params]:
            raise CheckpointError(f"EMA: the state has shapes {shapes}, the parameters {[p.shape for p in self.params]}")
        pairs = zip(values, self.params, strict=True)
        average = [state_array(f"EMA: average {i}", v, p.shape, p) for i, (v, p) in enumerate(pairs)]
        self.decay, self.updates, self.average = decay, updates, average
