"""Deep convolutional networks with and without skip connections, and a small encoder of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn

if TYPE_CHECKING:
    from .._tensor import Tensor


def _unit(before: int, after: int, stride: int) -> nn.Sequential:
    """Two 3x3 convolutions with batch normalization, which a skip connection passes by."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after),
    )  # fmt: skip


class PlainNet(nn.Module):
    """Deep convolutional network without skip connections, of ``2 units stages + 2`` layers with weights.

    A convolution, then stages of ``units`` pairs of convolutions, each stage at half the size and twice the width of the one
    before; the mean over space, and a linear layer.

    Shape: x (N,channels,H,W) -> scores (N,classes).

    Parameters
    ----------
    units : int
        The number of pairs of convolutions in a stage.
    width : int
        The number of filters in the first stage.
    stages : int
        The number of stages.
    channels : int
        The number of channels of the images.
    classes : int
        The number of classes.

    References
    ----------
    He, Zhang, Ren and Sun, 2016, arXiv:1512.03385, section 4.2.

    Examples
    --------
    >>> model = dl.models.PlainNet(units=1, width=4, stages=2)
    >>> model(dl.zeros((2, 3, 8, 8))).shape
    (2, 10)
    """

    def __init__(self, units: int, width: int = 16, stages: int = 3, channels: int = 3, classes: int = 10) -> None:
        self.first = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        widths = [width] + [width << stage for stage in range(stages) for _ in range(units)]
        body = [self.link(a, b) for a, b in zip(widths, widths[1:], strict=False)]
        self.body = nn.Sequential(*[nn.Sequential(unit, nn.ReLU()) for unit in body])
        self.head = nn.Sequential(nn.GlobalAvgPool(), nn.Flatten(), nn.Linear(widths[-1], classes))

    def link(self, before: int, after: int) -> nn.Module:
        """Make one pair of convolutions; one that changes the width halves the size of the image.

        Parameters
        ----------
        before : int
            The number of channels that come in.
        after : int
            The number of filters.

        Returns
        -------
        Module
            The pair.
        """
        return _unit(before, after, 1 if before == after else 2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(self.first(x)))
        return scores


class ResNet(PlainNet):
    """Residual network: ``PlainNet`` with a skip connection around each pair of convolutions, ``y = relu(x + f(x))``.

    Shape: x (N,channels,H,W) -> scores (N,classes).

    Parameters
    ----------
    units : int
        The number of pairs of convolutions in a stage.
    width : int
        The number of filters in the first stage.
    stages : int
        The number of stages.
    channels : int
        The number of channels of the images.
    classes : int
        The number of classes.

    References
    ----------
    He, Zhang, Ren and Sun, 2016, arXiv:1512.03385.

    Examples
    --------
    >>> model = dl.models.ResNet(units=1, width=4, stages=2)
    >>> model(dl.zeros((2, 3, 8, 8))).shape
    (2, 10)
    """

    def link(self, before: int, after: int) -> nn.Module:
        """Make one pair of convolutions with its skip connection, a 1x1 convolution where the shape changes.

        Parameters
        ----------
        before : int
            The number of channels that come in.
        after : int
            The number of filters.

        Returns
        -------
        Module
            The pair with its skip connection.
        """
        if before == after:
            return nn.Residual(_unit(before, after, 1))
        shortcut = nn.Sequential(nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after))
        return nn.Residual(_unit(before, after, 2), shortcut)


class ConvEncoder(nn.Module):
    """Encode images as vectors: blocks of convolution, batch normalization, ReLU and pooling.

    Shape: x (N,1,size,size) -> codes (N,D), the flattened last feature maps, ``D = width (size / 2^blocks)^2``, rounded down at
    each block.

    Parameters
    ----------
    size : int
        The height and width of the images.
    width : int
        The number of filters of each convolution.
    blocks : int
        The number of blocks, each of which halves the size.

    References
    ----------
    Snell, Swersky and Zemel, 2017, arXiv:1703.05175, section 3.1.

    Examples
    --------
    >>> model = dl.models.ConvEncoder(size=28, width=4)
    >>> model(dl.zeros((2, 1, 28, 28))).shape
    (2, 4)
    """

    def __init__(self, size: int = 28, width: int = 64, blocks: int = 4) -> None:
        layers: list[nn.Module] = []
        for k in range(blocks):
            layers += [nn.Conv2d(width if k else 1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        codes: Tensor = self.layers(x)
        return codes
