"""A text as the numbers of its characters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples, read_text
from ..data.readers.texts import load_text
from ..errors import DataError
from .encoders import Encoder

WINDOW = 64
"""Characters of a window that is trained on."""

LONGEST_PROMPT = 2_000


class CharacterEncoder(Encoder):
    """The numbers of characters (N,), from 1; 0 is a character that the training text does not have."""

    kind = "text"

    @classmethod
    def fitted(cls, samples: Samples) -> CharacterEncoder:
        characters, counts = np.unique(samples.inputs, return_counts=True)
        order = np.lexsort((characters, -counts))
        return cls({"characters": "".join(characters[order]), "length": max(8, min(WINDOW, len(samples) // 40))})

    def encode(self, samples: Samples) -> HostArray:
        return self.numbers("".join(samples.inputs))

    def numbers(self, text: str) -> HostArray:
        """The numbers of the characters of a text."""
        places = {c: k + 1 for k, c in enumerate(self.settings["characters"])}
        return np.array([places.get(c, 0) for c in text], dtype=np.int64)

    def read(self, source: Any) -> Samples:
        items = [source] if isinstance(source, str | Path) else list(source)
        if not items or not all(isinstance(i, str | Path) for i in items):
            raise DataError(f"predict: expected texts to continue, got {type(items[0]).__name__ if items else 'nothing'}")
        texts = [load_text(i) if isinstance(i, Path) else i for i in items]
        if not all(texts):
            raise DataError("predict: a text to continue must have at least one character")
        places = [str(i) if isinstance(i, Path) else repr(i[-40:]) for i in items]
        return Samples("texts", [t[-LONGEST_PROMPT:] for t in texts], None, None, places)

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        return read_text(path)

    def unlike(self, samples: Samples) -> list[list[str]]:
        known = set(self.settings["characters"])
        odd = [sorted(set(text) - known) for text in samples.inputs]
        return [[f"characters that the training text does not have: {' '.join(o[:5])}"] if o else [] for o in odd]
