"""Few-shot learning: new classes from one image each, by prototypical networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...data import ArrayDataset, DataLoader, EpisodeSampler, ImageDataset
from ...data.host_random import normal, uniform
from ...default_dtype import get_default_dtype
from ...generator import Generator
from ...models import ConvEncoder
from ...ops.conversion import asarray
from ...training import Trainer
from ..experiment import Experiment, Stage
from ..parts.images import images_of, outputs, principal_components
from ..parts.pictures import draw_axes, image_grid, points
from ..recipe import Figure, Recipe, Scale, Setting


class Episodes(Trainer):
    """A batch is an episode: its support samples make the prototypes, its query samples are judged by them."""

    sampler: EpisodeSampler

    def train_step(self, batch: Any) -> float:
        codes, episode = self.forward(batch[0]), self.sampler
        support, query = episode.support(codes), episode.query(codes)
        known = asarray(np.repeat(np.arange(episode.n_way), episode.k_shot))
        return self.update(self.loss(support, known, query, asarray(episode.query_labels)))


class Prototypes(Experiment):
    """Classes never seen before are told apart from one or a few images of each.

    A network f makes codes. The prototype of a class k is the mean of the codes of its few known images,
    c_k = mean of f(x) over the support set S_k; a new image goes to the nearest: p(k | x) = softmax(-|f(x) - c_k|^2).
    It is trained as it is tested: each step is an episode, N classes drawn at random, K images of each as support and some
    others as queries, whose cross-entropy is the loss. Since the classes change with every episode, the network cannot
    learn them; it learns what makes two images be of one class.

    The figure is the mean accuracy over many episodes with classes that training never saw, with one image of each class;
    beside it stands the same by distances of pixels. The pictures show one such episode, and codes of new classes.

    Source: Snell, Swersky, Zemel 2017, "Prototypical networks for few-shot learning", arXiv:1703.05175.
    """

    captions: ClassVar = {
        "episode.png": "An episode with new classes: the one known image of each, and new images in the class they are put into.",
        "codes.png": "Codes of classes that training never saw (two principal components) and their prototypes, marked x.",
    }

    def prepare(self) -> None:
        s = self.s
        self.train: ArrayDataset
        self.test: ArrayDataset
        if s.data == "omniglot":
            self.train, self.test = data.omniglot(True), data.omniglot(False)
        elif s.data == "strokes":
            images, labels = strokes(240, 16, Generator(self.seed))
            old = labels < 200
            self.train, self.test = ArrayDataset(images[old], labels[old]), ArrayDataset(images[~old], labels[~old])
        else:
            images, labels = data.digits().arrays
            old = labels < 6
            self.train, self.test = ArrayDataset(images[old], labels[old]), ArrayDataset(images[~old], labels[~old])
        if s.turned:
            self.train = _turned(self.train)
        size = self.test[0][0].shape[-1]
        self.model = ConvEncoder(size, s.width, s.blocks)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        slower = optim.StepLR(optimizer, max(1, s.epochs // 4), 0.5)
        trainer = Episodes(self.model, nn.PrototypicalLoss(s.train_ways), optimizer, scheduler=slower, metrics=[], progress=False)
        trainer.sampler = EpisodeSampler(self.train.arrays[-1], s.train_ways, s.train_shots, s.queries, s.episodes)
        yield Stage(trainer, DataLoader(self.train, batch_sampler=trainer.sampler), s.epochs)

    def measure(self) -> dict[str, float]:
        """Accuracy on new classes with one and with five known images, by codes and by pixels."""
        images, self.labels = images_of(self.test)
        self.codes = outputs(self.model, images)
        pixels, ways = images.reshape(len(images), -1), self.s.ways
        return {
            "accuracy": self._accuracy(self.codes, ways, 1), "accuracy-5-shot": self._accuracy(self.codes, ways, 5),
            "accuracy-by-pixels": self._accuracy(pixels, ways, 1), "ways": ways,
        }  # fmt: skip

    def _accuracy(self, codes: Any, ways: int, shots: int) -> float:
        """Mean over test episodes, which depend on nothing but the labels."""
        sampler = EpisodeSampler(self.labels, ways, shots, 5, self.s.test_episodes, Generator(7))
        right = [float((_judged(codes[rows], sampler) == sampler.query_labels).mean()) for rows in sampler]
        return float(np.mean(right))

    def draw(self, folder: Path) -> None:
        """An episode, and the codes of new classes."""
        images, ways = images_of(self.test)[0], self.s.ways
        sampler = EpisodeSampler(self.labels, ways, 1, 3, 1, Generator(11))
        rows = next(iter(sampler))
        known, asked = sampler.support(rows), sampler.query(rows)
        put = _judged(self.codes[rows], sampler)
        most = int(np.bincount(put, minlength=ways).max())
        tiles = np.full((ways, most + 1, *images.shape[2:]), np.nan)
        for k in range(ways):
            found = asked[put == k]
            tiles[k, 0], tiles[k, 1 : len(found) + 1] = images[known[k], 0], images[found, 0]
        grid = tiles.reshape(-1, *images.shape[2:])
        image_grid(folder / "episode.png", grid, most + 1, titles=("known", *["put here"] * most), cell=0.9)
        draw_axes(folder / "codes.png", (6, 4.6), 1, 1, self._draw_codes)

    def _draw_codes(self, axes: Any) -> None:
        names = np.unique(self.labels)[: self.s.ways]
        rows = np.flatnonzero(np.isin(self.labels, names))[:600]
        labels = np.searchsorted(names, self.labels[rows])
        mean, plane = principal_components(self.codes[rows], 2)
        flat = (self.codes[rows] - mean) @ plane.T
        points(axes[0, 0], flat, labels, [f"class {n}" for n in names], title="classes never trained on", size=12)
        for k in range(len(names)):
            axes[0, 0].plot(*flat[labels == k].mean(axis=0), "x", color="black", ms=9, mew=2)


def _judged(codes: Any, sampler: EpisodeSampler) -> Any:
    """The class within the episode, (n_way * n_query,), whose prototype is nearest to each query's code."""
    known, asked = sampler.support(codes), sampler.query(codes)
    prototypes = known.reshape(sampler.n_way, sampler.k_shot, -1).mean(axis=1)
    return (((asked[:, None] - prototypes) ** 2).sum(axis=2)).argmin(axis=1)


def strokes(classes: int, drawings: int, source: Generator, size: int = 14) -> tuple[Any, Any]:
    """Made-up characters of three strokes, each drawn some times by a shaking hand: images (N,1,size,size) and classes (N,)."""
    corners = 0.15 + 0.7 * uniform(source, (classes, 1, 4, 2))
    corners = corners + 0.04 * normal(source, (classes, drawings, 4, 2)) + 0.07 * normal(source, (classes, drawings, 1, 2))
    corners = corners.reshape(-1, 4, 1, 1, 2)
    ticks = (np.arange(size) + 0.5) / size
    pixels = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
    nearest = np.full((len(corners), size, size), np.inf)
    for a, b in zip(range(3), range(1, 4), strict=True):
        start, along = corners[:, a], corners[:, b] - corners[:, a]
        part = np.clip(((pixels - start) * along).sum(-1) / np.maximum(1e-9, (along * along).sum(-1)), 0, 1)
        nearest = np.minimum(nearest, np.sqrt(((pixels - start - part[..., None] * along) ** 2).sum(-1)))
    ink = np.clip(1.4 - size * nearest, 0, 1).astype(np.dtype(get_default_dtype()))
    return ink[:, None], np.repeat(np.arange(classes), drawings)


def _turned(samples: Any) -> Any:
    """Every class also turned by 90, 180 and 270 degrees, as classes of their own."""
    images, labels = samples.arrays
    count = int(labels.max()) + 1
    turned = np.concatenate([np.rot90(images, k, axes=(2, 3)) for k in range(4)])
    numbers = np.concatenate([labels + k * count for k in range(4)])
    return ImageDataset(turned, numbers, dtype=samples.dtype) if turned.dtype == np.uint8 else ArrayDataset(turned, numbers)


_STROKES = {
    "data": "strokes", "turned": False, "train_ways": 10, "blocks": 3, "width": 16, "queries": 5, "train_shots": 1,
}  # fmt: skip
RECIPE = Recipe(
    "protonet",
    "new classes from one image of each, by the nearest prototype",
    Prototypes,
    {
        "data": Setting(
            "omniglot", "characters of 50 alphabets, made-up ones, or digits", choices=("digits", "strokes", "omniglot")
        ),
        "turned": Setting(True, "turn the training images to have four times as many classes"),
        "ways": Setting(5, "classes of an episode in the test", low=2),
        "train_ways": Setting(20, "classes of an episode in training", low=2),
        "train_shots": Setting(1, "known images of each class in training", low=1),
        "queries": Setting(5, "images to be judged of each class in training", low=1),
        "episodes": Setting(100, "in an epoch", low=1),
        "epochs": Setting(30, "times so many episodes", low=1),
        "test_episodes": Setting(600, "in the test", low=1),
        "lr": Setting(1e-3, "learning rate of Adam at the start; it is halved three times", low=0),
        "width": Setting(64, "filters of each convolution", low=1),
        "blocks": Setting(4, "convolutions", low=1, high=6),
    },
    full=Scale((Figure("accuracy", at_least=0.95, percent=True),), data=("omniglot",)),
    small=Scale(
        (Figure("accuracy", at_least=0.7, percent=True),),
        {**_STROKES, "episodes": 100, "epochs": 12, "lr": 1e-3},
    ),
    quick=Scale(
        (Figure("accuracy", at_least=0.7, percent=True),),
        {**_STROKES, "episodes": 40, "epochs": 5, "lr": 3e-3, "test_episodes": 200},
    ),
    shows=(ConvEncoder, EpisodeSampler, nn.PrototypicalLoss, Episodes.train_step),
)
