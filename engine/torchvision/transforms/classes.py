"""Transforms as objects, their random numbers from dlengine's generator."""

from __future__ import annotations

import math
from typing import Any

from ... import torch
from . import functional as F
from .functional import InterpolationMode

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "FiveCrop", "GaussianBlur", "Grayscale", "Lambda", "Normalize",
    "PILToTensor", "Pad", "RandomAffine", "RandomApply", "RandomChoice", "RandomCrop", "RandomErasing", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomOrder", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize", "Scale",
    "TenCrop", "ToPILImage", "ToTensor", "AutoAugment", "RandAugment", "TrivialAugmentWide",
]  # fmt: skip


def _uniform(low: float, high: float) -> float:
    return float(torch.rand(1).item()) * (high - low) + low


def _number(low: int, high: int) -> int:
    """low <= n <= high."""
    return int(torch.randint(low, high + 1, (1,)).item())


class _Transform:
    """A transform shows its settings."""

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({settings})"


class Compose(_Transform):
    """Transforms one after another."""

    def __init__(self, transforms: Any) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for t in self.transforms:
            img = t(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {t}" for t in self.transforms)
        return f"Compose({lines}\n)"


def _simple(name: str, f: Any, doc: str) -> Any:
    return type(name, (_Transform,), {"__call__": lambda self, img: f(img), "__doc__": doc, "__repr__": lambda self: f"{name}()"})


ToTensor = _simple("ToTensor", F.to_tensor, "An image as a tensor from 0 to 1.")
PILToTensor = _simple("PILToTensor", F.pil_to_tensor, "An image as a tensor of bytes.")


class ToPILImage(_Transform):
    """A tensor or array as an image."""

    def __init__(self, mode: Any = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)


class ConvertImageDtype(_Transform):
    """A tensor in another dtype, its range scaled."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __call__(self, image: Any) -> Any:
        return F.convert_image_dtype(image, self.dtype)


class Normalize(_Transform):
    """A tensor less a mean, by a deviation, for each channel."""

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Any) -> Any:
        return F.normalize(tensor, self.mean, self.std, self.inplace)


class Resize(_Transform):
    """An image of another size."""

    def __init__(
        self, size: Any, interpolation: Any = InterpolationMode.BILINEAR, max_size: Any = None, antialias: Any = True
    ) -> None:
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def __call__(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


Scale = Resize


class CenterCrop(_Transform):
    """The middle of an image."""

    def __init__(self, size: Any) -> None:
        self.size = size

    def __call__(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class Pad(_Transform):
    """An image with a border."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Lambda(_Transform):
    """A function of the program's own."""

    def __init__(self, lambd: Any) -> None:
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)


class Grayscale(_Transform):
    """A grey image."""

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return F.to_grayscale(img, self.num_output_channels)


class _Chance(_Transform):
    """Something done with a probability."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def done(self, img: Any) -> Any:
        """What is done."""
        raise NotImplementedError

    def __call__(self, img: Any) -> Any:
        return self.done(img) if _uniform(0, 1) < self.p else img


class RandomHorizontalFlip(_Chance):
    """Left and right exchanged with a probability."""

    def done(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_Chance):
    """Top and bottom exchanged with a probability."""

    def done(self, img: Any) -> Any:
        return F.vflip(img)


class RandomGrayscale(_Chance):
    """Grey with a probability."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def done(self, img: Any) -> Any:
        return F.to_grayscale(img, F.get_dimensions(img)[0])


class RandomApply(_Chance):
    """Transforms done together with a probability."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(p)
        self.transforms = transforms

    def done(self, img: Any) -> Any:
        for t in self.transforms:
            img = t(img)
        return img


class RandomChoice(_Transform):
    """One of several transforms."""

    def __init__(self, transforms: Any, p: Any = None) -> None:
        self.transforms, self.p = transforms, p

    def __call__(self, img: Any) -> Any:
        weights = torch.ones(len(self.transforms)) if self.p is None else torch.tensor([float(v) for v in self.p])
        return self.transforms[int(torch.multinomial(weights, 1).item())](img)


class RandomOrder(_Transform):
    """Transforms in random order."""

    def __init__(self, transforms: Any) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for i in torch.randperm(len(self.transforms)).tolist():
            img = self.transforms[i](img)
        return img


class RandomCrop(_Transform):
    """A part of an image, somewhere."""

    def __init__(
        self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else (tuple(size) * 2)[:2]
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        w, h = F.get_image_size(img)
        th, tw = self.size
        if self.pad_if_needed and (w < tw or h < th):
            img = F.pad(img, [max(tw - w, 0), max(th - h, 0)], self.fill, self.padding_mode)
            w, h = F.get_image_size(img)
        if h < th or w < tw:
            raise ValueError(f"Required crop size {(th, tw)} is larger than input image size {(h, w)}")
        return F.crop(img, _number(0, h - th), _number(0, w - tw), th, tw)


class RandomResizedCrop(_Transform):
    """A part of random size and shape, in a given size."""

    def __init__(self, size: Any, scale: Any = (0.08, 1.0), ratio: Any = (3.0 / 4.0, 4.0 / 3.0),
                 interpolation: Any = InterpolationMode.BILINEAR, antialias: Any = True) -> None:  # fmt: skip
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    def _part(self, w: int, h: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = w * h * _uniform(*self.scale)
            shape = math.exp(_uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            cw, ch = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < cw <= w and 0 < ch <= h:
                return _number(0, h - ch), _number(0, w - cw), ch, cw
        cw = min(w, round(h * self.ratio[1]))
        ch = min(h, round(w / self.ratio[0]))
        return (h - ch) // 2, (w - cw) // 2, ch, cw

    def __call__(self, img: Any) -> Any:
        top, left, ch, cw = self._part(*F.get_image_size(img))
        return F.resized_crop(img, top, left, ch, cw, self.size, self.interpolation, self.antialias)


class RandomRotation(_Transform):
    """An image turned by a random angle."""

    def __init__(self, degrees: Any, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False, center: Any = None,
                 fill: Any = 0) -> None:  # fmt: skip
        self.degrees = (-degrees, degrees) if isinstance(degrees, int | float) else tuple(degrees)
        self.interpolation, self.expand, self.center, self.fill = interpolation, expand, center, fill

    def __call__(self, img: Any) -> Any:
        return F.rotate(img, _uniform(*self.degrees), self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(_Transform):
    """An image turned, moved, scaled and sheared at random."""

    def __init__(self, degrees: Any, translate: Any = None, scale: Any = None, shear: Any = None,
                 interpolation: Any = InterpolationMode.NEAREST, fill: Any = 0, center: Any = None) -> None:  # fmt: skip
        self.degrees = (-degrees, degrees) if isinstance(degrees, int | float) else tuple(degrees)
        self.translate, self.scale, self.interpolation, self.fill, self.center = translate, scale, interpolation, fill, center
        self.shear = (-shear, shear) if isinstance(shear, int | float) else shear

    def __call__(self, img: Any) -> Any:
        w, h = F.get_image_size(img)
        angle = _uniform(*self.degrees)
        moved = (0, 0)
        if self.translate is not None:
            dx, dy = self.translate[0] * w, self.translate[1] * h
            moved = (int(round(_uniform(-dx, dx))), int(round(_uniform(-dy, dy))))
        factor = 1.0 if self.scale is None else _uniform(*self.scale)
        shear = [0.0, 0.0]
        if self.shear is not None:
            shear = [_uniform(self.shear[0], self.shear[1]), _uniform(*self.shear[2:]) if len(self.shear) == 4 else 0.0]
        return F.affine(img, angle, moved, factor, shear, self.interpolation, self.fill or None, self.center)


class ColorJitter(_Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order."""

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        self.brightness, self.contrast, self.saturation = (self._range(v, 1.0) for v in (brightness, contrast, saturation))
        self.hue = self._range(hue, 0.0)

    @staticmethod
    def _range(value: Any, centre: float) -> Any:
        if isinstance(value, int | float):
            low = centre - value
            return (max(low, 0.0) if centre else low, centre + value) if value else None
        return tuple(value)

    def __call__(self, img: Any) -> Any:
        changes = ((self.brightness, F.adjust_brightness), (self.contrast, F.adjust_contrast),
                   (self.saturation, F.adjust_saturation), (self.hue, F.adjust_hue))  # fmt: skip
        for i in torch.randperm(4).tolist():
            bounds, f = changes[i]
            if bounds is not None:
                img = f(img, _uniform(*bounds))
        return img


class GaussianBlur(_Transform):
    """A blur of random width."""

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        self.kernel_size = kernel_size
        self.sigma = (sigma, sigma) if isinstance(sigma, int | float) else tuple(sigma)

    def __call__(self, img: Any) -> Any:
        return F.gaussian_blur(img, self.kernel_size, _uniform(*self.sigma))


class RandomErasing(_Chance):
    """A rectangle of a tensor overwritten with a probability."""

    def __init__(
        self, p: float = 0.5, scale: Any = (0.02, 0.33), ratio: Any = (0.3, 3.3), value: Any = 0, inplace: bool = False
    ) -> None:
        super().__init__(p)
        self.scale, self.ratio, self.value, self.inplace = scale, ratio, value, inplace

    def done(self, img: Any) -> Any:
        h, w = img.shape[-2:]
        for _ in range(10):
            area = w * h * _uniform(*self.scale)
            shape = math.exp(_uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            eh, ew = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if eh < h and ew < w:
                value = torch.randn(img.shape[-3], eh, ew) if self.value == "random" else self.value
                return F.erase(img, _number(0, h - eh), _number(0, w - ew), eh, ew, value, self.inplace)
        return img


class FiveCrop(_Transform):
    """The four corners and the middle."""

    def __init__(self, size: Any) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def __call__(self, img: Any) -> Any:
        h, w = self.size
        iw, ih = F.get_image_size(img)
        places = ((0, 0), (0, iw - w), (ih - h, 0), (ih - h, iw - w))
        return (*(F.crop(img, top, left, h, w) for top, left in places), F.center_crop(img, (h, w)))


class TenCrop(FiveCrop):
    """Five crops of an image and of its mirror image."""

    def __call__(self, img: Any) -> Any:
        return (*super().__call__(img), *super().__call__(F.hflip(img)))


def _absent(name: str) -> Any:
    def init(*_: Any, **__: Any) -> None:
        raise NotImplementedError(
            f"torchvision.transforms.{name}: learned augmentations are not supported; compose RandomAffine, "
            "ColorJitter and RandomErasing"
        )

    init.__name__ = name
    return init


AutoAugment, RandAugment, TrivialAugmentWide = map(_absent, ("AutoAugment", "RandAugment", "TrivialAugmentWide"))
