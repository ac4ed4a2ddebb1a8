"""A convolutional network on pictures of clothes."""

from __future__ import annotations

from ..parts.image_classifier import image_recipe

RECIPE = image_recipe("fashion-cnn", "the same on pictures of clothes", "fashion", "fashion-mnist", epochs=8, accuracy=0.90)
