"""The larger training steps that are timed: residual network, autoencoders, adversarial pair, translation, word vectors.

Each definition is the same for every framework; steps.py has what they share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import models
from .definitions import Array, Computation, Framework, normal
from .steps import initialised, trained


def resnet(fw: Framework, rng: np.random.Generator, *, N: int, H: int, width: int, blocks: int) -> Computation:
    """ResNet-20 for three blocks a stage, SGD with momentum."""
    model = initialised(fw, rng, models.resnet(fw, H=H, width=width, blocks=blocks))
    x, labels = fw.constant(normal(rng, N, 3, H, H)), fw.constant(rng.integers(0, 10, N))
    loss = fw.nn.CrossEntropyLoss()
    optimizer = fw.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(x), labels))


def autoencoder(fw: Framework, rng: np.random.Generator, *, N: int, I: int, H: int, D: int) -> Computation:
    """I - H - D - H - I, mean squared error, Adam."""
    nn = fw.nn
    model = initialised(
        fw, rng,
        nn.Sequential(nn.Linear(I, H), nn.ReLU(), nn.Linear(H, D), nn.Linear(D, H), nn.ReLU(), nn.Linear(H, I), nn.Sigmoid()),
    )  # fmt: skip
    x = fw.constant(rng.random((N, I), dtype=np.float32))
    loss = nn.MSELoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(x), x))


def vae(fw: Framework, rng: np.random.Generator, *, N: int, I: int, H: int, D: int, noise: float = 1.0) -> Computation:
    """A variational autoencoder with Bernoulli outputs, Adam. Source: Kingma & Welling 2014, arXiv:1312.6114."""
    nn = fw.nn

    class VAE(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.mean, self.logvar = nn.Linear(I, H), nn.Linear(H, D), nn.Linear(H, D)
            self.decoder = nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, I))

        def forward(self, x: Any) -> Any:
            h = fw.relu(self.hidden(x))
            mean, logvar = self.mean(h), self.logvar(h)
            z = mean + fw.exp(logvar * 0.5) * (fw.standard_normal(N, D) * noise)
            return self.decoder(z), fw.sum(mean * mean + fw.exp(logvar) - logvar - 1.0) * (0.5 / N)

    model = initialised(fw, rng, VAE())
    x = fw.constant(rng.random((N, I), dtype=np.float32))
    reconstruction = nn.BCEWithLogitsLoss(reduction="sum")
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)

    def loss() -> Any:
        y, divergence = model(x)
        return reconstruction(y, x) * (1 / N) + divergence

    return trained(fw, list(model.named_parameters()), optimizer, loss)


def dcgan(fw: Framework, rng: np.random.Generator, *, N: int, D: int, width: int) -> Computation:
    """Discriminator and generator of 28x28 images, one step of each, Adam. Source: Radford et al. 2016, arXiv:1511.06434."""
    nn = fw.nn
    generator = initialised(fw, rng, nn.Sequential(
        nn.ConvTranspose2d(D, 2 * width, 7, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1), nn.Tanh(),
    ))  # fmt: skip
    discriminator = initialised(fw, rng, nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 7), nn.Flatten(),
    ))  # fmt: skip
    images, z = fw.constant(np.tanh(normal(rng, N, 1, 28, 28))), fw.constant(normal(rng, N, D, 1, 1))
    ones, zeros = fw.constant(np.ones((N, 1), np.float32)), fw.constant(np.zeros((N, 1), np.float32))
    loss = nn.BCEWithLogitsLoss()
    optimizers = [fw.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (generator, discriminator)]

    named = list(generator.named_parameters())
    generator, discriminator = fw.compiled(generator), fw.compiled(discriminator)

    def step() -> Any:
        fake = generator(z)
        optimizers[1].zero_grad()
        told = loss(discriminator(images), ones) + loss(discriminator(fake.detach()), zeros)
        told.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        fooled = loss(discriminator(fake), ones)
        fooled.backward()
        optimizers[0].step()
        return told, fooled

    def results() -> dict[str, Array]:
        losses = [fw.value(t) for t in step()]
        found = {f"gradient of {name}": fw.value(p.grad) for name, p in named}
        return found | {"losses": np.stack(losses)}

    return Computation(step, results)


def seq2seq(fw: Framework, rng: np.random.Generator, *, T: int, N: int, V: int, H: int) -> Computation:
    """An LSTM encoder and an LSTM decoder with dot-product attention; Adam.

    Source: Luong et al. 2015, arXiv:1508.04025.
    """
    nn = fw.nn

    class Translator(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.source, self.target = nn.Embedding(V, H), nn.Embedding(V, H)
            self.encoder, self.decoder = nn.LSTM(H, H), nn.LSTM(H, H)
            self.mix, self.head = nn.Linear(2 * H, H), nn.Linear(H, V)

        def forward(self, source: Any, target: Any) -> Any:
            memory, state = self.encoder(self.source(source))
            y = fw.permute(self.decoder(self.target(target), state)[0], (1, 0, 2))
            memory = fw.permute(memory, (1, 0, 2))
            weights = fw.softmax(fw.matmul(y, fw.permute(memory, (0, 2, 1))), -1)
            mixed = fw.tanh(self.mix(fw.concat([fw.matmul(weights, memory), y], -1)))
            return self.head(mixed.reshape((N * T, H)))

    model = initialised(fw, rng, Translator())
    source, target = (fw.constant(rng.integers(0, V, (T, N))) for _ in range(2))
    labels = fw.constant(rng.integers(0, V, N * T))
    loss = nn.CrossEntropyLoss()
    optimizer = fw.optim.Adam(model.parameters(), lr=1e-3)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: loss(model(source, target), labels))


def word2vec(fw: Framework, rng: np.random.Generator, *, V: int, D: int, N: int, negatives: int) -> Computation:
    """Skip-grams with negative sampling: N pairs a step, SGD on dense gradients. Source: Mikolov et al. 2013."""
    nn = fw.nn

    class SkipGram(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.words, self.contexts = nn.Embedding(V, D), nn.Embedding(V, D)

        def forward(self, centres: Any, contexts: Any, signs: Any) -> Any:
            scores = fw.matmul(self.contexts(contexts), self.words(centres)[:, :, None])[:, :, 0]
            return -fw.mean(fw.logsigmoid(scores * signs))

    model = initialised(fw, rng, SkipGram())
    centres, contexts = fw.constant(rng.integers(0, V, N)), fw.constant(rng.integers(0, V, (N, 1 + negatives)))
    signs = fw.constant(np.where(np.arange(1 + negatives) == 0, 1, -1).astype(np.float32))
    optimizer = fw.optim.SGD(model.parameters(), lr=0.1)
    return trained(fw, list(model.named_parameters()), optimizer, lambda: model(centres, contexts, signs))
