"""A list of the data sets that are read from the data folder."""

from __future__ import annotations

from ..errors import ConfigError
from .corpora import ENGLISH_FRENCH, TINY_SHAKESPEARE, WIKIPEDIA, WORD_ANALOGIES
from .host_arrays import Folder
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


def held(name: str, data_dir: Folder = None) -> bool:
    """Whether the data folder holds all files of a data set.

    Nothing is downloaded, and the content of the files is not verified.

    Parameters
    ----------
    name : str
        Name of the data set, such as ``"mnist"`` or ``"tiny-shakespeare"``.
    data_dir : str or Path, optional
        Folder to look in, by default ``data_folder()``.

    Returns
    -------
    bool
        True if every file is there in some form.

    Raises
    ------
    ConfigError
        If there is no data set of this name; the message lists the names.

    Examples
    --------
    >>> dl.data.held("mnist", data_dir="empty")
    False
    """
    if name not in SETS:
        raise ConfigError(f"no data set {name!r}; known: {', '.join(SETS)}")
    return all(available(file, data_dir) for file in SETS[name])
