"""torchvision's models have the published names and numbers of weights; boxes, transforms of version 2 and local sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dlengine.torch as torch
from dlengine.torchvision import datasets, models, ops, utils
from dlengine.torchvision.transforms import v2

any_v2: Any = v2


@pytest.mark.parametrize(
    ("name", "count", "keys", "parts"),
    [
        ("squeezenet1_0", 1_248_424, 52, {"features.3.expand3x3.weight": (64, 16, 3, 3), "classifier.1.bias": (1000,)}),
        ("squeezenet1_1", 1_235_496, 52, {"features.12.squeeze.weight": (64, 512, 1, 1), "features.0.weight": (64, 3, 3, 3)}),
        ("mobilenet_v2", 3_504_872, 314, {
            "features.0.0.weight": (32, 3, 3, 3), "features.1.conv.1.weight": (16, 32, 1, 1),
            "features.17.conv.1.0.weight": (960, 1, 3, 3), "features.17.conv.3.running_var": (320,),
            "features.18.1.bias": (1280,), "classifier.1.weight": (1000, 1280)}),
        ("densenet121", 7_978_856, 727, {
            "features.conv0.weight": (64, 3, 7, 7), "features.denseblock3.denselayer24.conv1.weight": (128, 992, 1, 1),
            "features.transition2.norm.running_mean": (512,), "features.norm5.weight": (1024,),
            "classifier.weight": (1000, 1024)}),
    ],
)  # fmt: skip
def test_models(name: str, count: int, keys: int, parts: dict[str, tuple[int, ...]]) -> None:
    made = getattr(models, name)()
    state = made.state_dict()
    assert sum(p.numel() for p in made.parameters()) == count
    assert len(state) == keys
    assert {k: tuple(state[k].shape) for k in parts} == parts
    with torch.no_grad():
        assert tuple(made.eval()(torch.zeros(1, 3, 64, 64)).shape) == (1, 1000)
    with pytest.raises(NotImplementedError, match="not downloaded"):
        getattr(models, name)(weights="DEFAULT")


def test_boxes() -> None:
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 5.0, 5.0], [6.0, 6.0, 8.0, 9.0], [0.0, 0.0, 4.0, 3.0]])
    assert ops.box_area(boxes).tolist() == [16.0, 16.0, 6.0, 12.0]
    iou = ops.box_iou(boxes, boxes)
    np.testing.assert_allclose(iou[0].numpy(), [1, 9 / 23, 0, 12 / 16], rtol=1e-6)
    np.testing.assert_allclose(ops.generalized_box_iou(boxes, boxes)[0, 1:3].numpy(), [9 / 23 - 2 / 25, -50 / 72], rtol=1e-6)
    scores = torch.tensor([0.6, 0.9, 0.1, 0.7])
    assert ops.nms(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert ops.nms(boxes, scores, 0.2).tolist() == [1, 2]
    assert ops.batched_nms(boxes, scores, torch.tensor([0, 0, 0, 1]), 0.2).tolist() == [1, 3, 2]
    for form in ("xywh", "cxcywh"):
        np.testing.assert_allclose(ops.box_convert(ops.box_convert(boxes, "xyxy", form), form, "xyxy").numpy(), boxes.numpy())
    assert ops.box_convert(boxes[2:3], "xyxy", "cxcywh").tolist() == [[7.0, 7.5, 2.0, 3.0]]
    assert ops.clip_boxes_to_image(boxes, (4, 7))[1:3].tolist() == [[1.0, 1.0, 5.0, 4.0], [6.0, 4.0, 7.0, 4.0]]
    assert ops.remove_small_boxes(boxes, 3.0).tolist() == [0, 1, 3]
    with pytest.raises(ValueError, match="no way from 'xy'"):
        ops.box_convert(boxes, "xy", "xyxy")


def test_drawn_boxes() -> None:
    drawn = utils.draw_bounding_boxes(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.tensor([[1, 2, 5, 6]]), colors="red")
    border = np.zeros((8, 8), dtype=bool)
    border[2:7, 1:6] = True
    border[3:6, 2:5] = False
    np.testing.assert_array_equal(drawn.numpy(), np.stack([border * 255, border * 0, border * 0]))
    grey = utils.draw_bounding_boxes(torch.zeros(1, 20, 20), torch.tensor([[1, 2, 15, 16]]), labels=["a"], fill=True)
    assert tuple(grey.shape) == (3, 20, 20)
    with pytest.raises(ValueError, match="mismatch"):
        utils.draw_bounding_boxes(torch.zeros(1, 20, 20), torch.tensor([[1, 2, 15, 16]]), labels=[])


def test_version_2() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    steps = [any_v2.ToImage(), any_v2.RandomHorizontalFlip(p=1.0), any_v2.ToDtype(torch.float32, scale=True),
             any_v2.Normalize([0.5] * 3, [0.25] * 3)]  # fmt: skip
    change = any_v2.Compose(steps)
    wanted = (pixels[:, ::-1].transpose(2, 0, 1) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(change(image).numpy(), wanted, rtol=1e-5, atol=1e-5)
    found, label = change(image, 3)
    assert label == 3
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-5)
    assert tuple(any_v2.Resize((3, 4), antialias=True)(any_v2.ToImage()(image)).shape) == (3, 3, 4)
    assert any_v2.ToDtype(torch.int64)(any_v2.ToImage()(pixels)).numpy().max() == pixels.max()
    with pytest.raises(NotImplementedError, match="one image"):
        change(image, image)


def test_kmnist(tmp_path: Path) -> None:
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    sizes = np.array([2, 28, 28], dtype=">i4").tobytes()
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03" + sizes + pixels.tobytes())
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"\x00\x00\x08\x01" + np.array([2], dtype=">i4").tobytes() + bytes([7, 1]))
    held = datasets.KMNIST(tmp_path, train=False)
    image, label = held[0]
    assert (len(held), label, held.classes[label]) == (2, 7, "ya")
    np.testing.assert_array_equal(np.asarray(image), pixels[0])
    with pytest.raises(RuntimeError, match="put KMNIST"):
        datasets.KMNIST(tmp_path, train=True, download=True)
