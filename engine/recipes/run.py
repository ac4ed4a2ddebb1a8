"""Runs of recipes: train into a folder, measure a folder's model again, use it on images.

A run folder holds config.json (recipe, settings, seed, backend, dtype), log.csv, last.safetensors and best.safetensors, and
at the end results.json, curves.png and confusion.png. Every file is written at once or not at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend
from ..autograd.base import no_grad
from ..autograd.promotion import get_default_dtype, set_default_dtype
from ..data import read_image
from ..errors import CheckpointError, ConfigError
from ..generator import manual_seed
from ..io import load, remove_leftovers, write_atomically
from ..ops.creation import asarray
from ..ops.softmax import softmax
from ..training import Accuracy, Checkpoint, ConfusionMatrix, CSVLog, Trainer, plot_confusion, plot_curves
from .recipe import Experiment, Recipe, find

DTYPES = ("float32", "float64")
CHECKPOINT_SECONDS = 60.0
"""How much of a long epoch a kill may cost."""

FILES = (
    "config.json", "log.csv", "last.safetensors", "best.safetensors", "results.json", "curves.png", "confusion.png"
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its recipe, and what it reached on the test images."""

    folder: Path
    recipe: Recipe
    results: dict[str, Any]

    @property
    def reached(self) -> bool:
        """Whether the recipe's figure was reached."""
        column, least = self.recipe.figure
        return bool(self.results[column] >= least)


@dataclass(frozen=True)
class Prediction:
    """The class of one image, and the probability that the model gives it."""

    path: Path
    label: str
    confidence: float


def train(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    dtype: str = "float32",
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Run:
    """Train a recipe on the backend in force and leave a run folder.

    out: the folder; by default runs/NAME, or with the first free number behind it. One that holds anything is refused,
    unless overwrite says that the files of an earlier run in it go. All settings are checked and the data are read before
    the folder is touched. Raises ConfigError, DataError.
    """
    recipe = find(name)
    chosen = recipe.configure(settings or {})
    if dtype not in DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    start = time.perf_counter()
    config = {"recipe": name, "settings": chosen, "seed": seed, "dtype": dtype, "backend": backend.get_backend()}
    with _dtype(dtype):
        manual_seed(seed)
        experiment = recipe.build(chosen, seed)
        folder = _folder(out, name, overwrite, _json(config))
        trainer = _trainer(folder, chosen, experiment, progress)
        try:
            return _finish(folder, recipe, chosen, experiment, trainer, start)
        except BaseException:
            if not (folder / "last.safetensors").exists():
                _clear(folder)
            raise


def resume(folder: str | Path, *, own_backend: bool = True, progress: bool = True) -> Run:
    """Go on with a run that was stopped or killed, from its last checkpoint; a finished one is only measured again.

    It ends bit for bit as if it had never been stopped, on the run's own backend (own_backend; else the one in force).
    Raises CheckpointError, ConfigError, BackendUnavailable.
    """
    start = time.perf_counter()
    folder = Path(folder)
    recipe, config = _config(folder)
    checkpoint = folder / "last.safetensors"
    for file in FILES:
        remove_leftovers(folder / file)
    with _backend(config["backend"]) if own_backend else nullcontext(), _dtype(config["dtype"]):
        manual_seed(config["seed"])
        experiment = recipe.build(config["settings"], config["seed"])
        trainer = _trainer(folder, config["settings"], experiment, progress)
        if checkpoint.exists():  # else it was killed before its first, and begins again
            state = load(checkpoint)
            try:
                trainer.load_state_dict(state)
            except CheckpointError as error:
                raise CheckpointError(f"{checkpoint}: {error}") from None
        return _finish(folder, recipe, config["settings"], experiment, trainer, start)


def _trainer(folder: Path, settings: Mapping[str, Any], experiment: Experiment, progress: bool) -> Trainer:
    return Trainer(
        experiment.model,
        experiment.loss,
        experiment.optimizer,
        scheduler=experiment.scheduler,
        callbacks=[CSVLog(folder / "log.csv"), Checkpoint(folder, monitor="val_loss", seconds=CHECKPOINT_SECONDS)],
        batch_size=settings["batch_size"],
        progress=progress,
    )


def _finish(
    folder: Path, recipe: Recipe, settings: Mapping[str, Any], experiment: Experiment, trainer: Trainer, start: float
) -> Run:
    """Train to the end, measure, and write what a finished run holds."""
    trainer.fit(experiment.train, settings["epochs"], validate=experiment.test)
    results, matrix = _measure(experiment, trainer)
    results = {**results, "seconds": round(time.perf_counter() - start, 2)}
    plot_curves(folder / "curves.png", trainer.history, recipe.name)
    plot_confusion(folder / "confusion.png", matrix, experiment.classes, recipe.name)
    write_atomically(folder / "results.json", _json(results))
    return Run(folder, recipe, results)


def evaluate(folder: str | Path) -> Run:
    """Measure a run's model again, on the test images of its own split. Raises CheckpointError, ConfigError."""
    folder, recipe, config, experiment = _restore(folder)
    with _dtype(config["dtype"]):
        trainer = Trainer(experiment.model, experiment.loss, experiment.optimizer, progress=False)
        results, _ = _measure(experiment, trainer)
    return Run(folder, recipe, results)


def predict(folder: str | Path, images: Sequence[str | Path]) -> list[Prediction]:
    """The class of each image by a run's model. All images are read first. Raises DataError naming a file, CheckpointError."""
    _, _, config, experiment = _restore(folder)
    read = [read_image(path, experiment.image_size) for path in images]
    experiment.model.eval()
    with no_grad():
        x = asarray(np.stack(read).astype(config["dtype"]))
        shares = softmax(experiment.model(x), axis=1).numpy_copy()
    best = shares.argmax(axis=1)
    return [
        Prediction(Path(path), experiment.classes[k], float(row[k])) for path, row, k in zip(images, shares, best, strict=True)
    ]


def _measure(experiment: Experiment, trainer: Trainer) -> tuple[dict[str, Any], Any]:
    confusion = ConfusionMatrix(len(experiment.classes))
    results = trainer.evaluate(experiment.test, [Accuracy(), confusion])
    matrix = results.pop("confusion")
    return {**results, "samples": int(matrix.sum())}, matrix


def _restore(folder: str | Path) -> tuple[Path, Recipe, dict[str, Any], Experiment]:
    """Rebuild a run's experiment with the trained weights."""
    folder = Path(folder)
    recipe, config = _config(folder)
    checkpoint = folder / "last.safetensors"
    state = load(checkpoint)
    with _dtype(config["dtype"]):
        manual_seed(config["seed"])
        experiment = recipe.build(config["settings"], config["seed"])
    try:
        experiment.model.load_state_dict(state["model"])
    except (KeyError, CheckpointError) as error:
        raise CheckpointError(f"{checkpoint}: {error}") from None
    return folder, recipe, config, experiment


def _config(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """A run's recipe and its checked config.json. Raises CheckpointError, ConfigError."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text())
        recipe, dtype = find(config["recipe"]), str(config["dtype"])
        checked: dict[str, Any] = {"seed": int(config["seed"]), "dtype": dtype, "backend": str(config["backend"])}
        checked["settings"] = recipe.configure(config["settings"])
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{folder}: not a run folder (no config.json)") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        if isinstance(error, ConfigError):
            raise ConfigError(f"{path}: {error}") from None
        raise CheckpointError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    if dtype not in DTYPES:
        raise ConfigError(f"{path}: dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    return recipe, checked


def _folder(out: str | Path | None, name: str, overwrite: bool, config: bytes) -> Path:
    """Make the run folder with its config.json, so be sure that it can be written. Raises ConfigError."""
    folder = _free(name) if out is None else Path(out)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not overwrite:
                raise ConfigError(f"{folder}: the run folder is not empty; choose another, or overwrite it with --overwrite")
            for file in FILES:
                (folder / file).unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "config.json", config)
    except OSError as error:
        raise ConfigError(f"{folder}: the run folder cannot be written ({error.strerror})") from None
    return folder


def _clear(folder: Path) -> None:
    """Take away what a run left that finished no epoch, and the folder if nothing else is in it."""
    with suppress(OSError):
        for file in FILES:
            (folder / file).unlink(missing_ok=True)
        folder.rmdir()


def _free(name: str) -> Path:
    numbers: Iterator[int] = iter(range(2, 1_000_000))
    folder = Path("runs") / name
    while folder.exists():
        folder = Path("runs") / f"{name}-{next(numbers)}"
    return folder


def _backend(name: str) -> Any:
    """The backend of a name that get_backend() gave, for a block."""
    emulate = name.endswith("-emulate")
    return backend.use_backend(name.removesuffix("-emulate"), emulate=emulate)


@contextmanager
def _dtype(name: str) -> Iterator[None]:
    """Make a dtype the default inside the block."""
    before = get_default_dtype()
    set_default_dtype(name)
    try:
        yield
    finally:
        set_default_dtype(before)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
