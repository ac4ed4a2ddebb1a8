"""Networks that more than one recipe uses."""

from __future__ import annotations

from .autoencoder import Autoencoder as Autoencoder
from .autoencoder import ConvAutoencoder as ConvAutoencoder
from .autoencoder import LinearAutoencoder as LinearAutoencoder
from .autoencoder import StackedAutoencoder as StackedAutoencoder
from .autoencoder import TiedLayer as TiedLayer
from .convolutional import ConvNet as ConvNet
from .language import LanguageModel as LanguageModel
from .language import generate as generate
from .perceptrons import MLP as MLP
from .vae import VAE as VAE
