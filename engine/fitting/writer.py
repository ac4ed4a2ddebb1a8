"""Bundles that continue texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.base import no_grad
from ..data import TextWindows
from ..data.host_arrays import HostArray
from ..data.host_random import uniform
from ..data.readers import Samples
from ..errors import CheckpointError, ConfigError
from ..generator import Generator
from ..ops.conversion import asarray
from .bundle import Bundle, Prediction
from .encode_text import CharacterEncoder
from .figures import Measured, measure_bits
from .networks import Characters
from .train import BATCH, outputs_for


class Writer(Bundle):
    """A bundle whose network predicts the next character of a text."""

    @property
    def characters(self) -> CharacterEncoder:
        """The encoder. Raises CheckpointError if it is of another kind."""
        if not isinstance(self.encoder, CharacterEncoder) or not isinstance(self.model, Characters):
            raise CheckpointError("the bundle writes, but has no characters")
        return self.encoder

    def predict(self, source: Any = "\n", length: int = 200, temperature: float = 0.7, seed: int = 0) -> list[Prediction]:
        """Continue texts.

        Parameters
        ----------
        source : str, Path, or a list of them
            The texts, or files with them.
        length : int
            Characters to add.
        temperature : float
            The lower, the more probable each character; 0 takes the most probable.
        seed : int
            Seed of the choices.

        Returns
        -------
        list of Prediction
            The characters that follow each text.
        """
        if length < 1 or not 0 <= temperature < float("inf"):
            raise ConfigError(f"predict: length must be at least 1 and temperature at least 0, got {length} and {temperature}")
        encoder = self.characters
        samples = source if isinstance(source, Samples) else encoder.read("\n" if source is None else source)
        warnings = encoder.unlike(samples)
        found = []
        for place, text, odd in zip(samples.places, samples.inputs, warnings, strict=True):
            numbers = self._continued(encoder.numbers(text), length, temperature, seed)
            value = "".join(encoder.settings["characters"][k - 1] for k in numbers)
            found.append(Prediction(place, value, warnings=tuple(odd)))
        return found

    def _continued(self, prompt: HostArray, length: int, temperature: float, seed: int) -> list[int]:
        """The numbers of the characters that follow."""
        model: Any = self.model
        tokens, state, found = prompt[None], None, list[int]()
        with no_grad():
            for chance in uniform(Generator(seed), length):
                scores, state = model.reader(asarray(tokens), state)
                own = scores.numpy_copy()[0, 1:, -1].astype(np.float64)  # never the unknown character
                if temperature == 0:
                    found.append(int(own.argmax()) + 1)
                else:
                    shares = np.exp((own - own.max()) / temperature).cumsum()
                    found.append(1 + min(len(own) - 1, int(np.searchsorted(shares, chance * shares[-1], side="right"))))
                tokens = np.array([found[-1:]], dtype=np.int64)
        return found

    def bits(self, numbers: HostArray) -> HostArray:
        """Bits of each character of a text, window by window (M,T)."""
        windows, found = TextWindows(numbers, self.characters.settings["length"]), list[HostArray]()
        for i in range(0, len(windows), BATCH):
            inputs, targets = windows.batch(np.arange(i, min(i + BATCH, len(windows))))
            scores = outputs_for(self.model, lambda rows, x=inputs: x[rows], len(inputs)).astype(np.float64)
            scores -= scores.max(axis=1, keepdims=True)
            logs = np.take_along_axis(scores, targets[:, None], axis=1)[:, 0] - np.log(np.exp(scores).sum(axis=1))
            found.append(-logs / np.log(2))
        return np.concatenate(found)

    def _measured(self, samples: Samples) -> list[Measured]:
        return [measure_bits(self.bits(self.characters.encode(samples)))]


def context_bits(train: HostArray, test: HostArray, context: int, size: int) -> HostArray:
    """Bits of each character of a text by counts of what followed the last characters in another text, shorter contexts mixed in.

    Source: Witten and Bell, 1991, "The zero-frequency problem".
    """
    p = np.full(len(test), 1.0 / size)
    for n in range(context + 1):
        before, after = _contexts(train, n, size), _contexts(test, n, size)
        pairs, counts = np.unique(before * size + train, return_counts=True)
        names, first, totals = np.unique(pairs // size, return_index=True, return_counts=True)
        sums = np.add.reduceat(counts, first)
        at = np.searchsorted(names, after).clip(0, len(names) - 1)
        known = names[at] == after
        kinds, total = np.where(known, totals[at], 0), np.where(known, sums[at], 0)
        pair = np.searchsorted(pairs, after * size + test).clip(0, len(pairs) - 1)
        times = np.where(pairs[pair] == after * size + test, counts[pair], 0)
        p = np.where(known, (times + kinds * p) / np.maximum(1, total + kinds), p)
    return np.asarray(-np.log2(p))


def _contexts(numbers: HostArray, n: int, size: int) -> HostArray:
    """The n characters before each character as one number; those before the first are unknown."""
    found = np.zeros(len(numbers), dtype=np.int64)
    for k in range(n, 0, -1):
        found = found * size + np.concatenate([np.zeros(k, dtype=np.int64), numbers[:-k]])
    return found
