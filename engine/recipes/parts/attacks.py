"""Adversarial examples: the fast gradient sign attack, projected gradient descent, and training against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ..._tensor import Tensor
from ...autograd.base import enable_grad
from ...autograd.derivatives import gradients
from ...models import ConvNet
from ...ops.conversion import asarray
from ...ops.elementwise import clip, sign
from ...training import Accuracy, Trainer
from ..experiment import HELD_OUT, PictureClassifier, Stage, dtype_of
from ..recipe import Setting
from .images import image_sets, images_of, outputs
from .pictures import draw_axes, image_grid, lines

STRENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def fgsm(model: nn.Module, loss: Callable[..., Tensor], x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The fast gradient sign attack: x + eps sign(dL(model(x), y) / dx), clipped to [0, 1].

    x: (N,C,H,W) from 0 to 1. y: (N,). Source: Goodfellow, Shlens, Szegedy 2015, arXiv:1412.6572.
    """
    with enable_grad():
        probe = asarray(x.detach(), copy=True)
        probe.requires_grad = True
        (slope,) = gradients([loss(model(probe), y)], [probe])
    return clip(x + eps * sign(slope), 0.0, 1.0)


def pgd(
    model: nn.Module, loss: Callable[..., Tensor], x: Tensor, y: Tensor, eps: float, steps: int = 10
) -> Tensor:
    """Projected gradient descent: small FGSM steps, each clipped to within eps of x.

    Source: Madry et al. 2018, arXiv:1706.06083.
    """
    found = x
    for _ in range(steps):
        found = fgsm(model, loss, found, y, 2.5 * eps / steps)
        found = clip(clip(found, x - eps, x + eps), 0.0, 1.0)
    return found


class _Robust(Trainer):
    """The loss is the mean of those of the batch and of the attacked batch; eps grows over the first half of the epochs."""

    eps = 0.25

    def train_step(self, batch: Any) -> float:
        x, y = batch
        share = min(1.0, (self.epoch + (self.batch + 1) / max(1, len(self.train_loader))) / max(1, self.epochs // 2))
        self.model.eval()  # the attack sees the network without dropout
        attacked = fgsm(self.model, self.loss, x, y, share * self.eps)
        self.model.train()
        outputs = self.forward(x)
        value = self.update(0.5 * self.loss(outputs, y) + 0.5 * self.loss(self.forward(attacked), y))
        self.measure(outputs, y)
        return value


class Attacked(PictureClassifier):
    """A good classifier, a small step that fools it, and a classifier that has met such steps.

    The loss L(x, y) of a trained network falls or rises along its gradient with respect to the image. FGSM takes one step
    of size eps in each pixel, x' = clip(x + eps sign(dL/dx), 0, 1): for nearly linear networks a tiny change of every
    pixel adds up to a large change of the scores. PGD repeats smaller steps and stays within eps. The smallest eps that
    flips an image says how near it lies to a boundary. Adversarial training adds the loss of attacked images,
    (L(x, y) + L(x', y)) / 2, made anew against the current weights in each step.

    Source: Goodfellow, Shlens, Szegedy 2015, arXiv:1412.6572; Madry et al. 2018, arXiv:1706.06083.
    """

    captions: ClassVar = {
        "strength.png": "Error by strength of the attack.",
        "examples.png": "Images as they are, as FGSM changes them, and the change; above: what the network says.",
        "smallest.png": "How many images each eps is enough to flip, searched in steps of 0.01.",
    }

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = image_sets(s.data, self.seed)
        self.classes = self.test.classes or ()
        size = self.test[0][0].shape[-1]
        self.image_size = (size, size)
        self.loss = nn.CrossEntropyLoss()
        self.model = ConvNet(size, width=s.width, dropout=0.25)
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        images, labels = images_of(self.test.subset(range(min(s.attacked, len(self.test)))))
        self.images, self.labels = images, labels
        self.robust = ConvNet(size, width=s.width, dropout=0.25) if s.robust else None

    def stages(self) -> Iterator[Stage]:
        trainer = self.trainer(self.model, self.loss, self.optimizer)
        yield Stage(trainer, self.train, self.s.epochs, HELD_OUT, "plain" if self.s.robust else "", "val_loss")
        if self.robust is not None:
            optimizer = optim.Adam(self.robust.parameters(), lr=self.s.lr)
            slower = optim.CosineAnnealingLR(optimizer, self.s.robust_epochs, eta_min=0.05 * self.s.lr)
            robust = self.trainer(self.robust, self.loss, optimizer, _Robust, scheduler=slower, metrics=[Accuracy()])
            robust.eps = self.s.eps
            yield Stage(robust, self.train, self.s.robust_epochs, HELD_OUT, "robust")

    # ------------------------------------------------------------------ attacks
    def _attacked(self, model: nn.Module, eps: float, method: Any = fgsm, images: Any = None, labels: Any = None) -> Any:
        """The test images (N,C,H,W) after an attack of strength eps."""
        images, labels = (self.images, self.labels) if images is None else (images, labels)
        model.eval()
        kind, made = dtype_of(model), []
        for i in range(0, len(images), 250):
            x, y = asarray(images[i : i + 250].astype(kind)), asarray(labels[i : i + 250])
            made.append(method(model, self.loss, x, y, eps).numpy_copy())
        return np.concatenate(made)

    def _error(self, model: nn.Module, eps: float, method: Any = fgsm) -> float:
        found = self.images if eps == 0 else self._attacked(model, eps, method)
        return float((outputs(model, found).argmax(axis=1) != self.labels).mean())

    def _smallest(self, model: nn.Module, count: int = 200) -> Any:
        """The smallest eps, in steps of 0.01 up to 0.5, at which FGSM changes the class of each image; 0.5 if none does."""
        images, labels = self.images[:count], self.labels[:count]
        found = np.full(len(images), 0.5)
        for eps in np.arange(0.5, -0.005, -0.01):
            changed = images if eps < 0.005 else self._attacked(model, float(eps), fgsm, images, labels)
            found[outputs(model, changed).argmax(axis=1) != labels] = max(0.0, float(eps))
        return found

    def measure(self) -> dict[str, float]:
        """Errors on clean and attacked test images, and the median of the smallest eps that changes the class of an image."""
        eps = self.s.eps
        results = {
            "clean-error": self._error(self.model, 0.0),
            "fgsm-error": self._error(self.model, eps),
            "pgd-error": self._error(self.model, eps, pgd),
        }
        self.flips = {"plain": self._smallest(self.model)}
        self.curves = {"plain": [self._error(self.model, e) for e in STRENGTHS]}
        if self.robust is not None:
            results |= {
                "robust-clean-error": self._error(self.robust, 0.0),
                "robust-fgsm-error": self._error(self.robust, eps),
                "robust-pgd-error": self._error(self.robust, eps, pgd),
            }
            self.flips["robust"] = self._smallest(self.robust)
            self.curves["robust"] = [self._error(self.robust, e) for e in STRENGTHS]
        return results | {f"median flipping eps, {k}": float(np.median(v)) for k, v in self.flips.items()}

    # ------------------------------------------------------------------ pictures
    def draw(self, folder: Path) -> None:
        """The error over the strength, examples, and the smallest strengths."""
        draw_axes(
            folder / "strength.png", (5.6, 3.6), 1, 1,
            lambda axes: lines(axes[0, 0], self.curves, x=STRENGTHS, xlabel="eps", ylabel="error under FGSM"),
        )  # fmt: skip
        self._examples(folder / "examples.png", self.s.eps)
        ticks = np.arange(0.0, 0.5, 0.01)
        share = {k: [float((v <= t + 1e-9).mean()) for t in ticks] for k, v in self.flips.items()}
        draw_axes(
            folder / "smallest.png", (5.6, 3.6), 1, 1,
            lambda axes: lines(axes[0, 0], share, x=ticks, xlabel="eps", ylabel="part of the images flipped"),
        )  # fmt: skip

    def _examples(self, path: Path | None, eps: float, count: int = 8) -> Any:
        first = [int(np.flatnonzero(self.labels == k)[0]) for k in range(min(count, len(self.classes)))]
        images, labels = self.images[first], self.labels[first]
        changed = self._attacked(self.model, eps, fgsm, images, labels)
        told = [self.classes[int(k)] for k in outputs(self.model, np.concatenate([images, changed])).argmax(axis=1)]
        shown = np.concatenate([images, changed, 0.5 + (changed - images) / 2])
        return image_grid(path, shown, len(first), titles=told, rows=("image", f"eps {eps:g}", "change"), cell=1.0)

    def attack(self, *, eps: float = 0.1, count: int = 8) -> Any:
        """A figure of test images, the same after an attack of strength eps, and the difference."""
        return self._examples(None, eps, count)


_SETTINGS = {
    "data": Setting("mnist", "the images", choices=("digits", "mnist")),
    "epochs": Setting(3, "passes over the training set", low=1),
    "batch_size": Setting(64, "samples in a step", low=1),
    "lr": Setting(1e-3, "learning rate of Adam", low=0),
    "width": Setting(16, "filters of the first convolution", low=1),
    "eps": Setting(0.25, "strength of the attack, in units of the full range of a pixel", low=0, high=1),
    "attacked": Setting(2000, "test images that are attacked", low=10),
    "robust": Setting(False, "also train a network against the attack"),
    "robust_epochs": Setting(6, "passes of that training", low=1),
}
_BUNDLED = {"data": "digits", "batch_size": 32, "lr": 3e-3}
