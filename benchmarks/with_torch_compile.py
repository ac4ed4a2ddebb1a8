"""The functions that the definitions use, from PyTorch, with losses, ops and models compiled by torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from . import with_torch

globals().update({name: getattr(with_torch, name) for name in with_torch.__all__})
# What follows differs from PyTorch.
NAME = "torch.compile"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled for the shapes that come; forward, and backward where gradients are asked for."""
    quick: Callable[..., Any] = torch.compile(function, dynamic=False)
    return quick


def inference(model: Any, x: Any) -> Callable[[], Any]:
    return with_torch.inference(compiled(model.eval()), x)
