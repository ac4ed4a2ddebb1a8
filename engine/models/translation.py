"""Networks that translate images to images, and a discriminator of patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from ..ops.joining import concat

if TYPE_CHECKING:
    from .._tensor import Tensor


def _block(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    """Convolution, instance normalization and ReLU; with stride 2 it halves the image."""
    kernel = 4 if stride == 2 else 3
    conv = nn.Conv2d(before, after, kernel, stride=stride, padding=1, bias=False)
    return [conv, nn.InstanceNorm2d(after, affine=True), nn.ReLU()]


def _up(before: int, after: int) -> list[nn.Module]:
    """Transposed convolution that doubles the image, instance normalization and ReLU."""
    conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    return [conv, nn.InstanceNorm2d(after, affine=True), nn.ReLU()]


class ResidualTranslator(nn.Module):
    """Translate images: halve the size, some residual blocks, and double the size.

    Shape: x (N,channels,S,S), S even -> images (N,channels,S,S), from 0 to 1.

    Parameters
    ----------
    channels : int
        The number of channels of the images.
    width : int
        The number of filters of the first convolution; the residual blocks have twice as many.
    blocks : int
        The number of residual blocks.

    References
    ----------
    Johnson, Alahi and Fei-Fei, 2016, arXiv:1603.08155; Zhu et al., 2017, arXiv:1703.10593.

    Examples
    --------
    >>> model = dl.models.ResidualTranslator(width=4, blocks=1)
    >>> model(dl.rand(2, 3, 8, 8)).shape
    (2, 3, 8, 8)
    """

    def __init__(self, channels: int = 3, width: int = 16, blocks: int = 3) -> None:
        wide = 2 * width
        body = [nn.Residual(nn.Sequential(*_block(wide, wide), *_block(wide, wide)[:2])) for _ in range(blocks)]
        self.layers = nn.Sequential(
            *_block(channels, width),
            *_block(width, wide, stride=2),
            *body,
            *_up(wide, width),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class SkipTranslator(nn.Module):
    """Translate images: halve the size twice and double it twice, with skip connections (U-Net).

    Shape: x (N,channels,S,S), S a multiple of 4 -> images (N,out,S,S), from 0 to 1.

    Parameters
    ----------
    channels : int
        The number of channels of the input.
    out : int
        The number of channels of the output.
    width : int
        The number of filters at full size, doubled at each halving.

    References
    ----------
    Ronneberger, Fischer and Brox, 2015, arXiv:1505.04597; Isola et al., 2017, arXiv:1611.07004.

    Examples
    --------
    >>> model = dl.models.SkipTranslator(channels=1, out=3, width=4)
    >>> model(dl.rand(2, 1, 8, 8)).shape
    (2, 3, 8, 8)
    """

    def __init__(self, channels: int = 1, out: int = 1, width: int = 16) -> None:
        self.fine = nn.Sequential(*_block(channels, width))
        self.middle = nn.Sequential(*_block(width, 2 * width, stride=2))
        self.coarse = nn.Sequential(*_block(2 * width, 4 * width, stride=2), *_up(4 * width, 2 * width))
        self.back = nn.Sequential(*_up(4 * width, width))
        self.last = nn.Sequential(nn.Conv2d(2 * width, out, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine(x)
        middle = self.middle(fine)
        back = self.back(concat([self.coarse(middle), middle], axis=1))
        y: Tensor = self.last(concat([back, fine], axis=1))
        return y


class PatchDiscriminator(nn.Module):
    """Score patches of images: each score depends on 26x26 pixels, almost a whole digit of 28x28.

    Shape: x (N,channels,S,S), S a multiple of 4 -> scores (N,1,S/4,S/4), positive for real patches.

    Parameters
    ----------
    channels : int
        The number of channels of the images.
    width : int
        The number of filters of the first convolution.

    References
    ----------
    Isola et al., 2017, arXiv:1611.07004.

    Examples
    --------
    >>> model = dl.models.PatchDiscriminator(width=4)
    >>> model(dl.rand(2, 3, 8, 8)).shape
    (2, 1, 2, 2)
    """

    def __init__(self, channels: int = 3, width: int = 16) -> None:
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.InstanceNorm2d(2 * width, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 3, padding=1, bias=False),
            nn.InstanceNorm2d(4 * width, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class CycleGAN(nn.Module):
    """CycleGAN: two translators, from domain A to B and back, and a discriminator for each domain.

    Parameters
    ----------
    channels : int
        The number of channels of the images.
    width : int
        The number of filters of the first convolution of each network.
    blocks : int
        The number of residual blocks of each translator.

    Attributes
    ----------
    there : ResidualTranslator
        Translates from A to B.
    back : ResidualTranslator
        Translates from B to A.
    judge_a : PatchDiscriminator
        Scores images of A.
    judge_b : PatchDiscriminator
        Scores images of B.

    References
    ----------
    Zhu et al., 2017, arXiv:1703.10593.

    Examples
    --------
    >>> model = dl.models.CycleGAN(width=4, blocks=1)
    >>> a = dl.rand(2, 3, 8, 8)
    >>> model.back(model.there(a)).shape
    (2, 3, 8, 8)
    """

    def __init__(self, channels: int = 3, width: int = 16, blocks: int = 3) -> None:
        self.there, self.back = (ResidualTranslator(channels, width, blocks) for _ in range(2))
        self.judge_a, self.judge_b = (PatchDiscriminator(channels, width) for _ in range(2))


class Pix2Pix(nn.Module):
    """pix2pix: a translator, and a discriminator of pairs of input and output.

    Shape: x (N,channels,S,S), S a multiple of 4 -> images (N,out,S,S), from 0 to 1.

    Parameters
    ----------
    channels : int
        The number of channels of the input.
    out : int
        The number of channels of the output.
    width : int
        The number of filters of the first convolution of each network.

    Attributes
    ----------
    translator : SkipTranslator
        The translator.
    judge : PatchDiscriminator
        Scores input and output, joined along the channels.

    References
    ----------
    Isola et al., 2017, arXiv:1611.07004.

    Examples
    --------
    >>> model = dl.models.Pix2Pix(width=4)
    >>> x = dl.rand(2, 1, 8, 8)
    >>> model.judge(dl.concat([x, model(x)], axis=1)).shape
    (2, 1, 2, 2)
    """

    def __init__(self, channels: int = 1, out: int = 1, width: int = 16) -> None:
        self.translator = SkipTranslator(channels, out, width)
        self.judge = PatchDiscriminator(channels + out, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.translator(x)
        return y
