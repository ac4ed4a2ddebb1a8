"""Readers of data of one's own: images, tables, texts, series, sounds and arrays, each checked before anything trains.

``read`` looks at a path and calls the right reader; every reader gives ``Samples``, which say what was found:

>>> samples = dl.data.read("photos")              # a folder with a folder of images for each class
>>> samples = dl.data.read_table("customers.csv", target="left")
>>> samples = dl.data.read_table("patients.csv", target="ill", group="clinic")  # a clinic stays in one split
>>> samples = dl.data.read_series("passengers.csv", horizon=12)
>>> print(samples.describe())

A file that cannot be used raises DataError with its name, its line where it has lines, and what is wrong.
"""

from __future__ import annotations

from .arrays import read_arrays, samples_of_arrays
from .image_folder import load_image, read_image_folder
from .path import read
from .samples import Samples
from .series import read_series
from .sound import load_sound, log_mel, read_sound_folder
from .table import Table, read_table
from .texts import read_text, read_text_folder

__all__ = [
    "Samples", "Table", "load_image", "load_sound", "log_mel", "read", "read_arrays", "read_image_folder", "read_series",
    "read_sound_folder", "read_table", "read_text", "read_text_folder", "samples_of_arrays",
]  # fmt: skip
