"""Codes of images from pairs, with the contrastive loss."""

from __future__ import annotations

from ... import nn
from ..parts.pair_learning import Siamese, pair_recipe

RECIPE = pair_recipe(
    "siamese", "codes from pairs of images, by the contrastive loss", Siamese, nn.ContrastiveLoss
)
