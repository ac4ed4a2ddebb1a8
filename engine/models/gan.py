"""Generators and discriminators of adversarial nets: of linear layers, and of convolutions; both may get a condition."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..ops.index import one_hot
from ..ops.random import randn
from ..ops.reduce import sum
from ..ops.shape import concat


class GAN(nn.Module):
    """A generator and a discriminator, trained against each other. noise: how many numbers the generator starts from."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, noise: int) -> None:
        self.generator, self.discriminator, self.noise = generator, discriminator, noise

    def forward(self, count: int, condition: Any = None, generator: Any = None) -> Any:
        """So many new images (N,C,S,S) from random noise, under a condition if there is one."""
        dtype = next(iter(self.parameters())).dtype
        return self.generator(randn(count, self.noise, dtype=dtype, generator=generator), condition)


class DenseGenerator(nn.Module):
    """Noise (N,Z), and labels (N,) if classes are given, -> images (N,1,size,size) from 0 to 1, by linear layers.

    Source: Goodfellow et al. 2014; Mirza and Osindero 2014 for the labels.
    """

    def __init__(self, noise: int = 64, size: int = 28, hidden: int = 256, classes: int = 0) -> None:
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Linear(noise + classes, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * hidden),
            nn.BatchNorm1d(2 * hidden),
            nn.ReLU(),
            nn.Linear(2 * hidden, size * size),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, size, size)),
        )

    def forward(self, noise: Any, labels: Any = None) -> Any:
        return self.layers(noise if labels is None else concat([noise, one_hot(labels, self.classes, dtype=noise.dtype)], axis=1))


class Discriminator(nn.Module):
    """Base: images (N,C,S,S) -> scores (N,), positive says that they are real. A subclass makes features, head and match.

    A condition c, labels (N,) or vectors (N,D), adds match(c) . f / sqrt(F) to the score w . f of the F features f.
    Source: Miyato and Koyama 2018, arXiv:1802.05637.
    """

    features: nn.Module
    head: nn.Linear
    match: nn.Module | None

    def forward(self, images: Any, condition: Any = None) -> Any:
        features = self.features(images)
        score = self.head(features)[:, 0]
        if self.match is None or condition is None:
            return score
        return score + sum(self.match(condition) * features, axis=1) / features.shape[1] ** 0.5


class DenseDiscriminator(Discriminator):
    """Images (N,1,size,size), and labels (N,) if classes are given, -> scores (N,), by linear layers.

    blur: noise that is put on what it sees while training, so that it does not win by pixels that no one sees.
    """

    def __init__(self, size: int = 28, hidden: int = 256, classes: int = 0, dropout: float = 0.3, blur: float = 0.0) -> None:
        self.features = nn.Sequential(
            nn.GaussianNoise(blur),
            nn.Flatten(),
            nn.Linear(size * size, 2 * hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(2 * hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(hidden, 1)
        self.match = nn.Embedding(classes, hidden) if classes else None


class ConvGenerator(nn.Module):
    """Noise (N,Z), and a condition (N,D) if there is one, -> images (N,channels,size,size), by transposed convolutions.

    Source: Radford, Metz, Chintala 2015, arXiv:1511.06434.
    """

    def __init__(self, noise: int = 64, size: int = 28, channels: int = 1, width: int = 32, condition: int = 0) -> None:
        small = size // 4
        self.layers = nn.Sequential(
            nn.Linear(noise + condition, 2 * width * small * small, bias=False),
            nn.Unflatten(1, (2 * width, small, small)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, noise: Any, condition: Any = None) -> Any:
        return self.layers(noise if condition is None else concat([noise, condition], axis=1))


class ConvDiscriminator(Discriminator):
    """Images (N,channels,size,size), and a condition (N,D) if there is one, -> scores (N,), by convolutions of stride 2.

    Source: Radford, Metz, Chintala 2015, arXiv:1511.06434.
    """

    def __init__(
        self, size: int = 28, channels: int = 1, width: int = 32, condition: int = 0, dropout: float = 0.0, blur: float = 0.0
    ) -> None:
        self.features = nn.Sequential(
            nn.GaussianNoise(blur),
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Dropout2d(dropout),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Dropout2d(dropout),
            nn.Flatten(),
        )
        flat = 2 * width * (size // 4) ** 2
        self.head = nn.Linear(flat, 1)
        self.match = nn.Linear(condition, flat, bias=False) if condition else None


def small_normal(module: nn.Module) -> None:
    """Weights of convolutions and linear layers from N(0, 0.02^2), as DCGAN begins: module.apply(small_normal)."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)


class CaptionEncoder(nn.Module):
    """Captions as word numbers (N,T), 0 for blanks before the first word, -> (N,D), by a GRU that reads them."""

    def __init__(self, words: int, embedding: int = 16, units: int = 32) -> None:
        self.table = nn.Embedding(words, embedding, padding_idx=0)
        self.reader = nn.GRU(embedding, units, batch_first=True)

    def forward(self, words: Any) -> Any:
        return self.reader(self.table(words))[0][:, -1]


class CaptionedGenerator(nn.Module):
    """Noise (N,Z) and captions (N,T) -> images (N,3,size,size) from 0 to 1. Source: Reed et al. 2016, arXiv:1605.05396."""

    def __init__(self, words: int, noise: int = 32, size: int = 32, width: int = 32, units: int = 32) -> None:
        self.encoder = CaptionEncoder(words, units=units)
        self.painter = ConvGenerator(noise, size, 3, width, units)

    def forward(self, noise: Any, captions: Any) -> Any:
        return self.painter(noise, self.encoder(captions))


class CaptionedDiscriminator(nn.Module):
    """Images (N,3,size,size) and captions (N,T) -> scores (N,): positive says that the image is real and is what is said."""

    def __init__(self, words: int, size: int = 32, width: int = 32, units: int = 32) -> None:
        self.encoder = CaptionEncoder(words, units=units)
        self.critic = ConvDiscriminator(size, 3, width, units)

    def forward(self, images: Any, captions: Any) -> Any:
        return self.critic(images, self.encoder(captions))
