"""A generative adversarial network on digits."""

from __future__ import annotations

from ..parts.adversarial_digits import AdversarialDigits, adversarial_recipe


class PlainGAN(AdversarialDigits):
    """Two players: the generator G makes images of noise, the discriminator D says how likely an image is real.

        D maximises  E log D(x) + E log(1 - D(G(z)))        G maximises  E log D(G(z))

    When what G makes cannot be told from real images, D can only answer 1/2. So the figures: what D says of real and of
    made images, mean over the last epoch, is near 1/2, and G makes all ten digits (a generator that makes only some has
    collapsed), as counted by a classifier that was trained first and is at least 90 % sure. Or D would win: it is taught to
    say 0.9, not 1, of real images (one-sided label smoothing), forgets a part of what it sees (dropout), sees it through
    noise, and learns more slowly.

    Source: Goodfellow et al. 2014, "Generative adversarial nets"; Salimans et al. 2016 for the smoothing,
    Arjovsky and Bottou 2017 for the noise.
    """


RECIPE = adversarial_recipe("gan", "adversarial nets: a generator of digits against a discriminator", PlainGAN)
