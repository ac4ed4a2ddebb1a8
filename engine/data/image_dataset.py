"""ImageDataset: images kept as bytes and given as numbers from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..default_dtype import get_default_dtype
from ..errors import DataError
from ..typing import DTypeLike
from .dataset import ArrayDataset
from .host_arrays import HostArray, Rows


class ImageDataset(ArrayDataset):
    """Images kept as bytes and given as floating numbers ``x / 255``, with labels.

    Samples, batches and ``read()`` have the floating dtype; the attribute ``arrays`` holds the bytes.

    Parameters
    ----------
    images : array_like
        Images (N, C, H, W), uint8.
    labels : array_like
        Labels (N,), int64.
    classes : sequence of str, optional
        Names of the classes, for reports.
    dtype : dtype, optional
        Dtype of the floating images, by default the default dtype.

    Raises
    ------
    DataError
        If the images are not uint8 (N, C, H, W).

    Examples
    --------
    >>> images = np.full((2, 1, 4, 4), 51, dtype=np.uint8)
    >>> data = dl.data.ImageDataset(images, np.array([0, 1]))
    >>> data.batch([1])[0].max()
    np.float32(0.2)
    """

    def __init__(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[str] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(images, labels, classes=classes)
        if self.arrays[0].dtype != np.uint8 or self.arrays[0].ndim != 4:
            found = f"{self.arrays[0].dtype} {self.arrays[0].shape}"
            raise DataError(f"ImageDataset: images must be uint8 (N,C,H,W), got {found}")
        self.dtype = np.dtype(dtype or get_default_dtype())

    def _scaled(self, images: HostArray) -> HostArray:
        """Bytes as floating numbers from 0 to 1."""
        return np.asarray(images.astype(self.dtype) / self.dtype.type(255))

    def __getitem__(self, index: int) -> tuple[HostArray, np.integer[Any]]:
        return self._scaled(self.arrays[0][index]), self.arrays[1][index]

    def batch(self, rows: Rows) -> tuple[HostArray, ...]:
        """Several images as one batch.

        Parameters
        ----------
        rows : sequence of int
            Image numbers (M,).

        Returns
        -------
        images : numpy.ndarray
            Images (M, C, H, W), floating.
        labels : numpy.ndarray
            Labels (M,).
        """
        images, labels = super().batch(rows)
        return self._scaled(images), labels

    def subset(self, rows: Rows) -> ImageDataset:
        """A copy of some images, in this order.

        Parameters
        ----------
        rows : sequence of int
            Image numbers (M,).

        Returns
        -------
        ImageDataset
            M images, with the same class names and dtype.
        """
        images, labels = super().batch(rows)
        return ImageDataset(images, labels, self.classes, self.dtype)

    def read(self) -> tuple[HostArray, HostArray]:
        """All images as floating numbers, and all labels.

        Returns
        -------
        images : numpy.ndarray
            Images (N, C, H, W), floating, from 0 to 1.
        labels : numpy.ndarray
            Labels (N,).
        """
        return self._scaled(self.arrays[0]), self.arrays[1]
