"""torchvision.io: images to and from files."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import torch


class ImageReadMode:
    """How an image is read."""

    UNCHANGED, GRAY, RGB = "UNCHANGED", "L", "RGB"


def read_image(path: Any, mode: str = ImageReadMode.UNCHANGED) -> Any:
    """An image (C,H,W) of bytes."""
    from PIL import Image

    image: Any = Image.open(path)
    if mode != ImageReadMode.UNCHANGED:
        image = image.convert(mode)
    elif image.mode == "P":
        image = image.convert("RGB")
    a = np.asarray(image)
    return torch.from_numpy(np.ascontiguousarray(a[None] if a.ndim == 2 else np.moveaxis(a, -1, 0)))


def write_png(input: Any, filename: str, compression_level: int = 6) -> None:
    """Write an image (C,H,W) of bytes."""
    from PIL import Image

    a = np.moveaxis(input.numpy_copy(), 0, -1)
    Image.fromarray(a[..., 0] if a.shape[-1] == 1 else a).save(filename)
