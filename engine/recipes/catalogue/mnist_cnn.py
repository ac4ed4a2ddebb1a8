"""A convolutional network on MNIST."""

from __future__ import annotations

from ..parts.image_classifier import image_recipe

RECIPE = image_recipe(
    "mnist-cnn", "a convolutional network on MNIST, and what its filters see", "mnist", "mnist", epochs=4, accuracy=0.99
)
