"""Which of the large data sets the data folder holds."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from .corpora import ENGLISH_FRENCH, TINY_SHAKESPEARE, WIKIPEDIA, WORD_ANALOGIES
from .pictures import CIFAR10_TRAIN, FASHION_MNIST, MNIST, OMNIGLOT, USPS
from .series import AIRLINE, SUNSPOTS, TEMPERATURES
from .sources import DataFile, available

SETS: dict[str, tuple[DataFile, ...]] = {
    "mnist": (*MNIST[True], *MNIST[False]),
    "fashion-mnist": (*FASHION_MNIST[True], *FASHION_MNIST[False]),
    "usps": (*USPS[True], *USPS[False]),
    "cifar10": CIFAR10_TRAIN,
    "omniglot": (*OMNIGLOT[True], *OMNIGLOT[False]),
    "tiny-shakespeare": (TINY_SHAKESPEARE,),
    "english-french": (ENGLISH_FRENCH,),
    "wikipedia": (WIKIPEDIA,),
    "word-analogies": (WORD_ANALOGIES,),
    "airline": (AIRLINE,),
    "sunspots": (SUNSPOTS,),
    "temperatures": (TEMPERATURES,),
}


def held(name: str, data_dir: str | Path | None = None) -> bool:
    """Whether the data folder holds all files of a set, whole or not; nothing is downloaded. Raises ConfigError for a name."""
    if name not in SETS:
        raise ConfigError(f"no data set {name!r}; known: {', '.join(SETS)}")
    return all(available(file, data_dir) for file in SETS[name])
