"""TrainerState, the base of Trainer: what a training consists of, and how it is saved and continued."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ..errors import CheckpointError
from ..generator import Generator, default_generator
from ..nn import Module
from ..optim import Optimizer
from ..optim.docstrings import inherit_docstrings
from ..states import count, listed, mapping, read_state
from .callback import Callback
from .machine import arithmetic, continue_with, describe_arithmetic, without_kernels
from .metric import Average, Metric
from .one_rank import OneRank
from .precision import MixedPrecision


class Resume(NamedTuple):
    """What the next fit sets when it starts: not earlier, since making a loader draws random numbers."""

    loader: Any
    generator: dict[str, Any] | None = None
    machine: Mapping[str, Any] | None = None


class TrainerState:
    """The parts of a training and its progress, with ``state_dict`` and ``load_state_dict``.

    Parameters
    ----------
    model : Module
        The model.
    optimizers : dict of Optimizer
        The optimizers by name.
    scheduler : Scheduler or None
        The schedule that is stepped after each epoch.
    mixed : MixedPrecision or None
        How the model runs in half precision.
    metrics : list of Metric
        The metrics.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherit_docstrings(cls)

    def __init__(
        self,
        model: Module,
        optimizers: dict[str, Optimizer],
        scheduler: Any,
        mixed: MixedPrecision | None,
        metrics: Iterable[Metric],
    ) -> None:
        self.model, self.optimizers, self.scheduler, self.mixed = model, optimizers, scheduler, mixed
        self.metrics = list(metrics)
        self.callbacks: list[Callback] = []
        self.history: list[dict[str, float]] = []
        self.epoch = self.epochs = 0
        self.batch = 0
        self.stop = False
        self.train_loader: Any = None
        self._averages: dict[str, Average] = {}
        self._resume: Resume | None = None
        self._ranks = OneRank()
        self._loader_state: Any = None  # of the training loader after the last complete step of the current epoch

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, or the first of several."""
        return next(iter(self.optimizers.values()))

    @property
    def rank(self) -> int:
        """The number of this rank; 0 where one process trains."""
        return self._ranks.rank

    def agree(self, wish: bool) -> bool:
        """Return whether all ranks are to save now, since one of them wished it.

        Parameters
        ----------
        wish : bool
            Whether this rank wishes it. The ranks tell each other with the next batch.

        Returns
        -------
        bool
            The same on all ranks; where one process trains, its wish.
        """
        return self._ranks.agree("save", wish)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that is needed to continue the training.

        Where several ranks train together, all of them call it; that of rank 0 is the one to save.

        Returns
        -------
        dict
            The states of the model, the optimizers, the schedule, the loss scaler, the callbacks and the random generators; the
            position in the data, the history and the averages and metrics of an unfinished epoch; and the backend in use.
        """
        self._settle()
        if self.batch:
            self._ranks.keep_on_first(self.metrics)
        states = {key: _state_of(part) for key, part in self._state_parts(self.batch).items()}
        return states | {key: value for key, (value, _) in self._state_values().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()`` at the next ``fit``.

        Results repeat bit for bit with the backend, number of threads and vector width that the state was made with; the next
        ``fit`` warns if they differ.

        Parameters
        ----------
        state : dict
            The state.

        Raises
        ------
        CheckpointError
            If the state does not fit; then nothing has changed.
        """
        readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(self._state_parts(0), _unchanged)
        readers |= {key: reader for key, (_, reader) in self._state_values().items()}
        found = dict(zip(readers, read_state("Trainer", "a training", state, readers), strict=True))
        epoch, history = found["epoch"], found["history"]
        if len(history) != epoch or not all(isinstance(row, Mapping) for row in history):
            raise CheckpointError(f"Trainer: history of the state must hold a row for each of {epoch} epochs, got {len(history)}")
        matched: list[tuple[str, Any, Any]] = []
        for key, part in self._state_parts(found["batch"]).items():
            matched += _match(key, part, found[key])
        _load_all(matched)
        self._ranks.after_loading(self)
        self.epoch, self.batch, self._averages = epoch, found["batch"], found["averages"]
        self.history = [dict(row) for row in history]
        self._resume, self._loader_state = Resume(found["loader"], found["generator"], found["machine"]), None

    def _settle(self) -> None:
        """Look at what was left to look at later."""

    def _state_parts(self, batch: int) -> dict[str, Any]:
        """The objects whose states belong to the trainer's: one or None, several by name, or a list.

        The metrics belong to it only within an epoch, after its first batch.
        """
        return {
            "model": self.model,
            "optimizer": self.optimizers,
            "scheduler": self.scheduler,
            "scaler": None if self.mixed is None else self.mixed.scaler,
            "generators": _generators_of(self.model),
            "callbacks": _callbacks_with_state(self.callbacks),
            "metrics": self.metrics if batch else [],
            "generator": default_generator,
        }

    def _state_values(self) -> dict[str, tuple[Any, Callable[[Any], Any]]]:
        """The other entries of the state: the value, and the function that reads a loaded one or raises ValueError."""
        averages = {name: a.state_dict() for name, a in self._averages.items()} if self.batch else {}
        return {
            "loader": (self._loader_position(), _unchanged),
            "epoch": (self.epoch, count),
            "batch": (self.batch, count),
            "averages": (averages, _read_averages),
            "history": (self.history, listed),
            "machine": (arithmetic(), mapping),
        }

    def _loader_position(self) -> Any:
        """The state of the training loader that the training continues from; None if there is none."""
        if self._loader_state is not None:
            return self._loader_state
        if self._resume is not None:
            return self._resume.loader
        return loader_state(self.train_loader)

    def _restore_position(self) -> None:
        """Set the training loader and the random generator to the state that was loaded; warn of other arithmetic."""
        resume, self._resume, self._loader_state = self._resume, None, None
        if resume is None:
            return
        if resume.loader is not None and hasattr(self.train_loader, "load_state_dict"):
            self.train_loader.load_state_dict(resume.loader)
        if resume.generator is not None:
            default_generator.load_state_dict(resume.generator)
        continue_with(resume.machine)
        then, now = None if resume.machine is None else without_kernels(resume.machine), without_kernels(arithmetic())
        if then is not None and then != now and self.epoch < self.epochs:
            warnings.warn(
                f"fit: the state was made with {describe_arithmetic(then)}, this is {describe_arithmetic(now)}: the training "
                "goes on, but its last bits may differ",
                stacklevel=3,
            )


def loader_state(loader: Any) -> Any:
    """The position of a loader in its data; None for an iterable that has none."""
    return loader.state_dict() if hasattr(loader, "state_dict") else None


def _state_of(part: Any) -> Any:
    """The states of one object, of several by name, or of a list of them."""
    if isinstance(part, list):
        return [p.state_dict() for p in part]
    if isinstance(part, dict):
        return {name: p.state_dict() for name, p in part.items()}
    return None if part is None else part.state_dict()


def _match(key: str, part: Any, state: Any) -> list[tuple[str, Any, Any]]:
    """Pair objects with their states, each with a name for messages. Raises CheckpointError if some have no counterpart."""
    if isinstance(part, list):
        if not part:
            return []
        if not isinstance(state, list | tuple) or len(state) != len(part):
            n = len(state) if isinstance(state, list | tuple) else type(state).__name__
            raise CheckpointError(f"Trainer: the state has {n} {key}, this trainer {len(part)}")
        return [(p.name, p, s) for p, s in zip(part, state, strict=True)]
    if isinstance(part, dict):
        if not isinstance(state, Mapping):
            raise CheckpointError(f"Trainer: {key} of the state must be a mapping by name, got {type(state).__name__}")
        if missing := [name for name in part if name not in state]:
            raise CheckpointError(f"Trainer: {key} of the state lacks {', '.join(missing)}")
        return [(f"{key} {name}", p, state[name]) for name, p in part.items()]
    if (state is None) != (part is None):
        raise CheckpointError(f"Trainer: one of the state and this trainer has a {key}, the other has none")
    return [] if part is None else [(key, part, state)]


def _load_all(matched: Sequence[tuple[str, Any, Any]]) -> None:
    """Load every state into its object; if one fails, restore those before it and raise CheckpointError."""
    undo: list[tuple[Any, Any]] = []
    for name, part, state in matched:
        try:
            undo.append((part, copy.deepcopy(part.state_dict())))
            part.load_state_dict(state)
        except BaseException as error:
            for earlier, before in reversed(undo):
                with suppress(Exception):  # the first error is the one to report
                    earlier.load_state_dict(before)
            if isinstance(error, CheckpointError) or not isinstance(error, Exception):
                raise
            raise CheckpointError(f"Trainer: {name} of the state cannot be loaded: {type(error).__name__}: {error}") from error


def _generators_of(model: Module) -> dict[str, Generator]:
    """The generators that layers own, by the name of the layer."""
    found = {name: getattr(m, "generator", None) for name, m in model.named_modules()}
    return {name: g for name, g in found.items() if isinstance(g, Generator)}


def _callbacks_with_state(callbacks: Iterable[Callback]) -> dict[str, Callback]:
    """The callbacks that have a state, by class name; the second of a class has a 2 after it, and so on."""
    found: dict[str, Callback] = {}
    for callback in callbacks:
        if callback.state_dict() is not None:
            kind = type(callback).__name__
            same = sum(type(c) is type(callback) for c in found.values())
            found[f"{kind}{same + 1}" if same else kind] = callback
    return found


def _unchanged(value: Any) -> Any:
    """Read an entry that is checked later."""
    return value


def _read_averages(value: Any) -> dict[str, Average]:
    """Read the averages by name."""
    if isinstance(value, Mapping) and all(
        isinstance(a, list | tuple) and len(a) == 2 and all(isinstance(v, int | float) for v in a) for a in value.values()
    ):
        return {name: Average(*a) for name, a in value.items()}
    raise ValueError("[total, count] by name")
