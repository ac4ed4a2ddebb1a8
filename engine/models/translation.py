"""Networks that make an image of an image, and one that judges it patch by patch."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..ops.shape import concat


def _block(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    """Convolution, normalisation of each image, ReLU; of stride 2 it halves the image."""
    kernel = 4 if stride == 2 else 3
    conv = nn.Conv2d(before, after, kernel, stride=stride, padding=1, bias=False)
    return [conv, nn.InstanceNorm2d(after, affine=True), nn.ReLU()]


def _up(before: int, after: int) -> list[nn.Module]:
    """Transposed convolution that doubles the image, normalisation, ReLU."""
    conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    return [conv, nn.InstanceNorm2d(after, affine=True), nn.ReLU()]


class ResidualTranslator(nn.Module):
    """Images (N,C,S,S) -> images (N,C,S,S) from 0 to 1: halve once, some residual blocks, double again.

    Source: Johnson, Alahi, Fei-Fei 2016; Zhu et al. 2017, arXiv:1703.10593.
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

    def forward(self, x: Any) -> Any:
        return self.layers(x)


class SkipTranslator(nn.Module):
    """Images (N,C,S,S) -> images (N,K,S,S) from 0 to 1: halve twice and double twice, with links across (U-Net).

    S a multiple of 4. Source: Ronneberger, Fischer, Brox 2015; Isola et al. 2017, arXiv:1611.07004.
    """

    def __init__(self, channels: int = 1, out: int = 1, width: int = 16) -> None:
        self.fine = nn.Sequential(*_block(channels, width))
        self.middle = nn.Sequential(*_block(width, 2 * width, stride=2))
        self.coarse = nn.Sequential(*_block(2 * width, 4 * width, stride=2), *_up(4 * width, 2 * width))
        self.back = nn.Sequential(*_up(4 * width, width))
        self.last = nn.Sequential(nn.Conv2d(2 * width, out, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Any) -> Any:
        fine = self.fine(x)
        middle = self.middle(fine)
        back = self.back(concat([self.coarse(middle), middle], axis=1))
        return self.last(concat([back, fine], axis=1))


class PatchDiscriminator(nn.Module):
    """Images (N,C,S,S) -> scores (N,1,S/4,S/4): each judges the patch of 26x26 pixels that it sees, a whole digit of 28x28.

    Source: Isola et al. 2017, arXiv:1611.07004.
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

    def forward(self, x: Any) -> Any:
        return self.layers(x)


class CycleGAN(nn.Module):
    """Two translators, there (A to B) and back (B to A), and a discriminator for the images of each side."""

    def __init__(self, channels: int = 3, width: int = 16, blocks: int = 3) -> None:
        self.there, self.back = (ResidualTranslator(channels, width, blocks) for _ in range(2))
        self.judge_a, self.judge_b = (PatchDiscriminator(channels, width) for _ in range(2))


class Pix2Pix(nn.Module):
    """A translator and a discriminator that sees the input beside the output."""

    def __init__(self, channels: int = 1, out: int = 1, width: int = 16) -> None:
        self.translator = SkipTranslator(channels, out, width)
        self.judge = PatchDiscriminator(channels + out, width)

    def forward(self, x: Any) -> Any:
        return self.translator(x)
