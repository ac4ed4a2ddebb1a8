"""Images as normalized numbers; dark on light is inverted where the training images are light on dark, and vice versa."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray, convert
from ..data.readers import Samples, load_image, read_arrays, read_image_folder
from ..data.readers.arrays import image_array
from ..data.readers.folders import regular_file
from ..data.readers.image_folder import picture_array
from ..data.resampling import Resize
from ..errors import DataError
from .encoders import Encoder


class ImageEncoder(Encoder):
    """Images (N,C,H,W) as ``(x / 255 - mean) / std``."""

    kind = "images"

    @classmethod
    def fitted(cls, samples: Samples) -> ImageEncoder:
        images = samples.inputs
        scale = 255.0 if images.dtype == np.uint8 else 1.0
        part = images[:: max(1, len(images) // 2000)].astype(np.float64) / scale
        std = part.std(axis=(0, 2, 3))
        border = _border(part)
        low, high = float(part.min()), float(part.max())
        third = (high - low) / 3
        background = "dark" if (border < low + third).mean() > 0.95 else "light" if (border > high - third).mean() > 0.95 else ""
        return cls(
            {
                "size": list(images.shape[2:]), "channels": images.shape[1], "scale": scale,
                "mean": part.mean(axis=(0, 2, 3)).tolist(), "std": np.where(std > 1e-6, std, 1.0).tolist(),
                "low": low, "high": high, "background": background if images.shape[1] == 1 else "",
            }
        )  # fmt: skip

    def encode(self, samples: Samples) -> HostArray:
        s = self.settings
        images = samples.inputs.astype(np.float32) / np.float32(s["scale"])
        turned = self._inverted(images)
        images[turned] = np.float32(s["low"] + s["high"]) - images[turned]
        mean, std = (np.array(s[k], dtype=np.float32)[:, None, None] for k in ("mean", "std"))
        return np.asarray((images - mean) / std)

    def _inverted(self, images: HostArray) -> HostArray:
        """Which images have the other background than the training images (N,)."""
        s = self.settings
        border, third = _border(images), (s["high"] - s["low"]) / 3
        if s["background"] == "dark":
            return np.asarray(border > s["high"] - third)
        return np.asarray(border < s["low"] + third) if s["background"] == "light" else np.zeros(len(images), dtype=bool)

    def unlike(self, samples: Samples) -> list[list[str]]:
        turned = self._inverted(samples.inputs.astype(np.float32) / np.float32(self.settings["scale"]))
        other = {"dark": "dark on light, inverted", "light": "light on dark, inverted"}.get(self.settings["background"], "")
        return [[other] if t else [] for t in turned]

    def features(self, encoded: HostArray) -> HostArray:
        """The pixels of images reduced to at most 16 x 16."""
        height, width = (min(16, n) for n in encoded.shape[2:])
        small = resized(encoded, (height, width)) if encoded.shape[2:] != (height, width) else encoded
        return np.asarray(small.reshape(len(small), -1))

    def read(self, source: Any) -> Samples:
        items = list(source) if isinstance(source, list | tuple) else None
        if items is not None and items and all(isinstance(i, str | Path) or hasattr(i, "convert") for i in items):
            found = [self._one(i, k) for k, i in enumerate(items)]
        elif isinstance(source, str | Path) or hasattr(source, "convert"):
            found = [self._one(source, 0)]
        else:
            images = self._array(source)
            return Samples("images", images, None, None, [f"image {k}" for k in range(len(images))])
        images = np.stack([image for image, _ in found]) if found else np.empty((0, 1, 1, 1))
        return Samples("images", images, None, None, [place for _, place in found])

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        if path.is_file():
            samples = read_arrays(path)
            return replace(samples, inputs=self._array(samples.inputs))
        samples = read_image_folder(path, (int(self.settings["size"][0]), int(self.settings["size"][1])))
        return replace(samples, inputs=self._colour(samples.inputs))

    def _one(self, item: Any, number: int) -> tuple[HostArray, str]:
        """One image of a file or of Pillow, in the size and colour of the training images."""
        size = (int(self.settings["size"][0]), int(self.settings["size"][1]))
        if isinstance(item, str | Path) and Path(item).suffix.lower() == ".npy":
            from ..data.images import LARGEST, npy_array
            from ..io import reading

            path = regular_file(item)
            with reading(path, DataError, what="not a readable NPY file"), open(path, "rb") as file:
                values = npy_array(file, path.stat().st_size, 8 * LARGEST)
            return self._array(values)[0], str(path)
        image = load_image(item, size) if isinstance(item, str | Path) else picture_array(item, size)
        place = str(item) if isinstance(item, str | Path) else f"image {number}"
        return self._colour(image[None])[0], place

    def _array(self, source: Any) -> HostArray:
        """Images of arrays: one (H,W), (C,H,W) or (H,W,C), or several, in the size and colour of the training images."""
        array = convert(source, "predict: the images", "expected image files or arrays (N,C,H,W)")
        channels = self.settings["channels"]
        single = array.ndim == 2 or (array.ndim == 3 and (array.shape[0] in (1, 3) or array.shape[2] in (1, 3)))
        if single and not (array.ndim == 3 and list(array.shape[1:]) == self.settings["size"] and array.shape[0] not in (1, 3)):
            array = array[None]
        if array.ndim not in (3, 4) or 0 in array.shape:
            raise DataError(f"predict: expected images (N,C,H,W), (C,H,W) or (H,W), got shape {array.shape}")
        images = image_array(array, "predict")
        if images.dtype == np.uint8 and self.settings["scale"] == 1.0:
            images = images.astype(np.float32)
        if images.dtype != np.uint8 and self.settings["scale"] == 255.0:
            top = float(images.max(initial=0))
            if images.min() < 0 or top > 255:
                raise DataError(f"predict: pixels from {images.min():g} to {top:g}; expected 0 to 255, or 0 to 1")
            images = np.rint(images * (255 if top <= 1 else 1)).astype(np.uint8)
        if images.shape[1] not in (1, 3) and images.shape[1] != channels:
            raise DataError(f"predict: images of {images.shape[1]} channels, the model takes {channels}")
        images = self._colour(images)
        if list(images.shape[2:]) != self.settings["size"]:
            images = resized(images.astype(np.float32), tuple(self.settings["size"]))
            images = images.round().clip(0, 255).astype(np.uint8) if self.settings["scale"] == 255.0 else images
        return images

    def _colour(self, images: HostArray) -> HostArray:
        """Images (N,C,H,W) with the channels of the training images."""
        channels = self.settings["channels"]
        if images.shape[1] == channels:
            return images
        if channels == 1:
            grey = np.tensordot(images.astype(np.float32), np.array([0.299, 0.587, 0.114], np.float32), axes=(1, 0))[:, None]
            return np.asarray(grey.round().astype(np.uint8) if images.dtype == np.uint8 else grey)
        return np.repeat(images[:, :1], channels, axis=1)


def resized(images: HostArray, size: tuple[int, int]) -> HostArray:
    """Floating images (N,C,H,W) at another size."""
    return Resize(size)(images)


def _border(images: HostArray) -> HostArray:
    """The mean brightness of the outermost pixels of each image (N,)."""
    edges = (images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1])
    return np.asarray(np.mean([np.median(e, axis=(1, 2)) for e in edges], axis=0))
