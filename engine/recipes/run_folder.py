"""Run folders: their configuration and results, and how they are made, locked and cleared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import backend
from ..errors import CheckpointError, ConfigError
from ..generator import manual_seed
from ..io import FileLock, reading, write_atomically
from .experiment import Experiment
from .recipe import Recipe, find

DTYPES = ("float32", "float64")
STAGE_FILES = ("log.csv", "last.safetensors", "best.safetensors")
RUN_FILES = ("config.json", "results.json")
NEW_CONFIG = ".config.new"
"""The temporary name of config.json while the files of an earlier run are still in the folder."""


@dataclass(frozen=True)
class Config:
    """The content of a run's config.json."""

    recipe: Recipe
    scale: str
    settings: dict[str, Any]
    seed: int
    dtype: str
    backend: str

    def write(self, path: Path) -> None:
        content = {**vars(self), "recipe": self.recipe.name}
        write_atomically(path, as_json(content))

    def build(self) -> Experiment:
        manual_seed(self.seed)
        return self.recipe.experiment(self.settings, self.seed)


def read_config(folder: Path) -> Config:
    """A run's checked config.json. Raises CheckpointError, ConfigError."""
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder}: not a run folder (no config.json)")
    with reading(path, CheckpointError, "train again, or restore the file", also=(ConfigError,)):
        held = json.loads(path.read_text())
        recipe, scale, dtype = find(held["recipe"]), held["scale"], held["dtype"]
        if scale not in recipe.scales:
            raise ConfigError(f"scale: {recipe.name} has {', '.join(recipe.scales)}, got {scale!r}")
        if dtype not in DTYPES:
            raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
        seed, used = held["seed"], str(held["backend"])
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise ConfigError(f"seed: expected an integer from 0 to 2**64 - 1, got {seed!r}")
        if used.partition(":")[0] not in backend.BACKENDS:
            raise ConfigError(f"backend: expected one of {', '.join(backend.BACKENDS)}, got {used!r}")
        return Config(recipe, scale, recipe.configure(held["settings"], scale), seed, dtype, used)


def read_results(folder: Path) -> dict[str, float]:
    """The numbers of a run's results.json. Raises CheckpointError for a file with anything else in it, or without seconds."""
    path = folder / "results.json"
    if not path.is_file():
        raise CheckpointError(f"{folder}: the run is not finished; go on with it: dlengine train --resume {folder}")
    with reading(path, CheckpointError, f"measure the run again: dlengine train --resume {folder}"):
        held = json.loads(path.read_text())
        for name, value in held.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise CheckpointError(f"{name}: expected a number, got {value!r}")
            float(value)  # an integer beyond all floating numbers is no result either
        if not 0 <= held["seconds"] < float("inf"):
            raise CheckpointError(f"seconds: expected a duration, got {held['seconds']}")
        return dict(held)


def make_folder(out: str | Path | None, name: str, overwrite: bool, config: Config) -> Path:
    """Make the run folder and write its config.json. Raises ConfigError if the folder cannot be written."""
    folder = _free(name) if out is None else Path(out)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not overwrite:
                raise ConfigError(f"{folder}: the run folder is not empty; choose another, or overwrite it with --overwrite")
            if (folder / "config.json").is_file():
                locked(folder).free()
            config.write(folder / NEW_CONFIG)  # before anything is deleted, be sure that there is room
            clear(folder, config.recipe)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / NEW_CONFIG).exists():
            (folder / NEW_CONFIG).replace(folder / "config.json")
        else:
            config.write(folder / "config.json")
    except OSError as error:
        with suppress(OSError):
            (folder / NEW_CONFIG).unlink(missing_ok=True)
        raise ConfigError(f"{folder}: the run folder cannot be written ({error.strerror})") from None
    return folder


def clear(folder: Path, recipe: Recipe) -> None:
    """Delete the files of a run, and each folder that is then empty."""
    pictures = getattr(recipe.experiment, "captions", {})
    with suppress(OSError):
        stages = {path.parent for file in STAGE_FILES for path in folder.glob(f"*/{file}")}
        for place in (*stages, folder):
            for file in (*STAGE_FILES, *RUN_FILES, *pictures):
                (place / file).unlink(missing_ok=True)
        for curves in folder.glob("curves*.png"):
            curves.unlink()
        for place in (*stages, folder):
            with suppress(OSError):
                place.rmdir()


def _free(name: str) -> Path:
    """The first of runs/NAME, runs/NAME-2 and so on that does not exist."""
    numbers: Iterator[int] = iter(range(2, 1_000_000))
    folder = Path("runs") / name
    while folder.exists():
        folder = Path("runs") / f"{name}-{next(numbers)}"
    return folder


def has_begun(folder: Path) -> bool:
    """Whether a run has a log or a checkpoint."""
    return any(path.exists() for file in STAGE_FILES for path in (folder / file, *folder.glob(f"*/{file}")))


def locked(folder: Path) -> FileLock:
    """Lock a run folder against other processes that train, until the end of this process. Raises ConfigError."""
    lock = FileLock(folder / "config.json")
    if not lock.held:
        raise ConfigError(f"{folder}: another process is training this run; wait for its end, or take another folder")
    return lock


def as_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
