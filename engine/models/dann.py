"""Domain-adversarial training: a classifier whose features do not show from which domain an image comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn

if TYPE_CHECKING:
    from .._tensor import Tensor


class DANN(nn.Module):
    """Domain-adversarial network: convolutions, a head for classes, and one for domains after a reversal of gradients.

    Shape: x (N,3,size,size), from 0 to 1 -> scores of classes (N,classes).

    Parameters
    ----------
    size : int
        The height and width of the images, a multiple of 4.
    width : int
        The number of filters of the first convolution; the second has twice as many.
    hidden : int
        The number of hidden units of each head.
    domains : int
        The number of domains.
    classes : int
        The number of classes.

    Attributes
    ----------
    features : Sequential
        The convolutions.
    label : Sequential
        The head for classes.
    reversal : GradientReversal
        Multiplies gradients by ``-alpha``.
    domain : Sequential
        The reversal and the head for domains.

    References
    ----------
    Ganin et al., 2016, "Domain-adversarial training of neural networks", figure 4.

    Examples
    --------
    >>> model = dl.models.DANN(size=8, width=4, hidden=6)
    >>> classes, domains = model.both(dl.zeros((2, 3, 8, 8)))
    >>> classes.shape, domains.shape
    ((2, 10), (2, 2))
    """

    def __init__(self, size: int, width: int = 32, hidden: int = 100, domains: int = 2, classes: int = 10) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
        )  # fmt: skip
        count = 2 * width * (size // 4) ** 2
        self.label = nn.Sequential(nn.Linear(count, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        self.reversal = nn.GradientReversal()
        self.domain = nn.Sequential(self.reversal, nn.Linear(count, hidden), nn.ReLU(), nn.Linear(hidden, domains))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.label(self.features(2 * x - 1))
        return scores

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score classes and domains.

        Parameters
        ----------
        x : Tensor
            The images, shape (N,3,size,size), from 0 to 1.

        Returns
        -------
        classes : Tensor
            Scores of shape (N,classes).
        domains : Tensor
            Scores of shape (N,domains).
        """
        f = self.features(2 * x - 1)
        return self.label(f), self.domain(f)
