"""Variational autoencoder: the encoder gives a Gaussian over codes, the decoder a probability for each pixel."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..generator import Generator
from ..ops.elementwise import exp
from ..ops.loss import binary_cross_entropy_with_logits
from ..ops.random import randn
from ..ops.reduce import sum


class VAE(nn.Module):
    """One hidden layer each way: x (N,I) from 0 to 1 -> N(mean, exp(log_var)) over codes (N,D) -> pixel logits (N,I).

    Source: Kingma and Welling 2014, arXiv:1312.6114.
    """

    def __init__(self, inputs: int = 784, hidden: int = 400, code: int = 20) -> None:
        self.hidden = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU())
        self.mean, self.log_var = nn.Linear(hidden, code), nn.Linear(hidden, code)
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, inputs))

    def encode(self, x: Any) -> tuple[Any, Any]:
        """Mean and logarithm of the variance of the code."""
        h = self.hidden(x)
        return self.mean(h), self.log_var(h)

    def forward(self, x: Any, generator: Generator | None = None) -> tuple[Any, Any, Any]:
        """Pixel logits of a random code z = mean + std * noise, its mean and log-variance."""
        mean, log_var = self.encode(x)
        noise = randn(mean.shape, dtype=mean.dtype, generator=generator)
        return self.decoder(mean + exp(0.5 * log_var) * noise), mean, log_var


def negative_elbo(logits: Any, x: Any, mean: Any, log_var: Any) -> tuple[Any, Any]:
    """The two parts of the bound, in nats, means over the batch: -log p(x|z), and KL(N(mean, exp(log_var)) | N(0, I))."""
    error = binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = 0.5 * sum(mean * mean + exp(log_var) - 1 - log_var)
    return error / x.shape[0], divergence / x.shape[0]
