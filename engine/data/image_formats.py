"""Conversion of the published files of USPS and Omniglot to idx files."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from .host_arrays import HostArray
from .idx import to_idx


def usps_images(text: bytes) -> bytes:
    """The idx file of the images in a text with lines "label v1 ... v256", values from -1 to 1."""
    # Round (v + 1) / 2 to float32 first, as the published bytes were made, so that ties round alike.
    shares = (_usps_table(text)[:, 1:].astype(np.float32) + np.float32(1)) / np.float32(2)
    return to_idx(np.rint(255 * shares.astype(np.float64)).astype(np.uint8).reshape(-1, 16, 16))


def usps_labels(text: bytes) -> bytes:
    """The idx file of the labels in such a text."""
    return to_idx(_usps_table(text)[:, 0].astype(np.uint8))


def _usps_table(text: bytes) -> HostArray:
    """The numbers of such a text (n, 257)."""
    return np.array(text.decode("ascii").split(), dtype=np.float64).reshape(-1, 257)


def omniglot_images(archive: bytes) -> bytes:
    """The idx file of the images in an official zip: in the order of their paths, averaged to 28 x 28, ink 255."""
    from PIL import Image

    reduced = []
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for name in _drawings(opened):
            with Image.open(io.BytesIO(opened.read(name)), formats=("PNG",)) as picture:
                reduced.append(255 - np.asarray(picture.convert("L").resize((28, 28), Image.Resampling.BOX)))
    return to_idx(np.stack(reduced))


def omniglot_labels(archive: bytes) -> bytes:
    """The idx file of their labels, int32 (n, 4): class, alphabet, character, drawer, numbered within this zip."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        paths = [name.split("/") for name in _drawings(opened)]
    background = paths[0][0] == "images_background"
    alphabets = {a: i + (0 if background else 30) for i, a in enumerate(sorted({p[1] for p in paths}))}
    classes = {c: i + (0 if background else 964) for i, c in enumerate(sorted({(p[1], p[2]) for p in paths}))}
    rows = [(classes[p[1], p[2]], alphabets[p[1]], int(p[2][-2:]), int(p[3][5:7])) for p in paths]
    return to_idx(np.array(rows, dtype=np.int32))


def _drawings(archive: zipfile.ZipFile) -> list[str]:
    """The names of the drawings in an official zip."""
    names = sorted(n for n in archive.namelist() if n.endswith(".png") and n.startswith("images_"))
    if not names:
        raise ValueError("no images_.../....png in it")
    return names
