"""Codes of images from triplets, with the triplet loss."""

from __future__ import annotations

from typing import ClassVar

from ... import nn
from ...training import Trainer
from ..parts.pair_learning import PairSet, Siamese, TripletSet, TripletTrainer, pair_recipe


class Triplet(Siamese):
    """One network reads three images: an anchor a, a positive p of its class, and a negative n of another.

    The triplet loss L = max(0, |f(a) - f(p)| - |f(a) - f(n)| + m) asks only for an order: the one of the same class nearer
    than the other by a margin m. Classes need not shrink to points, as the contrastive loss has it. Of the two distances
    from the negative, to the anchor and to the positive, the smaller counts (swap), since easy triplets teach nothing.

    Verification, retrieval and pictures are those of the recipe siamese.

    Source: Schroff, Kalenichenko, Philbin 2015, "FaceNet", arXiv:1503.03832; Balntas et al. 2016 for the swap.
    """

    samples: ClassVar[type[PairSet]] = TripletSet
    kind: ClassVar[type[Trainer]] = TripletTrainer

    def loss(self) -> nn.Module:
        """The loss of the codes."""
        return nn.TripletMarginLoss(self.s.margin, swap=True)


RECIPE = pair_recipe(
    "triplet",
    "codes from an image, one of its class and another, by the triplet loss",
    Triplet,
    nn.TripletMarginLoss,
)
