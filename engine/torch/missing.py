"""What to say of a name that is not there: the nearest names, and how often courses use it."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Any

USES: dict[str, int] = {
    "torchvision.models.efficientnet_b0": 6, "torchvision.models.vit_b_16": 3, "torchvision.datasets.CelebA": 6,
    "torch.futures": 5, "torch.library": 2, "torch.export": 2,
}  # fmt: skip
"""In how many of 1,044 public course files a name occurs that is not there."""


def explain(name: str) -> str:
    """A sentence about a name that is not there."""
    path, _, last = name.rpartition(".")
    module: Any = sys.modules.get("dlengine." + path)
    near = get_close_matches(last, [n for n in dir(module) if not n.startswith("_")], 3) if module is not None else []
    found = f"{name} is not there"
    if near:
        found += f"; nearest: {', '.join(near)}"
    times = USES.get(name)
    if times:
        found += f"; {times} of 1,044 course files use it"
    return found
