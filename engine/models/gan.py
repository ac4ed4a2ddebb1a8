"""Generators and discriminators of adversarial networks, with linear layers or convolutions, with or without a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from ..generator import Generator
from ..ops.gather import one_hot
from ..ops.joining import concat
from ..ops.random import randn
from ..ops.reduce import sum

if TYPE_CHECKING:
    from .._tensor import Tensor


class GAN(nn.Module):
    """Generative adversarial network: a generator and a discriminator, which are trained against each other.

    Called with a number N of images, it generates them: ``model(N, condition, generator)`` has shape (N,C,S,S).

    Parameters
    ----------
    generator : Module
        Makes images of noise (N,Z), and of a condition.
    discriminator : Module
        Scores images, positive for real ones.
    noise : int
        Z, the length of the noise.

    References
    ----------
    Goodfellow et al., 2014, arXiv:1406.2661.

    Examples
    --------
    >>> model = dl.models.GAN(dl.models.DenseGenerator(4, 8, 16), dl.models.DenseDiscriminator(8, 16), noise=4)
    >>> images = model(3)
    >>> images.shape, model.discriminator(images).shape
    ((3, 1, 8, 8), (3,))
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, noise: int) -> None:
        self.generator, self.discriminator, self.noise = generator, discriminator, noise

    def forward(self, count: int, condition: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Generate images (N,C,S,S) from random noise, under a condition if there is one."""
        dtype = next(iter(self.parameters())).dtype
        images: Tensor = self.generator(randn(count, self.noise, dtype=dtype, generator=generator), condition)
        return images


class DenseGenerator(nn.Module):
    """Generator of linear layers.

    Shape: noise (N,Z), and labels (N,) if there are classes -> images (N,1,size,size), from 0 to 1.

    Parameters
    ----------
    noise : int
        Z, the length of the noise.
    size : int
        The height and width of the images.
    hidden : int
        The number of units of the first hidden layer; the second has twice as many.
    classes : int
        The number of classes; 0 makes a generator without labels.

    References
    ----------
    Goodfellow et al., 2014, arXiv:1406.2661. Labels: Mirza and Osindero, 2014, arXiv:1411.1784.

    Examples
    --------
    >>> model = dl.models.DenseGenerator(noise=4, size=8, hidden=16, classes=10)
    >>> model(dl.randn(3, 4), dl.asarray([1, 2, 3])).shape
    (3, 1, 8, 8)
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

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            noise = concat([noise, one_hot(labels, self.classes, dtype=noise.dtype)], axis=1)
        images: Tensor = self.layers(noise)
        return images


class Discriminator(nn.Module):
    """Base class of discriminators: images (N,C,S,S) -> scores (N,), positive for real images.

    A subclass makes ``features``, ``head`` and ``match``. A condition c, labels (N,) or vectors (N,D), adds
    ``match(c) . f / sqrt(F)`` to the score ``w . f`` of the F features f (Miyato and Koyama, 2018, arXiv:1802.05637).
    """

    features: nn.Module
    head: nn.Linear
    match: nn.Module | None

    def forward(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        features: Tensor = self.features(images)
        score: Tensor = self.head(features)[:, 0]
        if self.match is None or condition is None:
            return score
        matching: Tensor = sum(self.match(condition) * features, axis=1) / features.shape[1] ** 0.5
        return score + matching


class DenseDiscriminator(Discriminator):
    """Discriminator of linear layers.

    Shape: images (N,1,size,size), and labels (N,) if there are classes -> scores (N,), positive for real images.

    Parameters
    ----------
    size : int
        The height and width of the images.
    hidden : int
        The number of units of the second hidden layer; the first has twice as many.
    classes : int
        The number of classes; 0 makes a discriminator without labels.
    dropout : float
        The probability with which a hidden unit is dropped in training.
    blur : float
        The standard deviation of noise that is added to the images in training, so that invisible differences between real and
        generated pixels do not decide.

    References
    ----------
    Goodfellow et al., 2014, arXiv:1406.2661. Labels: Miyato and Koyama, 2018, arXiv:1802.05637.

    Examples
    --------
    >>> model = dl.models.DenseDiscriminator(size=8, hidden=16, classes=10)
    >>> model(dl.zeros((3, 1, 8, 8)), dl.asarray([1, 2, 3])).shape
    (3,)
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
    """Generator of transposed convolutions.

    Shape: noise (N,Z), and a condition (N,D) if there is one -> images (N,channels,size,size), from 0 to 1.

    Parameters
    ----------
    noise : int
        Z, the length of the noise.
    size : int
        The height and width of the images, a multiple of 4.
    channels : int
        The number of channels of the images.
    width : int
        The number of filters of the last hidden layer; the first has twice as many.
    condition : int
        D, the length of the condition; 0 makes a generator without one.

    References
    ----------
    Radford, Metz and Chintala, 2015, arXiv:1511.06434.

    Examples
    --------
    >>> model = dl.models.ConvGenerator(noise=4, size=8, width=4)
    >>> model(dl.randn(3, 4)).shape
    (3, 1, 8, 8)
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

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        images: Tensor = self.layers(noise if condition is None else concat([noise, condition], axis=1))
        return images


class ConvDiscriminator(Discriminator):
    """Discriminator of convolutions of stride 2.

    Shape: images (N,channels,size,size), and a condition (N,D) if there is one -> scores (N,), positive for real images.

    Parameters
    ----------
    size : int
        The height and width of the images, a multiple of 4.
    channels : int
        The number of channels of the images.
    width : int
        The number of filters of the first convolution; the second has twice as many.
    condition : int
        D, the length of the condition; 0 makes a discriminator without one.
    dropout : float
        The probability with which a feature map is dropped in training.
    blur : float
        The standard deviation of noise that is added to the images in training.

    References
    ----------
    Radford, Metz and Chintala, 2015, arXiv:1511.06434. Condition: Miyato and Koyama, 2018, arXiv:1802.05637.

    Examples
    --------
    >>> model = dl.models.ConvDiscriminator(size=8, width=4, condition=5)
    >>> model(dl.zeros((3, 1, 8, 8)), dl.zeros((3, 5))).shape
    (3,)
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
    """Draw the weight of a convolution or linear layer from N(0, 0.02^2), as DCGAN does: ``model.apply(small_normal)``."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)


class CaptionEncoder(nn.Module):
    """Encode captions as vectors, with a GRU.

    Shape: words (N,T), integers, 0 for blanks before the first word -> (N,H).

    Parameters
    ----------
    words : int
        The number of different words, with the blank.
    embedding : int
        D, the length of the word vectors.
    units : int
        H, the number of hidden units.

    Examples
    --------
    >>> model = dl.models.CaptionEncoder(words=6, embedding=3, units=4)
    >>> model(dl.asarray([[0, 1, 2], [3, 4, 5]])).shape
    (2, 4)
    """

    def __init__(self, words: int, embedding: int = 16, units: int = 32) -> None:
        self.table = nn.Embedding(words, embedding, padding_idx=0)
        self.reader = nn.GRU(embedding, units, batch_first=True)

    def forward(self, words: Tensor) -> Tensor:
        states: Tensor = self.reader(self.table(words))[0]
        return states[:, -1]


class CaptionedGenerator(nn.Module):
    """Generate images from captions: a ``CaptionEncoder`` and a ``ConvGenerator``.

    Shape: noise (N,Z), captions (N,T), integers -> images (N,3,size,size), from 0 to 1.

    Parameters
    ----------
    words : int
        The number of different words.
    noise : int
        Z, the length of the noise.
    size : int
        The height and width of the images, a multiple of 4.
    width : int
        The number of filters of the last hidden layer of the generator.
    units : int
        The number of hidden units of the encoder.

    References
    ----------
    Reed et al., 2016, arXiv:1605.05396.

    Examples
    --------
    >>> model = dl.models.CaptionedGenerator(words=6, noise=4, size=8, width=4, units=4)
    >>> model(dl.randn(2, 4), dl.asarray([[0, 1, 2], [3, 4, 5]])).shape
    (2, 3, 8, 8)
    """

    def __init__(self, words: int, noise: int = 32, size: int = 32, width: int = 32, units: int = 32) -> None:
        self.encoder = CaptionEncoder(words, units=units)
        self.painter = ConvGenerator(noise, size, 3, width, units)

    def forward(self, noise: Tensor, captions: Tensor) -> Tensor:
        images: Tensor = self.painter(noise, self.encoder(captions))
        return images


class CaptionedDiscriminator(nn.Module):
    """Score images and captions: positive if the image is real and the caption describes it.

    Shape: images (N,3,size,size), captions (N,T), integers -> scores (N,).

    Parameters
    ----------
    words : int
        The number of different words.
    size : int
        The height and width of the images, a multiple of 4.
    width : int
        The number of filters of the first convolution.
    units : int
        The number of hidden units of the encoder.

    References
    ----------
    Reed et al., 2016, arXiv:1605.05396.

    Examples
    --------
    >>> model = dl.models.CaptionedDiscriminator(words=6, size=8, width=4, units=4)
    >>> model(dl.zeros((2, 3, 8, 8)), dl.asarray([[0, 1, 2], [3, 4, 5]])).shape
    (2,)
    """

    def __init__(self, words: int, size: int = 32, width: int = 32, units: int = 32) -> None:
        self.encoder = CaptionEncoder(words, units=units)
        self.critic = ConvDiscriminator(size, 3, width, units)

    def forward(self, images: Tensor, captions: Tensor) -> Tensor:
        scores: Tensor = self.critic(images, self.encoder(captions))
        return scores
