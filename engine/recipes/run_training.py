"""What a run of a recipe does after its checks: build the experiment, train its stages, measure, write the results."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, ConfigError
from ..io import load, remove_leftovers, write_atomically
from ..training import Checkpoint, CSVLog, Progress, Trainer, plot_curves
from .experiment import Experiment, Stage
from .run_folder import STAGE_FILES, Config, as_json, has_begun

if TYPE_CHECKING:
    from ..distributed import Communicator

CHECKPOINT_SECONDS = 60.0
"""The time between two checkpoints within an epoch, and so the most that is lost when the process is killed."""


def joined_ranks() -> Communicator | None:
    """All ranks, if this program has joined several."""
    distributed = sys.modules.get("dlengine.distributed.world")  # not imported by programs without ranks
    return None if distributed is None else distributed.joined()


def build(config: Config, world: Communicator | None) -> Experiment:
    """Build the experiment: rank 0 before the others, which then find the data that it may have to download."""
    if world is None:
        return config.build()
    if world.rank:
        world.barrier()
    experiment = config.build()
    if not world.rank:
        world.barrier()
    return experiment


def finish(
    folder: Path, config: Config, experiment: Experiment, progress: bool, start: float, world: Communicator | None = None
) -> dict[str, float]:
    """Train the stages that are not finished, measure, and write the results and the pictures."""
    histories, checked, fitting = dict[str, Any](), dict[str, str](), 0.0
    try:
        for stage in experiment.stages():
            begun = time.perf_counter()
            histories[stage.name] = _train_stage(folder / stage.name, stage, progress, experiment.seed, world)
            checked[stage.name] = "test set" if stage.validate is getattr(experiment, "test", None) else "validation"
            fitting += time.perf_counter() - begun
        results = experiment.measure()
    except KeyboardInterrupt as error:
        if not has_begun(folder):
            raise
        raise KeyboardInterrupt(f"{str(error) or 'interrupted'}; dlengine train --resume {folder} goes on") from None
    scale = config.recipe.scales[config.scale]
    missing = [f.name for f in scale.figures if f.name not in results]
    if missing:
        raise ConfigError(f"{config.recipe.name}: its results lack {', '.join(missing)}; they have {', '.join(results)}")
    # A resumed run counts the epochs before it was stopped too.
    spent = sum(row["seconds"] for history in histories.values() for row in history)
    if world is None or not world.rank:
        for name, history in histories.items():
            if len(history) > 1 or not name:  # of several trainings those with a single point have no curve
                path = folder / (f"curves-{name}.png" if name else "curves.png")
                plot_curves(path, history, name or config.recipe.name, checked[name])
        experiment.draw(folder)
    results = {**results, "seconds": round(time.perf_counter() - start - fitting + spent, 2)}
    if world is None or not world.rank:
        write_atomically(folder / "results.json", as_json(results))
    return results


def _train_stage(folder: Path, stage: Stage, progress: bool, seed: int, world: Communicator | None) -> list[dict[str, float]]:
    if world is not None:
        stage.trainer.distribute(world)
    if not stage.trainer.rank:
        folder.mkdir(exist_ok=True)
        for file in STAGE_FILES:
            remove_leftovers(folder / file)
    if world is not None:
        world.barrier()
    # A run that was killed before its first checkpoint begins again. The best is written first, so it may be there alone.
    if not load_into(folder / "last.safetensors", stage.trainer):
        load_into(folder / "best.safetensors", stage.trainer)
    if progress:
        stage.trainer.add_callbacks(Progress(title=stage.name))
    stage.trainer.add_callbacks(CSVLog(folder / "log.csv"), Checkpoint(folder, monitor=stage.monitor, seconds=CHECKPOINT_SECONDS))
    train, validation = stage.parts(seed)
    return stage.trainer.fit(train, epochs=stage.epochs, validate=validation)


def load_into(checkpoint: Path, trainer: Trainer) -> bool:
    """Load a checkpoint into a trainer; False if there is none. Raises CheckpointError that names the file."""
    if not checkpoint.exists():
        return False
    state = load(checkpoint)
    try:
        trainer.load_state_dict(state)
    except CheckpointError as error:
        raise CheckpointError(f"{checkpoint}: {error}") from None
    return True
