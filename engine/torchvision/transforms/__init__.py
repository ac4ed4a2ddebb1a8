"""torchvision.transforms: of Pillow images and tensors (...,C,H,W)."""

from __future__ import annotations

from . import functional as functional
from . import v2 as v2
from .classes import *  # noqa: F403
from .functional import InterpolationMode as InterpolationMode
