"""Encoders: from what a reader found to the numbers that a network takes, fitted on the training part alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..data.host_arrays import HostArray
from ..data.readers import Samples


class Encoder:
    """Base of encoders: fitted on training samples, kept in the bundle as numbers and names.

    Parameters
    ----------
    settings : dict
        Numbers and names.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays([[1.0, 5.0], [3.0, 5.5]] * 3, [0, 1] * 3)
    >>> encoder = dl.fitting.encoder_for(samples)
    >>> encoder.encode(samples).shape
    (6, 4)
    """

    kind: ClassVar[str]
    """The kind of samples that it takes."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)

    @classmethod
    def fitted(cls, samples: Samples) -> Encoder:
        """The encoder for training samples.

        Parameters
        ----------
        samples : Samples
            The training part.

        Returns
        -------
        Encoder
            The encoder.
        """
        raise NotImplementedError

    def encode(self, samples: Samples) -> HostArray:
        """The numbers for samples.

        Parameters
        ----------
        samples : Samples
            N samples.

        Returns
        -------
        numpy.ndarray
            The input of the network (N, ...).
        """
        raise NotImplementedError

    def read(self, source: Any) -> Samples:
        """Samples without targets from files, values or arrays, for predictions.

        Parameters
        ----------
        source : str, Path, array_like, or a list of them
            What is to be predicted.

        Returns
        -------
        Samples
            The samples.

        Raises
        ------
        DataError
            If they cannot be read; the message names file and line.
        """
        raise NotImplementedError

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        """Samples with targets of a file or folder, in the form of the training data.

        Parameters
        ----------
        path : Path
            The file or folder.
        task : str
            The task of the model.
        target : str or None
            The column with the truth.

        Returns
        -------
        Samples
            The samples.

        Raises
        ------
        DataError
            If the data cannot be read, or have other columns.
        """
        raise NotImplementedError

    def features(self, encoded: HostArray) -> HostArray:
        """A short vector for each sample, for simple models and for comparisons with the training data.

        Parameters
        ----------
        encoded : numpy.ndarray
            Numbers (N, ...) from ``encode``.

        Returns
        -------
        numpy.ndarray
            Vectors (N, F).
        """
        return encoded.reshape(len(encoded), -1)

    def unlike(self, samples: Samples) -> list[list[str]]:
        """What is unlike the training data.

        Parameters
        ----------
        samples : Samples
            N samples.

        Returns
        -------
        list of list of str
            Short warnings for each sample.
        """
        return [[] for _ in samples.places]
