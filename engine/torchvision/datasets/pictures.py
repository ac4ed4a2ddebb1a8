"""MNIST, Fashion-MNIST, USPS, CIFAR-10 and Omniglot, in torchvision's layout of files or dlengine's, and made-up images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ... import data as _data
from ... import torch
from .vision import VisionDataset


def _missing(name: str, root: Any, file: str) -> RuntimeError:
    return RuntimeError(
        f"{name}: Dataset not found. Nothing is downloaded unless download=True asks for it; put {file} into {root}, or name the "
        "folder that holds the sets in DLENGINE_DATA"
    )


def _folder(key: str, root: Any) -> Any:
    """The folder of dlengine's layout that holds a set: the one given, its parent, or the data folder."""
    for base in (Path(root), Path(root).parent, _data.data_folder()):
        if _data.catalogue.held(key, base):
            return base
    return None


class _Pictures(VisionDataset):
    """Images as bytes (N,H,W) or (N,H,W,C), and numbers of classes."""

    key = ""
    reader: Any = None
    grey = True

    def __init__(self, root: Any, train: bool = True, transform: Any = None, target_transform: Any = None,
                 download: bool = False) -> None:  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        images, labels, classes = self._read(root, train, download)
        self._keep(images, labels)
        self.classes = list(classes or [])
        self.class_to_idx = {c: i for i, c in enumerate(self.classes)}

    def _keep(self, images: Any, labels: Any) -> None:
        self.data, self.targets = torch.from_numpy(images), torch.from_numpy(labels)

    def _read(self, root: Any, train: bool, download: bool) -> Any:
        found = self._raw(Path(root) / type(self).__name__ / "raw", train)
        if found is not None:
            return (*found, self._classes())
        folder = _folder(self.key, root)
        if folder is None and not download:
            raise _missing(type(self).__name__, root, f"{type(self).__name__}/raw/*-ubyte")
        held = type(self).reader(train, data_dir=folder)
        images, labels = held.arrays
        layout = images[:, 0] if self.grey else np.moveaxis(images, 1, -1)
        return np.ascontiguousarray(layout), np.asarray(labels, dtype=np.int64), held.classes

    def _raw(self, folder: Path, train: bool) -> Any:
        """torchvision's files in MNIST's format."""
        start = "train" if train else "t10k"
        parts = []
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            paths = [folder / f"{start}-{kind}{end}" for end in ("", ".gz")]
            path = next((p for p in paths if p.is_file()), None)
            if path is None:
                return None
            parts.append(_data.read_idx(path))
        return parts[0], parts[1].astype(np.int64)

    def _classes(self) -> list[str]:
        return []

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        image = self.data[index]
        target = self.targets[index]
        array = image.numpy_copy() if hasattr(image, "numpy_copy") else image
        return self.changed(Image.fromarray(array), int(target))


_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class MNIST(_Pictures):
    """Handwritten digits."""

    key, reader = "mnist", staticmethod(_data.mnist)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.classes = [f"{i} - {name}" for i, name in enumerate(_DIGITS)]
        self.class_to_idx = {c: i for i, c in enumerate(self.classes)}

    @property
    def train_data(self) -> Any:
        """The images under their old name."""
        return self.data

    test_data = train_data

    @property
    def train_labels(self) -> Any:
        """The classes under their old name."""
        return self.targets

    test_labels = train_labels


class FashionMNIST(MNIST):
    """Pictures of clothes."""

    key, reader = "fashion-mnist", staticmethod(_data.fashion_mnist)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.classes = list(_CLOTHES)
        self.class_to_idx = {c: i for i, c in enumerate(self.classes)}


class KMNIST(MNIST):
    """Japanese characters in MNIST's format, from local files alone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
        self.class_to_idx = {c: i for i, c in enumerate(self.classes)}

    def _read(self, root: Any, train: bool, download: bool) -> Any:
        found = self._raw(Path(root) / "KMNIST" / "raw", train)
        if found is None:
            raise RuntimeError(f"KMNIST: Dataset not found. This set is not downloaded; put KMNIST/raw/*-ubyte into {root}")
        return (*found, [])


class USPS(_Pictures):
    """Digits from envelopes."""

    key, reader = "usps", staticmethod(_data.usps)

    def _keep(self, images: Any, labels: Any) -> None:
        self.data, self.targets = images, labels.tolist()


class CIFAR10(_Pictures):
    """Colour pictures in ten classes."""

    key, reader, grey = "cifar10", staticmethod(_data.cifar10), False

    def _keep(self, images: Any, labels: Any) -> None:
        self.data, self.targets = images, labels.tolist()


class Omniglot(VisionDataset):
    """Characters of 50 alphabets, of 28 x 28 pixels (torchvision's files have 105 x 105)."""

    def __init__(self, root: Any, background: bool = True, transform: Any = None, target_transform: Any = None,
                 download: bool = False) -> None:  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        folder = _folder("omniglot", root)
        if folder is None and not download:
            raise _missing("Omniglot", root, "the set in dlengine's layout")
        held = _data.omniglot(background, data_dir=folder)
        self.data, labels = held.arrays
        self.targets = (labels - labels.min()).tolist()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        return self.changed(Image.fromarray(255 - self.data[index][0]), int(self.targets[index]))


class FakeData(VisionDataset):
    """Random images, the same at each reading."""

    def __init__(self, size: int = 1000, image_size: Any = (3, 224, 224), num_classes: int = 10, transform: Any = None,
                 target_transform: Any = None, random_offset: int = 0) -> None:  # fmt: skip
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        rng = np.random.default_rng(index + self.random_offset)
        image = rng.integers(0, 256, (*self.image_size[1:], self.image_size[0]), dtype=np.uint8)
        return self.changed(
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image), int(rng.integers(self.num_classes))
        )


def _absent(name: str) -> Any:
    def init(*_: Any, **__: Any) -> None:
        raise NotImplementedError(
            f"torchvision.datasets.{name}: this set is not supported; unpack its images and read them with ImageFolder"
        )

    init.__name__ = name
    return init


CIFAR100, CelebA, LSUN, STL10, SVHN, EMNIST, Food101 = map(
    _absent, ("CIFAR100", "CelebA", "LSUN", "STL10", "SVHN", "EMNIST", "Food101")
)
