"""A training on several ranks with checkpoints, which goes on from the last one: FOLDER EPOCHS [SECONDS per step].

At the end rank 0 writes FOLDER/done.safetensors.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import networks

import dlengine as dl
from dlengine import data, io, training


class Slowly(training.Callback):
    """Waits after every step, and says on which one it is."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_batch_end(self, trainer: Any, batch: int, values: dict[str, float]) -> None:
        if trainer.rank == 0:
            print(f"epoch {trainer.epoch} batch {trainer.batch}", flush=True)
        time.sleep(self.seconds)


def main(folder: Path, epochs: int, seconds: float) -> None:
    dl.set_backend("numpy")
    dl.set_default_dtype("float64")
    world = dl.distributed.init(timeout=60)
    checkpoint = training.Checkpoint(folder, "val_loss", batches=2)
    callbacks = [checkpoint, Slowly(seconds), training.CSVLog(folder / "log.csv")]
    trainer, loader = networks.trainer_of("cnn", distributed=world, sharded=True, callbacks=callbacks, accumulate=1)
    last = folder / "last.safetensors"
    if last.exists():
        trainer.load_state_dict(io.load(last))
    trainer.fit(loader, epochs, validate=data.ArrayDataset(*networks.arrays("cnn")))
    for row in trainer.history:
        row["seconds"] = 0.0
    state = trainer.state_dict()
    if world.rank == 0:
        io.save(folder / "done.safetensors", state)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
