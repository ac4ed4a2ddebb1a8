"""ShardedOptimizer: each rank keeps the state of a part of the parameters (ZeRO, stage 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..errors import ConfigError
from ..optim import Optimizer
from .communicator import Communicator
from .world import init

T = TypeVar("T")


class ShardedOptimizer(Optimizer):
    """Let each rank update a part of the parameters, with an optimizer whose state is for that part alone.

    After a step every rank gets the parameters that the others updated. With N ranks the state, twice the parameters for
    Adam, takes an N-th of the memory, and the update an N-th of the time; the result is that of the optimizer itself. All ranks
    must call ``step``, ``state_dict`` and ``load_state_dict`` together. ``state_dict`` is that of the optimizer, complete on
    every rank, so that a checkpoint fits any number of ranks and programs without them.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer, whose update of a parameter depends on this parameter and its gradient alone.
    communicator : Communicator or None
        The ranks; None is all of them.

    Raises
    ------
    ConfigError
        For an optimizer whose step looks at all parameters together, such as LBFGS.

    References
    ----------
    Rajbhandari, Rasley, Ruwase and He, 2020, "ZeRO: memory optimizations toward training trillion parameter models",
    arXiv:1910.02054.

    Examples
    --------
    >>> model = dl.nn.Linear(2, 1)
    >>> optimizer = dl.distributed.ShardedOptimizer(dl.optim.Adam(model.parameters(), lr=0.1))
    >>> dl.sum(model(dl.ones((4, 2)))).backward()
    >>> optimizer.step()
    >>> sorted(optimizer.state_dict()["state"])
    [0, 1]
    """

    def __init__(self, optimizer: Optimizer, communicator: Communicator | None = None) -> None:
        if not isinstance(optimizer, Optimizer) or isinstance(optimizer, ShardedOptimizer):
            raise ConfigError(f"ShardedOptimizer: expected an optimizer such as Adam, got {type(optimizer).__name__}")
        if type(optimizer).step is not Optimizer.step:
            kind = type(optimizer).__name__
            raise ConfigError(f"ShardedOptimizer: {kind} has a step of its own, which may need all parameters together; use Adam")
        self.optimizer, self.communicator = optimizer, communicator or init()
        self.defaults, self.param_groups, self.schedules = optimizer.defaults, optimizer.param_groups, optimizer.schedules
        self.state = optimizer.state
        self._drop_state_of_others()

    @property
    def replays(self) -> bool:  # type: ignore[override]
        """A captured step must not contain it: it waits for other ranks."""
        return False

    def _owners(self) -> dict[Any, int]:
        """The rank that updates each parameter: the largest first, each to the rank with the fewest elements so far."""
        params = self._params()
        loads = [0] * self.communicator.size
        owners: dict[Any, int] = {}
        for p in sorted(params, key=lambda p: -int(p.size)):
            rank = loads.index(min(loads))
            owners[p] = rank
            loads[rank] += int(p.size)
        return owners

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        self.optimizer.add_param_group(group)

    def step(self, closure: Callable[[], T] | None = None) -> T | None:
        if self.communicator.size == 1:
            return self.optimizer.step(closure)
        loss = None if closure is None else closure()
        owners = self._owners()
        others = {p: p._grad for p, rank in owners.items() if rank != self.communicator.rank and p._grad is not None}
        updated = [p for p in self._params() if p._grad is not None]
        try:
            for p in others:
                p._grad = None
            self.optimizer.step()
        finally:
            for p, gradient in others.items():
                p._grad = gradient
        self._exchange(updated, owners)
        return loss

    def _exchange(self, updated: list[Any], owners: dict[Any, int]) -> None:
        """Give all ranks the parameters that their owners updated, one message for each dtype."""
        kinds: dict[Any, list[Any]] = {}
        for p in updated:
            kinds.setdefault((p.array.dtype, p.device), []).append(p)
        for params in kinds.values():
            shares = [[p for p in params if owners[p] == rank] for rank in range(self.communicator.size)]
            longest = max(sum(int(p.size) for p in share) for share in shares)
            xp: Any = backend.space_of(params[0].array)
            dtype = params[0].array.dtype
            sent = xp.zeros((longest * dtype.itemsize,), dtype=xp.uint8).view(dtype)
            place = 0
            for p in shares[self.communicator.rank]:
                sent[place : place + int(p.size)] = xp.reshape(p.array, (-1,))
                place += int(p.size)
            received = self.communicator.transport(sent).all_gather(sent.view(xp.uint8))
            for rank, share in enumerate(shares):
                place, row = 0, received[rank].view(dtype)
                for p in share if rank != self.communicator.rank else ():
                    p.array[...] = xp.reshape(row[place : place + int(p.size)], p.array.shape)
                    place += int(p.size)
                    written(p)

    def state_dict(self) -> dict[str, Any]:
        state = self.optimizer.state_dict()
        if self.communicator.size > 1:
            own = {i: {k: _host(v) for k, v in s.items()} for i, s in state["state"].items()}
            merged: dict[int, Any] = {}
            for part in self.communicator.gather_objects(own):
                merged |= part
            state["state"] = {i: {k: _tensor(v) for k, v in merged[i].items()} for i in sorted(merged)}
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.optimizer.load_state_dict(state_dict)
        self.param_groups, self.state = self.optimizer.param_groups, self.optimizer.state
        self._drop_state_of_others()

    def _drop_state_of_others(self) -> None:
        """Free the state of parameters that other ranks update."""
        for p, rank in self._owners().items():
            if rank != self.communicator.rank:
                self.state.pop(p, None)


def _host(value: Any) -> Any:
    """A tensor of a state as a NumPy array, for sending."""
    return ("array", value.numpy_copy()) if isinstance(value, TensorBase) else value  # type: ignore[attr-defined]


def _tensor(value: Any) -> Any:
    return wrap(np.asarray(value[1])) if isinstance(value, tuple) and len(value) == 2 and value[0] == "array" else value
