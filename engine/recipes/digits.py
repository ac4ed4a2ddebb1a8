"""Handwritten digits: a small convolutional network on the bundled images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import data, nn, optim
from .recipe import Experiment, Recipe, Setting, add


def digits_cnn(settings: Mapping[str, Any], seed: int) -> Experiment:
    """Two blocks of convolution, ReLU and pooling, then dropout and a linear layer (LeCun et al. 1998, with ReLU and Adam)."""
    samples = data.digits()
    train, test = samples.split(1.0 - settings["holdout"], seed=seed, stratified=True)
    width = settings["width"]
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(settings["dropout"]),
        nn.Linear(2 * width * 2 * 2, 10),
    )
    optimizer = optim.Adam(model.parameters(), lr=settings["lr"])
    return Experiment(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        train,
        test,
        classes=samples.classes or (),
        image_size=(8, 8),
        scheduler=optim.CosineAnnealingLR(optimizer, settings["epochs"], eta_min=0.01 * settings["lr"]),
    )


add(
    Recipe(
        "digits-cnn",
        "a convolutional network on 1,797 handwritten digits",
        digits_cnn,
        {
            "epochs": Setting(20, "passes over the training set", low=1),
            "batch_size": Setting(32, "samples in a step", low=1),
            "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
            "width": Setting(32, "filters of the first convolution; the second has twice as many", low=1, high=1024),
            "dropout": Setting(0.3, "part of the features dropped before the last layer", low=0, high=0.95),
            "holdout": Setting(0.2, "part of the images kept for the test", low=0.01, high=0.9),
        },
        figure=("accuracy", 0.98),
    )
)
