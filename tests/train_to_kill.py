"""A small training with everything that has a state, which checkpoints every few batches: FOLDER EPOCHS.

Continues from FOLDER/last.safetensors if that is there; at the end writes FOLDER/done.safetensors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import dlengine as dl
from dlengine import data, io, nn, optim, training


def main(folder: Path, epochs: int) -> None:
    """Train to the end."""
    dl.set_backend("numpy")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((90, 6)).astype("f4")
    y = (x[:, 0] * x[:, 1] > 0).astype("i8")
    dl.manual_seed(7)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    optimizer = optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
    noise = data.DataLoader(
        data.ArrayDataset(x, y), 8, shuffle=True, transform=lambda x, g: x + 0.01 * dl.randn(*x.shape, generator=g).numpy()
    )
    trainer = training.Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        metrics=[training.Accuracy(), training.F1(2)],
        scheduler=optim.ReduceLROnPlateau(optimizer, patience=0),
        callbacks=[
            training.Checkpoint(folder, "val_loss", batches=2),
            training.CSVLog(folder / "log.csv"),
            training.WeightAverage(optim.EMA(model.parameters(), 0.9)),
            training.ClipGradients(1.0),
            training.Schedule(optim.LinearLR(optimizer, 0.1, total_iters=9)),
        ],
        accumulate=2,
        progress=False,
    )
    last = folder / "last.safetensors"
    if last.exists():
        trainer.load_state_dict(io.load(last))
    trainer.fit(noise, epochs, validate=data.ArrayDataset(x, y))
    for row in trainer.history:
        row["seconds"] = 0.0
    io.save(folder / "done.safetensors", trainer.state_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
