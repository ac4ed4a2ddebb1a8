"""torchvision.utils: pictures of batches."""

from __future__ import annotations

import math
from typing import Any

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
