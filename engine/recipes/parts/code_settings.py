"""Settings of recipes that learn codes of images."""

from __future__ import annotations

from ..recipe import Setting

DATA: dict[str, Setting] = {
    "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
    "limit": Setting(0, "training images used, 0 for all", low=0),
    "epochs": Setting(8, "passes over the images", low=1),
    "batch_size": Setting(128, "samples in a step", low=1),
    "lr": Setting(1e-3, "learning rate of Adam at the start", low=0),
}
