"""Images in one folder per class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .vision import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path: Any) -> Any:
    """An image of red, green and blue."""
    from PIL import Image

    with open(path, "rb") as f:
        return Image.open(f).convert("RGB")


class DatasetFolder(VisionDataset):
    """Files in one folder per class, whose names in order are the classes."""

    def __init__(self, root: Any, loader: Any, extensions: Any = None, transform: Any = None, target_transform: Any = None,
                 is_valid_file: Any = None, allow_empty: bool = False) -> None:  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.classes = sorted(e.name for e in os.scandir(root) if e.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {root}.")
        self.class_to_idx = {c: i for i, c in enumerate(self.classes)}
        ok = is_valid_file or (lambda p: str(p).lower().endswith(extensions))
        self.samples = [(str(p), self.class_to_idx[c]) for c in self.classes
                        for p in sorted(Path(root, c).rglob("*")) if p.is_file() and ok(str(p))]  # fmt: skip
        empty = set(self.class_to_idx.values()) - {t for _, t in self.samples}
        if empty and not allow_empty:
            raise FileNotFoundError(f"Found no valid file for the classes {', '.join(self.classes[i] for i in sorted(empty))}.")
        self.targets = [t for _, t in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        path, target = self.samples[index]
        return self.changed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Images in one folder per class."""

    def __init__(self, root: Any, transform: Any = None, target_transform: Any = None, loader: Any = default_loader,
                 is_valid_file: Any = None, allow_empty: bool = False) -> None:  # fmt: skip
        super().__init__(root, loader, IMG_EXTENSIONS if is_valid_file is None else None, transform, target_transform,
                         is_valid_file, allow_empty)  # fmt: skip
        self.imgs = self.samples
