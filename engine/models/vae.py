"""Variational autoencoder: the encoder computes a normal distribution of codes, the decoder a probability for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from ..generator import Generator
from ..ops.elementwise import exp
from ..ops.loss import binary_cross_entropy_with_logits
from ..ops.random import randn
from ..ops.reduce import sum

if TYPE_CHECKING:
    from .._tensor import Tensor


class VAE(nn.Module):
    """Variational autoencoder with one hidden layer in encoder and decoder.

    The code is drawn from ``N(mean, exp(log_var))`` as ``mean + exp(log_var / 2) noise``.

    Shape: x (N,I), from 0 to 1, and a Generator or None -> pixel logits (N,I), mean (N,D) and log_var (N,D).

    Parameters
    ----------
    inputs : int
        I, the number of pixels.
    hidden : int
        H, the number of hidden units.
    code : int
        D, the length of the code.

    Attributes
    ----------
    decoder : Sequential
        Makes pixel logits (N,I) of codes (N,D).

    References
    ----------
    Kingma and Welling, 2014, arXiv:1312.6114.

    Examples
    --------
    >>> model = dl.models.VAE(inputs=16, hidden=8, code=2)
    >>> logits, mean, log_var = model(dl.rand(5, 16))
    >>> logits.shape, mean.shape
    ((5, 16), (5, 2))
    >>> model.decoder(dl.randn(3, 2)).shape
    (3, 16)
    """

    def __init__(self, inputs: int = 784, hidden: int = 400, code: int = 20) -> None:
        self.hidden = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU())
        self.mean, self.log_var = nn.Linear(hidden, code), nn.Linear(hidden, code)
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, inputs))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the distribution of the code.

        Parameters
        ----------
        x : Tensor
            Pixels, shape (N,I), from 0 to 1.

        Returns
        -------
        mean : Tensor
            The mean, shape (N,D).
        log_var : Tensor
            The logarithm of the variance, shape (N,D).
        """
        h = self.hidden(x)
        return self.mean(h), self.log_var(h)

    def forward(self, x: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a code; returns its pixel logits, and the mean and log-variance of its distribution."""
        mean, log_var = self.encode(x)
        noise = randn(mean.shape, dtype=mean.dtype, generator=generator)
        return self.decoder(mean + exp(0.5 * log_var) * noise), mean, log_var


def negative_elbo(logits: Tensor, x: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the two terms of the negative evidence lower bound, in nats, as means over the batch.

    They are ``-log p(x | z)`` and ``KL(N(mean, exp(log_var)) || N(0, 1))``.

    Parameters
    ----------
    logits : Tensor
        Pixel logits, shape (N,I).
    x : Tensor
        Pixels, shape (N,I), from 0 to 1.
    mean : Tensor
        The mean of the code, shape (N,D).
    log_var : Tensor
        The logarithm of its variance, shape (N,D).

    Returns
    -------
    error : Tensor
        The first term, shape ().
    divergence : Tensor
        The second term, shape ().

    Examples
    --------
    >>> from dlengine.models.vae import negative_elbo
    >>> error, divergence = negative_elbo(dl.zeros((1, 4)), dl.ones((1, 4)), dl.ones((1, 2)), dl.zeros((1, 2)))
    >>> float(divergence)
    1.0
    """
    error = binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = 0.5 * sum(mean * mean + exp(log_var) - 1 - log_var)
    return error / x.shape[0], divergence / x.shape[0]
