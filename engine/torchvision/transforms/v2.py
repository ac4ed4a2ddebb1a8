"""torchvision.transforms.v2, as far as it is version 1 under other names: one image, and what goes with it unchanged."""

from __future__ import annotations

from typing import Any

from ... import torch
from . import classes as _classes
from . import functional as functional
from .functional import InterpolationMode as InterpolationMode


def _is_picture(value: Any) -> bool:
    return functional._is_image(value) or (torch.is_tensor(value) and value.ndim > 1)


def _several(plain: Any) -> Any:
    """A call with an image and its label, as arguments or as one tuple."""

    def call(self: Any, *inputs: Any) -> Any:
        first, *rest = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], tuple) else inputs
        if any(_is_picture(v) for v in rest):
            raise NotImplementedError(
                f"torchvision.transforms.v2.{type(self).__name__}: it changes one image; masks and boxes beside it are not "
                "supported"
            )
        found = plain(self, first)
        return (found, *rest) if rest else found

    return call


class Transform(_classes._Transform):
    """Base of transforms: a subclass defines transform(inpt, params), and make_params(flat_inputs) for random numbers."""

    def make_params(self, flat_inputs: Any) -> Any:
        """What a call draws by chance."""
        return {}

    def transform(self, inpt: Any, params: Any) -> Any:
        """The changed image."""
        raise NotImplementedError

    def __call__(self, *inputs: Any) -> Any:
        return _several(lambda self, x: self.transform(x, self.make_params([x])))(self, *inputs)


def to_image(inpt: Any) -> Any:
    """An image as a tensor (C,H,W), its numbers unchanged."""
    if torch.is_tensor(inpt):
        return inpt
    if functional._is_image(inpt):
        return functional.pil_to_tensor(inpt)
    array = torch.from_numpy(inpt)
    return array[None] if array.ndim == 2 else array.permute(2, 0, 1)


def to_dtype(inpt: Any, dtype: Any = torch.float32, scale: bool = False) -> Any:
    """A tensor in another dtype; scale: its range too."""
    return functional.convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


class ToImage(Transform):
    """An image as a tensor (C,H,W), its numbers unchanged."""

    def transform(self, inpt: Any, params: Any) -> Any:
        """The tensor."""
        return to_image(inpt)


class ToDtype(Transform):
    """A tensor in another dtype; scale: its range too."""

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        self.dtype, self.scale = dtype, scale

    def transform(self, inpt: Any, params: Any) -> Any:
        """The tensor."""
        return to_dtype(inpt, self.dtype, self.scale)


class Identity(Transform):
    """Nothing."""

    def transform(self, inpt: Any, params: Any) -> Any:
        """The image."""
        return inpt


class ToPureTensor(Identity):
    """Nothing: images are tensors of no class of their own."""


class RGB(Transform):
    """An image of three channels."""

    def transform(self, inpt: Any, params: Any) -> Any:
        """The image."""
        if functional._is_image(inpt):
            return inpt.convert("RGB")
        return torch.cat([inpt] * 3, -3) if inpt.shape[-3] == 1 else inpt


for _name in _classes.__all__:
    _plain: Any = getattr(_classes, _name)
    if isinstance(_plain, type) and _name not in ("Compose", "Scale", "RandomApply", "RandomChoice", "RandomOrder"):
        globals()[_name] = type(_name, (_plain,), {"__call__": _several(_plain.__call__), "__doc__": _plain.__doc__})


class Compose(_classes.Compose):
    """Transforms one after another."""

    def __call__(self, *inputs: Any) -> Any:
        given: Any = inputs[0] if len(inputs) == 1 else inputs
        steps: list[Any] = list(self.transforms)
        for step in steps:
            t: Any = step
            whole = not isinstance(given, tuple) or isinstance(step, _classes._Transform)
            given = t(given) if whole else (t(given[0]), *given[1:])
        return given


class RandomApply(_classes.RandomApply):
    """Transforms by chance."""

    __call__ = _several(_classes.RandomApply.__call__)


class RandomChoice(_classes.RandomChoice):
    """One of several transforms."""

    __call__ = _several(_classes.RandomChoice.__call__)


class RandomOrder(_classes.RandomOrder):
    """Transforms in random order."""

    __call__ = _several(_classes.RandomOrder.__call__)
