"""Everything that torch itself names, put together from the families."""

from __future__ import annotations

import math
from typing import Any

from ..nn import functional as _F
from . import extra, modes, places, printing, spectral, tensor
from .core import FUNCTIONS, METHODS, define, in_place, is_tensor
from .engine import dl
from .shaping import COPIES
from .short import shorten

SHARED = ("kl_div", "embedding_bag", "poisson_nll_loss", "binary_cross_entropy_with_logits", "group_norm")
"""Functions of torch.nn.functional that torch has too, with the same arguments."""


def collected(roots: dict[str, Any]) -> dict[str, Any]:
    """The names of torch, after the class of tensors got its methods; roots: linear algebra under torch's own names."""
    for name, f in roots.items():
        define(name)(f)
    for name in COPIES:
        source = FUNCTIONS.get(name) or METHODS.get(name)
        if source is not None:
            define(f"{name}_copy", method=False)(_copying(source))
    for name in ("sum", "mean", "softmax", "all", "any"):
        METHODS.setdefault(name, FUNCTIONS[name])
    in_place(*(n for n in ("erf", "erfc", "trunc", "lerp") if n in METHODS))
    for name in ("conv1d", "conv2d", "conv3d", "batch_norm", "layer_norm", "dropout", "bilinear", "pdist", "cosine_similarity"):
        METHODS.pop(name, None)
    for name in [n for n in METHODS if n.endswith("_") and n[:-1] in FUNCTIONS]:
        FUNCTIONS.setdefault(name, METHODS[name])
    shorten(FUNCTIONS, METHODS)
    tensor.finish()
    return {
        **{name: getattr(_F, name) for name in SHARED}, **FUNCTIONS, **places.DTYPES, **modes.NAMES, **extra.NAMES,
        "Tensor": tensor.Tensor, "dtype": places.dtype, "device": places.device, "Size": places.Size, "finfo": places.finfo,
        "iinfo": places.iinfo, "Generator": extra.Generator, "set_printoptions": printing.set_printoptions,
        "is_tensor": is_tensor,
        "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None, "strided": "strided",
        "contiguous_format": "contiguous_format", "channels_last": "channels_last", "preserve_format": "preserve_format",
    }  # fmt: skip


_ = spectral


def _copying(f: Any) -> Any:
    def call(input: Any, *args: Any, **options: Any) -> Any:
        found = f(input, *args, **options)
        return tuple(dl.clone(part) for part in found) if isinstance(found, tuple) else dl.clone(found)

    return call
