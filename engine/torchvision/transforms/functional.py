"""torchvision.transforms.functional: Pillow computes what is done to images; tensors are images (...,C,H,W)."""

from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np

from ... import torch


class InterpolationMode(enum.Enum):
    """How pixels between pixels are computed."""

    NEAREST, NEAREST_EXACT, BILINEAR, BICUBIC = "nearest", "nearest-exact", "bilinear", "bicubic"
    BOX, HAMMING, LANCZOS = "box", "hamming", "lanczos"


def _is_image(image: Any) -> bool:
    from PIL import Image

    return isinstance(image, Image.Image)


def _mode(interpolation: Any) -> str:
    from PIL import Image

    if isinstance(interpolation, int) and not isinstance(interpolation, bool):
        return {Image.Resampling.NEAREST: "nearest", Image.Resampling.BILINEAR: "bilinear", Image.Resampling.BICUBIC: "bicubic",
                Image.Resampling.LANCZOS: "lanczos", Image.Resampling.BOX: "box"}[Image.Resampling(interpolation)]  # fmt: skip
    return interpolation.value if isinstance(interpolation, InterpolationMode) else str(interpolation)


def _resampling(interpolation: Any) -> Any:
    from PIL import Image

    return {"nearest": Image.Resampling.NEAREST, "nearest-exact": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
            "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX,
            "hamming": Image.Resampling.HAMMING}[_mode(interpolation)]  # fmt: skip


def get_image_size(image: Any) -> list[int]:
    """Width and height."""
    return list(image.size) if _is_image(image) else [int(image.shape[-1]), int(image.shape[-2])]


def get_dimensions(image: Any) -> list[int]:
    """Channels, height and width."""
    w, h = get_image_size(image)
    return [len(image.getbands()) if _is_image(image) else int(image.shape[-3]), h, w]


def to_tensor(pic: Any) -> Any:
    """An image as a tensor (C,H,W); bytes become floats from 0 to 1."""
    a: Any
    if _is_image(pic):
        if pic.mode == "I":
            a = np.array(pic, np.int32)
        elif pic.mode == "F":
            a = np.array(pic, np.float32)
        else:
            a = np.array(pic, np.uint8) * (255 if pic.mode == "1" else 1)
    elif isinstance(pic, np.ndarray):
        a = pic
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if a.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {a.ndim} dimensions.")
    a = a[:, :, None] if a.ndim == 2 else a
    t = torch.from_numpy(np.ascontiguousarray(np.moveaxis(a, -1, 0)))
    return t.to(torch.get_default_dtype()).div(255) if t.dtype == torch.uint8 else t


def pil_to_tensor(pic: Any) -> Any:
    """An image as a tensor (C,H,W) of bytes."""
    a = np.array(pic)
    return torch.from_numpy(np.ascontiguousarray(a[None] if a.ndim == 2 else np.moveaxis(a, -1, 0)))


def to_pil_image(pic: Any, mode: Any = None) -> Any:
    """A tensor (C,H,W) or array (H,W,C) as an image."""
    from PIL import Image

    if hasattr(pic, "numpy_copy"):
        a = pic.numpy_copy()
        a = a[None] if a.ndim == 2 else a
        if a.dtype.kind == "f" and mode != "F":
            a = (a * 255).astype(np.uint8)
        a = np.moveaxis(a, 0, -1)
    else:
        a = pic
    if a.ndim == 3 and a.shape[-1] == 1:
        a = a[..., 0]
    return Image.fromarray(a, mode) if mode is not None and mode not in ("F",) else Image.fromarray(a)


def normalize(tensor: Any, mean: Any, std: Any, inplace: bool = False) -> Any:
    """A tensor less a mean, by a deviation, for each channel."""
    if not torch.is_tensor(tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    m, s = (torch.as_tensor(v, dtype=tensor.dtype) for v in (mean, std))
    if (s == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    m, s = (v.view(-1, 1, 1) if v.ndim == 1 else v for v in (m, s))
    return tensor.sub_(m).div_(s) if inplace else (tensor - m) / s


def convert_image_dtype(image: Any, dtype: Any = torch.float32) -> Any:
    """A tensor in another dtype, its range scaled."""
    if image.is_floating_point() == torch.zeros(1, dtype=dtype).is_floating_point():
        return image.to(dtype)
    if image.is_floating_point():
        top = float(torch.iinfo(dtype).max)
        return image.mul(top + 1.0 - 1e-3).to(dtype)
    return image.to(dtype) / float(torch.iinfo(image.dtype).max)


# ---------------------------------------------------------------------- size and place
def resize(
    img: Any, size: Any, interpolation: Any = InterpolationMode.BILINEAR, max_size: Any = None, antialias: Any = True
) -> Any:
    """An image of another size; one number is the length of the shorter side."""
    w, h = get_image_size(img)
    if isinstance(size, int) or len(size) == 1:
        n = size if isinstance(size, int) else size[0]
        short, long = (w, h) if w <= h else (h, w)
        new_short, new_long = n, int(n * long / short)
        if max_size is not None and new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
        new = (new_long, new_short) if w <= h else (new_short, new_long)
    else:
        new = (int(size[0]), int(size[1]))
    if _is_image(img):
        return img.resize((new[1], new[0]), _resampling(interpolation))
    mode = _mode(interpolation)
    smooth = mode in ("bilinear", "bicubic")
    alone = img.ndim == 3
    x = img.unsqueeze(0) if alone else img
    y = torch.nn.functional.interpolate(x if x.is_floating_point() else x.to(torch.float32), new, mode=mode,
                                        align_corners=False if smooth else None,
                                        antialias=bool(antialias) and smooth)  # fmt: skip
    y = y if x.is_floating_point() else y.round().clamp(0, 255).to(x.dtype)
    return y.squeeze(0) if alone else y


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of an image, 0 where it reaches beyond."""
    if _is_image(img):
        return img.crop((left, top, left + width, top + height))
    w, h = get_image_size(img)
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    border = [max(-left, 0), max(left + width - w, 0), max(-top, 0), max(top + height - h, 0)]
    return torch.nn.functional.pad(inside, border) if any(border) else inside


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of an image, in a border of 0 where that is larger."""
    height, width = (output_size, output_size) if isinstance(output_size, int) else (output_size * 2)[:2]
    w, h = get_image_size(img)
    if width > w or height > h:
        border = [(width - w) // 2 if width > w else 0, (height - h) // 2 if height > h else 0,
                  (width - w + 1) // 2 if width > w else 0, (height - h + 1) // 2 if height > h else 0]  # fmt: skip
        img = pad(img, border)
        w, h = get_image_size(img)
    return crop(img, int(round((h - height) / 2.0)), int(round((w - width) / 2.0)), height, width)


def resized_crop(img: Any, top: int, left: int, height: int, width: int, size: Any,
                 interpolation: Any = InterpolationMode.BILINEAR, antialias: Any = True) -> Any:  # fmt: skip
    """A part of an image in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """An image with a border: one number, (left and right, top and bottom), or (left, top, right, bottom)."""
    p = [padding] * 4 if isinstance(padding, int) else list(padding) * (4 // len(padding))
    left, top, right, bottom = p
    if _is_image(img):
        if padding_mode == "constant":
            from PIL import ImageOps

            return ImageOps.expand(img, border=tuple(p), fill=fill)
        a: Any = np.asarray(img)
        kind: Any = padding_mode
        wide: Any = [(top, bottom), (left, right), *[(0, 0)] * (a.ndim - 2)]
        from PIL import Image

        return Image.fromarray(np.pad(a, wide, mode=kind))
    mode = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "symmetric": None}[padding_mode]
    if mode is None:
        raise NotImplementedError(
            "torchvision.transforms.Pad: padding_mode 'symmetric' of tensors is not supported; pad the image"
        )
    return torch.nn.functional.pad(img, [left, right, top, bottom], mode=mode, value=fill if mode == "constant" else None)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    from PIL import Image

    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if _is_image(img) else img.flip(-1)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    from PIL import Image

    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if _is_image(img) else img.flip(-2)


def _through_image(img: Any, f: Any) -> Any:
    """What Pillow does, for a tensor too: channel by channel as floats."""
    if _is_image(img):
        return f(img)
    from PIL import Image

    a = img.numpy_copy()
    planes = a.reshape(-1, *a.shape[-2:]).astype(np.float32)
    done = np.stack([np.asarray(f(Image.fromarray(p, mode="F"))) for p in planes])
    return torch.from_numpy(done.reshape(*a.shape[:-2], *done.shape[-2:]).astype(a.dtype))


def rotate(img: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False, center: Any = None,
           fill: Any = None) -> Any:  # fmt: skip
    """An image turned counter-clockwise by degrees."""
    resample = _resampling(interpolation)
    several = list(fill) if isinstance(fill, list | tuple) else [fill]
    colour: Any = tuple(several) if len(several) > 1 else several[0]
    return _through_image(img, lambda i: i.rotate(angle, resample, expand, center, fillcolor=colour or None))


def affine(img: Any, angle: float, translate: Any, scale: float, shear: Any, interpolation: Any = InterpolationMode.NEAREST,
           fill: Any = None, center: Any = None) -> Any:  # fmt: skip
    """An image turned, moved, scaled and sheared."""
    from PIL import Image

    w, h = get_image_size(img)
    shears = [shear, 0.0] if isinstance(shear, int | float) else [*shear, 0.0][:2]
    cx, cy = (w * 0.5, h * 0.5) if center is None else center
    matrix = inverse_affine((cx, cy), angle, translate, scale, shears)
    colour = fill[0] if isinstance(fill, list | tuple) and len(fill) == 1 else fill
    return _through_image(
        img, lambda i: i.transform((w, h), Image.Transform.AFFINE, matrix, _resampling(interpolation), fillcolor=colour)
    )


def inverse_affine(center: Any, angle: float, translate: Any, scale: float, shear: Any) -> list[float]:
    """The map from output to input pixels."""
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    m = [d / scale, -b / scale, 0.0, -c / scale, a / scale, 0.0]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m


# ---------------------------------------------------------------------- colours
def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A grey image, of one channel or three."""
    if not _is_image(img):
        return rgb_to_grayscale(img, num_output_channels)
    grey = img.convert("L")
    if num_output_channels == 1:
        return grey
    from PIL import Image

    return Image.merge("RGB", (grey, grey, grey))


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A grey image, of one channel or three."""
    if _is_image(img):
        return to_grayscale(img, num_output_channels)
    if img.shape[-3] == 1:
        grey = img
    else:
        r, g, b = img.unbind(-3)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    return grey.expand(*img.shape[:-3], 3, *img.shape[-2:]) if num_output_channels == 3 else grey


def _blend(a: Any, b: Any, ratio: float) -> Any:
    bound = 1.0 if a.is_floating_point() else 255.0
    return (ratio * a + (1.0 - ratio) * b).clamp(0, bound).to(a.dtype)


def _enhanced(name: str, img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return getattr(ImageEnhance, name)(img).enhance(factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Brighter or darker."""
    return (
        _enhanced("Brightness", img, brightness_factor)
        if _is_image(img)
        else _blend(img, torch.zeros_like(img), brightness_factor)
    )


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """More or less contrast."""
    if _is_image(img):
        return _enhanced("Contrast", img, contrast_factor)
    grey = rgb_to_grayscale(img) if img.shape[-3] == 3 else img
    grey = grey if img.is_floating_point() else grey.floor()
    return _blend(img, grey.float().mean(dim=(-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """More or less colour."""
    return _enhanced("Color", img, saturation_factor) if _is_image(img) else _blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Other colours."""
    if not _is_image(img):
        raise NotImplementedError(
            "torchvision.transforms.functional.adjust_hue: of tensors it is not supported; change the image"
        )
    if img.mode in ("L", "1", "I", "F"):
        return img
    from PIL import Image

    h, s, v = img.convert("HSV").split()
    turned = (np.array(h, dtype=np.int16) + int(hue_factor * 255)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8), "L"), s, v)).convert(img.mode)


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """A blurred tensor."""
    ks = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    sg = (
        [0.3 * ((k - 1) * 0.5 - 1) + 0.8 for k in ks]
        if sigma is None
        else [float(sigma)] * 2
        if isinstance(sigma, int | float)
        else list(sigma) * (2 // len(sigma))
    )
    x = to_tensor(img) if _is_image(img) else img
    curves = []
    for k, s in zip(ks, sg, strict=True):
        at = torch.linspace(-(k - 1) / 2, (k - 1) / 2, k)
        w = torch.exp(-0.5 * (at / s).pow(2))
        curves.append(w / w.sum())
    weight = (curves[1][:, None] * curves[0][None, :]).expand(x.shape[-3], 1, ks[1], ks[0])
    floats = (x if x.is_floating_point() else x.float()).reshape(-1, *x.shape[-3:])
    floats = torch.nn.functional.pad(floats, [ks[0] // 2, ks[0] // 2, ks[1] // 2, ks[1] // 2], mode="reflect")
    y = torch.nn.functional.conv2d(floats, weight.contiguous().to(floats.dtype), groups=x.shape[-3]).reshape(x.shape)
    y = y if x.is_floating_point() else y.round().to(x.dtype)
    return to_pil_image(y) if _is_image(img) else y


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """A tensor with a rectangle overwritten."""
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out
