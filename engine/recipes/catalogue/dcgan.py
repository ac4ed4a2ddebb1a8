"""A GAN of convolutions (DCGAN)."""

from __future__ import annotations

from ... import models
from ...models.gan import small_normal
from ..parts.adversarial_digits import AdversarialDigits, adversarial_recipe


class ConvolutionalGAN(AdversarialDigits):
    """A GAN of convolutions: D halves the image by convolutions of stride 2, G doubles it by transposed ones.

    No pooling, batch normalisation in both, ReLU in G and leaky ReLU in D, weights from N(0, 0.02^2), Adam with momentum
    0.5: with these rules convolutional nets play the game of the recipe gan without one player running away. Figures and
    judge are those of gan.

    Source: Radford, Metz, Chintala 2015, "Unsupervised representation learning with deep convolutional generative
    adversarial networks".
    """

    def build(self) -> models.GAN:
        maker = models.ConvGenerator(self.s.noise, self.size, 1, self.s.width)
        critic = models.ConvDiscriminator(self.size, 1, self.s.width, dropout=0.25, blur=self.s.blur)
        return models.GAN(maker, critic, self.s.noise).apply(small_normal)


RECIPE = adversarial_recipe(
    "dcgan",
    "adversarial nets of convolutions",
    ConvolutionalGAN,
    full={"epochs": 4, "width": 24, "batch_size": 64},
    width=(32, 16),
    quick_epochs=22,
)
