"""torchvision.utils: pictures of batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import torch
from ..torch.names.engine import dl


def make_grid(tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False, value_range: Any = None,
              scale_each: bool = False, pad_value: float = 0.0, **_: Any) -> Any:  # fmt: skip
    """Images side by side in one picture (C,H,W)."""
    x = torch.stack(tensor, dim=0) if isinstance(tensor, list | tuple) else tensor
    while x.dim() < 3:
        x = x.unsqueeze(0)
    if x.dim() == 3:
        x = x.unsqueeze(0)
    if x.size(1) == 1:
        x = torch.cat((x, x, x), 1)
    if normalize:
        x = x.clone()
        for part in x if scale_each else (x,):
            low, high = (float(part.min()), float(part.max())) if value_range is None else value_range
            part.clamp_(min=low, max=high)
            part.sub_(low).div_(max(high - low, 1e-5))
    count = x.size(0)
    if count == 1:
        return x.squeeze(0)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = int(x.size(2) + padding), int(x.size(3) + padding)
    grid = x.new_full((x.size(1), height * rows + padding, width * columns + padding), pad_value)
    with dl.no_grad():
        for k in range(count):
            top, left = (k // columns) * height + padding, (k % columns) * width + padding
            grid[:, top : top + height - padding, left : left + width - padding] = x[k]
    return grid


def save_image(tensor: Any, fp: Any, format: Any = None, **options: Any) -> None:
    """Write images, with values from 0 to 1, as one picture."""
    from PIL import Image

    grid = make_grid(tensor.detach() if hasattr(tensor, "detach") else tensor, **options)
    bytes_ = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", torch.uint8).numpy_copy()
    Image.fromarray(bytes_).save(fp, format=format)


def _colors(colors: Any, n: int) -> list[Any]:
    """A colour for each of n things."""
    if colors is None:
        return [tuple(i * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1)) for i in range(n)]
    found = [colors] * n if isinstance(colors, str | tuple) else list(colors)
    if len(found) < n:
        raise ValueError(f"Number of colors must be equal or larger than the number of objects, but got {len(found)} < {n}.")
    return found


def draw_bounding_boxes(image: Any, boxes: Any, labels: Any = None, colors: Any = None, fill: bool = False, width: int = 1,
                        font: Any = None, font_size: Any = None) -> Any:  # fmt: skip
    """An image (C,H,W) with the outlines of boxes (N,4), and a label at each."""
    from PIL import Image, ImageColor, ImageDraw, ImageFont

    if image.dim() != 3 or image.size(0) not in (1, 3):
        raise ValueError(f"draw_bounding_boxes: expected one image (1,H,W) or (3,H,W), got {tuple(image.shape)}")
    if (boxes[:, 0] > boxes[:, 2]).any() or (boxes[:, 1] > boxes[:, 3]).any():
        raise ValueError("Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them")
    n = boxes.shape[0]
    if labels is not None and len(labels) != n:
        raise ValueError(f"Number of boxes ({n}) and labels ({len(labels)}) mismatch. Please specify labels for each box.")
    floating = image.is_floating_point()
    pixels = (image * 255).to(torch.uint8) if floating else image
    picture = Image.fromarray((pixels if pixels.size(0) == 3 else pixels.tile((3, 1, 1))).permute(1, 2, 0).numpy_copy())
    draw = ImageDraw.Draw(picture, "RGBA" if fill else None)
    written = ImageFont.load_default() if font is None else ImageFont.truetype(font, font_size or 10)
    for box, color, label in zip(boxes.to(torch.int64).tolist(), _colors(colors, n), labels or [None] * n, strict=False):
        color = ImageColor.getrgb(color) if isinstance(color, str) else color
        draw.rectangle(box, outline=color, width=width, fill=(*color, 100) if fill else None)
        if label is not None:
            draw.text((box[0] + width + 1, box[1] + width + 1), label, fill=color, font=written)
    found = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return found / 255 if floating else found
