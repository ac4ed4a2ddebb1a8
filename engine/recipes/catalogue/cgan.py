"""A conditional GAN: the label says which digit is generated."""

from __future__ import annotations

from typing import ClassVar

from ..parts.adversarial_digits import BALANCED, QUICK, AdversarialDigits, adversarial_recipe
from ..recipe import Figure


class ConditionalGAN(AdversarialDigits):
    """A GAN that is told which digit to make: both players get the label y as a row of zeros with a one.

        D maximises  E log D(x|y) + E log(1 - D(G(z|y)|y))        G maximises  E log D(G(z|y)|y)

    D sees real digits with their labels, so a good image of the wrong digit is not real to it, and G learns to obey. The
    figure as_asked is the part of made images that a classifier, trained first, takes for the digit asked for.

    Source: Mirza and Osindero 2014, "Conditional generative adversarial nets".
    """

    conditional: ClassVar[bool] = True


RECIPE = adversarial_recipe(
    "cgan",
    "adversarial nets that make the digit asked for",
    ConditionalGAN,
    (*BALANCED, Figure("as_asked", at_least=0.9, percent=True)),
    (*QUICK, Figure("as_asked", at_least=0.6, percent=True)),
    full={"blur": 0.2, "epochs": 16},
)
