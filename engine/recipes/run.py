"""Runs of recipes: train in a run folder, resume, measure again, and load the trained models.

A run folder holds config.json (recipe, scale, settings, seed, backend, dtype), for each training log.csv and
last.safetensors (and best.safetensors, where the best epoch may be another than the last), and at the end results.json,
curves.png and the recipe's own pictures. A file is replaced in one step, so that a reader never sees half of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import backend
from ..default_dtype import use_default_dtype
from ..errors import CheckpointError, ConfigError
from ..training import Callback, TrainerView
from .experiment import Experiment
from .recipe import Figure, Recipe, Scale, find
from .run_folder import DTYPES, Config, clear, has_begun, locked, make_folder, read_config
from .run_training import build, finish, joined_ranks, load_into

if TYPE_CHECKING:
    from ..distributed import Communicator


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run.

    Parameters
    ----------
    folder : Path
        The run folder.
    recipe : Recipe
        The recipe.
    scale : Scale
        The scale at which it ran.
    results : dict of float
        The results by name.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> run
    Run(linear-svm in run: accuracy ... % (missed))
    >>> run.reached
    False
    """

    folder: Path
    recipe: Recipe
    scale: Scale
    results: dict[str, float]

    @property
    def reached(self) -> bool:
        """Return whether every figure was reached."""
        return all(figure.reached(self.results) for figure in self.scale.figures)

    def __repr__(self) -> str:
        figures = (f"{f.name} {f.show(value)} ({'reached' if reached else 'missed'})" for f, value, reached in self.verdicts())
        return f"Run({self.recipe.name} in {self.folder}: {', '.join(figures)})"

    def verdicts(self) -> list[tuple[Figure, float, bool]]:
        """Compare the results with the figures of the scale.

        Returns
        -------
        list of tuple
            Each figure, its value, and whether it was reached.
        """
        return [(f, self.results[f.name], f.reached(self.results)) for f in self.scale.figures]


def train(
    name: str,
    settings: Mapping[str, object] | None = None,
    *,
    scale: str | None = None,
    seed: int = 0,
    dtype: str = "float32",
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Run:
    """Train a recipe on the current backend, and write a run folder.

    All settings are checked and the data are read before the folder is changed. In a program that has called
    ``distributed.init()`` on several ranks, all of them call this and train together, and rank 0 writes the folder.

    Parameters
    ----------
    name : str
        The name of the recipe.
    settings : mapping or None, optional
        Values that replace those of the scale, by name.
    scale : {"full", "small", "quick"} or None, optional
        The scale; None is ``full``, or ``small`` if the recipe has it and the data of ``full`` are not in the data folder.
    seed : int, optional
        The seed of all random numbers.
    dtype : {"float32", "float64"}, optional
        The dtype of data and parameters.
    out : str, Path or None, optional
        The run folder; None is ``runs/NAME``, or ``runs/NAME-2`` and so on if that exists. It must be empty or not exist.
    overwrite : bool, optional
        Whether an earlier run in the folder is deleted.
    progress : bool, optional
        Whether a table and a progress bar are shown.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    ConfigError
        If the recipe, a setting, the scale or the dtype is unknown or not allowed, or the folder cannot be used.
    DataError
        If the data are missing or damaged.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> run.results["accuracy"] > 0.5
    True
    """
    recipe = find(name)
    scale = scale or recipe.default_scale()
    if scale not in recipe.scales:
        raise ConfigError(f"scale: {name} has {', '.join(recipe.scales)}, got {scale!r}")
    chosen = recipe.configure(settings or {}, scale)
    if dtype not in DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    start = time.perf_counter()
    config = Config(recipe, scale, chosen, seed, dtype, backend.get_backend())
    world = joined_ranks()
    with use_default_dtype(dtype):
        experiment = build(config, world)
        if world is not None and world.rank:
            return _finished(world.broadcast_object(None), config, experiment, progress, start, world)
        folder = make_folder(out, name, overwrite, config)
        with locked(folder) as lock:
            try:
                if world is not None:
                    world.broadcast_object(folder)
                return _finished(folder, config, experiment, progress, start, world)
            except BaseException:
                if not has_begun(folder):
                    lock.free()  # Windows removes no file that is open
                    clear(folder, recipe)
                raise


def resume(folder: str | Path, *, own_backend: bool = True, progress: bool = True) -> Run:
    """Continue a run that was stopped or killed from its last checkpoint; a finished run is only measured again.

    On the same backend and with the same number of threads, the result is bit for bit that of a run without the
    interruption; a warning is given if they differ. On several ranks, all call this; they may be another number than before.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    own_backend : bool, optional
        Whether to use the backend that the run began with; otherwise the current one.
    progress : bool, optional
        Whether a table and a progress bar are shown.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    CheckpointError
        If the folder holds no run, or a damaged one.
    ConfigError
        If its configuration is not valid, or another process is training it.
    BackendUnavailable
        If its backend cannot run here.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> again = dl.recipes.resume("run", progress=False)
    >>> again.results["accuracy"] == run.results["accuracy"]
    True
    """
    start = time.perf_counter()
    folder = Path(folder)
    config, world = read_config(folder), joined_ranks()
    lock = nullcontext() if world is not None and world.rank else locked(folder)
    with lock, _backend(config.backend) if own_backend else nullcontext(), use_default_dtype(config.dtype):
        return _finished(folder, config, build(config, world), progress, start, world)


def evaluate(folder: str | Path) -> Run:
    """Measure the trained models of a run again, on its test data.

    Parameters
    ----------
    folder : str or Path
        The run folder.

    Returns
    -------
    Run
        The run with the new results.

    Raises
    ------
    CheckpointError
        If the run is not finished or its files are damaged.
    ConfigError
        If its configuration is not valid.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> dl.recipes.evaluate("run").results["accuracy"] == run.results["accuracy"]
    True
    """
    with restored(folder) as (config, experiment):
        return Run(Path(folder), config.recipe, config.recipe.scales[config.scale], experiment.measure())


@contextmanager
def restored(folder: str | Path) -> Iterator[tuple[Config, Experiment]]:
    """Load the experiment of a run with its trained models, for a block in which the run's dtype is the default.

    Parameters
    ----------
    folder : str or Path
        The run folder.

    Yields
    ------
    Config
        The configuration: recipe, scale, settings, seed, dtype and backend.
    Experiment
        The experiment.

    Raises
    ------
    CheckpointError
        If the run is not finished or its files are damaged.
    ConfigError
        If its configuration is not valid.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> with dl.recipes.restored("run") as (config, experiment):
    ...     print(config.settings["epochs"], experiment.measure()["accuracy"] == run.results["accuracy"])
    1 True
    """
    folder = Path(folder)
    config = read_config(folder)
    with use_default_dtype(config.dtype):
        experiment = config.build()
        for stage in experiment.stages():
            if not load_into(folder / stage.name / "last.safetensors", stage.trainer):
                raise CheckpointError(f"{folder}: the run is not finished; go on with it: dlengine train --resume {folder}")
        yield config, experiment


def first_values(
    name: str, settings: Mapping[str, object] | None = None, *, scale: str = "quick", steps: int = 20, seed: int = 0,
    dtype: str = "float64",
) -> list[dict[str, float]]:  # fmt: skip
    """Train a recipe for a few steps on the current backend, without writing files, to compare backends.

    Parameters
    ----------
    name : str
        The name of the recipe.
    settings : mapping or None, optional
        Values that replace those of the scale, by name.
    scale : str, optional
        The scale.
    steps : int, optional
        The number of steps.
    seed : int, optional
        The seed of all random numbers.
    dtype : {"float32", "float64"}, optional
        The dtype of data and parameters.

    Returns
    -------
    list of dict
        For each step the loss and the metrics by name, as means over the epoch so far.

    Raises
    ------
    ConfigError
        If the recipe or a setting is unknown or not allowed.

    Examples
    --------
    >>> dl.recipes.first_values("perceptron", steps=2)
    [{'loss': 9.0}, {'loss': 5.5}]
    """
    recipe = find(name)
    recorder = _Recorder(steps)
    with use_default_dtype(dtype):
        experiment = Config(recipe, scale, recipe.configure(settings or {}, scale), seed, dtype, "").build()
        for stage in experiment.stages():
            stage.trainer.add_callbacks(recorder)
            stage.trainer.fit(stage.parts(seed)[0], stage.epochs)
            if len(recorder.values) == steps:
                break
    return recorder.values


class _Recorder(Callback):
    """Keeps the values that the first steps report, then stops the training."""

    def __init__(self, steps: int) -> None:
        self.steps, self.values = steps, list[dict[str, float]]()

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        self.values.append(values)
        trainer.stop = trainer.stop or len(self.values) == self.steps


def _finished(
    folder: Path, config: Config, experiment: Experiment, progress: bool, start: float, world: Communicator | None
) -> Run:
    """Train, measure and write; returns the finished run."""
    results = finish(folder, config, experiment, progress, start, world)
    return Run(folder, config.recipe, config.recipe.scales[config.scale], results)


def _backend(name: str) -> AbstractContextManager[None]:
    """Use the backend with a name as get_backend() returns it, for a block."""
    emulate = name.endswith("-emulate")
    return backend.use_backend(name.removesuffix("-emulate"), emulate=emulate)
