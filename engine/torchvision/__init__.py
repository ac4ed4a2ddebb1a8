"""torchvision's names as far as courses use them: data sets from local files, transforms, models without weights, utils."""

from __future__ import annotations

from typing import Any

from . import datasets as datasets
from . import io as io
from . import models as models
from . import ops as ops
from . import transforms as transforms
from . import utils as utils

__version__ = "0.28.0+dlengine"


def set_image_backend(backend: str) -> None:
    """Accepted for PIL, which reads all images here."""
    if backend != "PIL":
        raise NotImplementedError(f"torchvision.set_image_backend({backend!r}): images are read by Pillow")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from ..torch.missing import explain

    raise AttributeError(explain(f"torchvision.{name}"))
