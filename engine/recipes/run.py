"""Runs of recipes: train into a folder, go on with it, measure it again, use what it learnt.

A run folder holds config.json (recipe, scale, settings, seed, backend, dtype), for each training log.csv and
last.safetensors (best.safetensors where one epoch can be better), and at the end results.json, curves.png and the
recipe's own pictures. Every file is written at once or not at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import backend
from ..autograd.promotion import get_default_dtype, set_default_dtype
from ..errors import CheckpointError, ConfigError
from ..generator import manual_seed
from ..io import FileLock, load, reading, remove_leftovers, write_atomically
from ..training import Callback, Checkpoint, CSVLog, Progress, Trainer, plot_curves
from .experiment import Experiment, Stage
from .recipe import Figure, Recipe, Scale, find

DTYPES = ("float32", "float64")
CHECKPOINT_SECONDS = 60.0
"""How much of a long epoch a kill may cost."""

STAGE_FILES = ("log.csv", "last.safetensors", "best.safetensors")
RUN_FILES = ("config.json", "results.json")
NEW_CONFIG = ".config.new"
"""What config.json is written as, while an earlier run is still there."""


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run: its folder, its recipe, the scale, and what it reached."""

    folder: Path
    recipe: Recipe
    scale: Scale
    results: dict[str, Any]

    @property
    def reached(self) -> bool:
        """Whether every figure was reached."""
        return all(figure.reached(self.results) for figure in self.scale.figures)

    def __repr__(self) -> str:
        figures = (f"{f.name} {f.show(value)} ({'reached' if reached else 'missed'})" for f, value, reached in self.verdicts())
        return f"Run({self.recipe.name} in {self.folder}: {', '.join(figures)})"

    def verdicts(self) -> list[tuple[Figure, float, bool]]:
        """Each figure, its value, and whether it was reached."""
        return [(f, self.results[f.name], f.reached(self.results)) for f in self.scale.figures]


@dataclass(frozen=True)
class Config:
    """What a run's config.json says."""

    recipe: Recipe
    scale: str
    settings: dict[str, Any]
    seed: int
    dtype: str
    backend: str

    def write(self, path: Path) -> None:
        content = {**vars(self), "recipe": self.recipe.name}
        write_atomically(path, _json(content))

    def build(self) -> Experiment:
        manual_seed(self.seed)
        return self.recipe.experiment(self.settings, self.seed)


def train(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    scale: str | None = None,
    seed: int = 0,
    dtype: str = "float32",
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Run:
    """Train a recipe on the backend in force and leave a run folder.

    scale: "full", "small" or "quick"; by default full where its data are in the data folder, else small.
    out: the folder; by default runs/NAME, or with the first free number behind it. One that holds anything is refused,
    unless overwrite says that an earlier run in it goes. All settings are checked and the data are read before the folder
    is touched. Raises ConfigError, DataError.
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
    with _dtype(dtype):
        experiment = config.build()
        folder = _folder(out, name, overwrite, config)
        with _locked(folder) as lock:
            try:
                return _finish(folder, config, experiment, progress, start)
            except BaseException:
                if not _begun(folder):
                    lock.free()  # Windows removes no file that is open
                    _clear(folder, recipe)
                raise


def resume(folder: str | Path, *, own_backend: bool = True, progress: bool = True) -> Run:
    """Go on with a run that was stopped or killed, from its last checkpoint; a finished one is only measured again.

    It ends bit for bit as if it had never been stopped, on the run's own backend (own_backend; else the one in force) and
    with as many threads; a warning says where they differ. A run that another process is training is refused.
    Raises CheckpointError, ConfigError, BackendUnavailable.
    """
    start = time.perf_counter()
    folder = Path(folder)
    config = read_config(folder)
    with _locked(folder), _backend(config.backend) if own_backend else nullcontext(), _dtype(config.dtype):
        return _finish(folder, config, config.build(), progress, start)


def evaluate(folder: str | Path) -> Run:
    """Measure a run's models again, on its own test data. Raises CheckpointError, ConfigError."""
    with restored(folder) as (config, experiment):
        return Run(Path(folder), config.recipe, config.recipe.scales[config.scale], experiment.measure())


@contextmanager
def restored(folder: str | Path) -> Iterator[tuple[Config, Experiment]]:
    """A run's experiment with its trained models, its dtype being the default in the block.

    Raises CheckpointError if a training of the run has not begun, ConfigError.
    """
    folder = Path(folder)
    config = read_config(folder)
    with _dtype(config.dtype):
        experiment = config.build()
        for stage in experiment.stages():
            if not _load(folder / stage.name / "last.safetensors", stage.trainer):
                raise CheckpointError(f"{folder}: the run is not finished; go on with it: dlengine train --resume {folder}")
        yield config, experiment


def first_values(
    name: str, settings: Mapping[str, Any] | None = None, *, scale: str = "quick", steps: int = 20, seed: int = 0,
    dtype: str = "float64",
) -> list[dict[str, float]]:  # fmt: skip
    """What the first steps of a recipe's training report, loss and all, on the backend in force; nothing is written.

    Each entry has the means over the epoch so far. Two backends must agree in them: see tests/test_recipes.py.
    """
    recipe = find(name)
    recorder = _Recorder(steps)
    with _dtype(dtype):
        experiment = Config(recipe, scale, recipe.configure(settings or {}, scale), seed, dtype, "").build()
        for stage in experiment.stages():
            stage.trainer.add_callbacks(recorder)
            stage.trainer.fit(stage.train, stage.epochs)
            if len(recorder.values) == steps:
                break
    return recorder.values


class _Recorder(Callback):
    """Keeps what the first steps report, then stops."""

    def __init__(self, steps: int) -> None:
        self.steps, self.values = steps, list[dict[str, float]]()

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        self.values.append(values)
        trainer.stop = trainer.stop or len(self.values) == self.steps


def _finish(folder: Path, config: Config, experiment: Experiment, progress: bool, start: float) -> Run:
    """Train to the end, measure, and write what a finished run holds."""
    histories, checked, fitting = dict[str, Any](), dict[str, str](), 0.0
    try:
        for stage in experiment.stages():
            begun = time.perf_counter()
            histories[stage.name] = _train_stage(folder / stage.name, stage, progress)
            checked[stage.name] = "test set" if stage.validate is getattr(experiment, "test", None) else "validation"
            fitting += time.perf_counter() - begun
        results = experiment.measure()
    except KeyboardInterrupt:
        if not _begun(folder):
            raise
        raise KeyboardInterrupt(f"interrupted; dlengine train --resume {folder} goes on") from None
    scale = config.recipe.scales[config.scale]
    missing = [f.name for f in scale.figures if f.name not in results]
    if missing:
        raise ConfigError(f"{config.recipe.name}: its results lack {', '.join(missing)}; they have {', '.join(results)}")
    for name, history in histories.items():
        if len(history) > 1 or not name:  # of several trainings those with a single point have no curve
            path = folder / (f"curves-{name}.png" if name else "curves.png")
            plot_curves(path, history, name or config.recipe.name, checked[name])
    experiment.draw(folder)
    # A resumed run counts the epochs before it was stopped too.
    spent = sum(row["seconds"] for history in histories.values() for row in history)
    results = {**results, "seconds": round(time.perf_counter() - start - fitting + spent, 2)}
    write_atomically(folder / "results.json", _json(results))
    return Run(folder, config.recipe, scale, results)


def _begun(folder: Path) -> bool:
    """Whether a run has anything to go on from, or to look at."""
    return any(path.exists() for file in STAGE_FILES for path in (folder / file, *folder.glob(f"*/{file}")))


def _locked(folder: Path) -> FileLock:
    """Keep others from training in a run folder, until the end of this process at the latest. Raises ConfigError."""
    lock = FileLock(folder / "config.json")
    if not lock.held:
        raise ConfigError(f"{folder}: another process is training this run; wait for its end, or take another folder")
    return lock


def _train_stage(folder: Path, stage: Stage, progress: bool) -> list[dict[str, float]]:
    folder.mkdir(exist_ok=True)
    for file in STAGE_FILES:
        remove_leftovers(folder / file)
    # A run that was killed before its first checkpoint begins again. The best is written first, so it may be there alone.
    if not _load(folder / "last.safetensors", stage.trainer):
        _load(folder / "best.safetensors", stage.trainer)
    if progress:
        stage.trainer.add_callbacks(Progress(title=stage.name))
    stage.trainer.add_callbacks(CSVLog(folder / "log.csv"), Checkpoint(folder, monitor=stage.monitor, seconds=CHECKPOINT_SECONDS))
    return stage.trainer.fit(stage.train, stage.epochs, stage.validate)


def _load(checkpoint: Path, trainer: Trainer) -> bool:
    """Put a trainer where its checkpoint left it; False if there is none. Raises CheckpointError naming the file."""
    if not checkpoint.exists():
        return False
    state = load(checkpoint)
    try:
        trainer.load_state_dict(state)
    except CheckpointError as error:
        raise CheckpointError(f"{checkpoint}: {error}") from None
    return True


def read_config(folder: Path) -> Config:
    """A run's checked config.json. Raises CheckpointError, ConfigError."""
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder}: not a run folder (no config.json)")
    with reading(path, CheckpointError, "train anew, or put the run's own file there", also=(ConfigError,)):
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


def _folder(out: str | Path | None, name: str, overwrite: bool, config: Config) -> Path:
    """Make the run folder with its config.json, so be sure that it can be written. Raises ConfigError."""
    folder = _free(name) if out is None else Path(out)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not overwrite:
                raise ConfigError(f"{folder}: the run folder is not empty; choose another, or overwrite it with --overwrite")
            if (folder / "config.json").is_file():
                _locked(folder).free()
            config.write(folder / NEW_CONFIG)  # before anything is lost, be sure that there is room
            _clear(folder, config.recipe)
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


def _clear(folder: Path, recipe: Recipe) -> None:
    """Take away a run: the files that the recipe leaves, and each folder in which nothing else is."""
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
