"""torchvision.ops: boxes (N,4) with corners x1, y1, x2, y2."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import torch


def box_area(boxes: Any) -> Any:
    """The areas (N)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _wide(boxes: Any) -> Any:
    return boxes if boxes.is_floating_point() else boxes.float()


def _overlap(boxes1: Any, boxes2: Any) -> tuple[Any, Any]:
    """The areas that pairs have in common, and together (N,M)."""
    low = torch.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    high = torch.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    sides = (high - low).clamp(min=0)
    both = sides[..., 0] * sides[..., 1]
    return both, box_area(boxes1)[:, None] + box_area(boxes2)[None, :] - both


def box_iou(boxes1: Any, boxes2: Any) -> Any:
    """The common area of each pair by the area that both cover (N,M)."""
    both, union = _overlap(_wide(boxes1), _wide(boxes2))
    return both / union


def generalized_box_iou(boxes1: Any, boxes2: Any) -> Any:
    """box_iou less the share of the smallest box around both that neither covers (N,M)."""
    a, b = _wide(boxes1), _wide(boxes2)
    both, union = _overlap(a, b)
    sides = (torch.maximum(a[:, None, 2:], b[None, :, 2:]) - torch.minimum(a[:, None, :2], b[None, :, :2])).clamp(min=0)
    around = sides[..., 0] * sides[..., 1]
    return both / union - (around - union) / around


def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """The numbers of the boxes, best scores first, that overlap no better one by more than the threshold."""
    overlap = box_iou(boxes, boxes).numpy_copy()
    order = np.argsort(-scores.detach().numpy_copy(), kind="stable")
    kept, gone = [], np.zeros(len(order), dtype=bool)
    for i in order:
        if not gone[i]:
            kept.append(int(i))
            gone |= overlap[i] > iou_threshold
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def batched_nms(boxes: Any, scores: Any, idxs: Any, iou_threshold: float) -> Any:
    """nms within each group of boxes."""
    if boxes.shape[0] == 0:
        return torch.empty(0, dtype=torch.int64)
    apart = idxs.to(boxes.dtype) * (boxes.max() + 1)
    return nms(boxes + apart[:, None], scores, iou_threshold)


def box_convert(boxes: Any, in_fmt: str, out_fmt: str) -> Any:
    """Boxes from corners (xyxy), corner and size (xywh) or middle and size (cxcywh) to another of these."""
    known = ("xyxy", "xywh", "cxcywh")
    if in_fmt not in known or out_fmt not in known:
        raise ValueError(f"box_convert: no way from {in_fmt!r} to {out_fmt!r}")
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        c, d = c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return torch.stack((a, b, c, d), dim=-1)


def clip_boxes_to_image(boxes: Any, size: Any) -> Any:
    """Boxes cut off at the borders of an image of a size (H, W)."""
    height, width = size
    columns, rows = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return torch.stack((columns, rows), dim=-1).reshape(boxes.shape)


def remove_small_boxes(boxes: Any, min_size: float) -> Any:
    """The numbers of the boxes with both sides at least min_size."""
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return torch.where((wide >= min_size) & (high >= min_size))[0]
