"""Texts of one's own: a folder of text files by class. Tables with a column of text are read by ``read_table``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import DataError
from .csv_text import decoded
from .folders import class_files, read_files, regular_file
from .samples import CLASSIFICATION, GENERATION, Samples

SUFFIXES = (".txt", ".md", ".text")
LONGEST_TEXT = 2**24
"""Bytes of the longest text that is read."""


def load_text(path: str | Path) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows-1252. Raises DataError."""
    path = regular_file(path)
    if path.stat().st_size > LONGEST_TEXT:
        raise DataError(f"{path}: {path.stat().st_size:,} bytes, of which at most {LONGEST_TEXT:,} are read as one text")
    text = decoded(path, path.read_bytes())[0]
    if not text.strip():
        raise DataError(f"{path}: the text is empty")
    return text


def read_text_folder(folder: str | Path, *, seconds: float | None = None) -> Samples:
    """Read a folder of text files by class: ``folder/CLASS/FILE.txt``.

    Parameters
    ----------
    folder : str or Path
        The folder; it may have folders train, validation and test inside.
    seconds : float, optional
        The most seconds to read for; then the files that were read by then are used, chosen at random.

    Returns
    -------
    Samples
        The texts and their classes.

    Raises
    ------
    DataError
        If the folder has no classes, or a file is no text; the message names the files.

    Examples
    --------
    >>> from pathlib import Path
    >>> for name in ("ham", "spam"):
    ...     Path("mails", name).mkdir(parents=True)
    ...     _ = Path("mails", name, "1.txt").write_text(f"some {name}")
    >>> dl.data.read_text_folder("mails").inputs
    ['some ham', 'some spam']
    """
    found = class_files(folder, SUFFIXES, "texts")
    found, texts = read_files(folder, found, load_text, "texts", seconds)
    places = [str(p) for p in found.files]
    return Samples("texts", texts, CLASSIFICATION, found.targets, places, parts=found.parts, notes=found.notes)


def read_text(path: str | Path) -> Samples:
    """Read one text file, from which a network learns to write.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8, UTF-16 or Windows-1252.

    Returns
    -------
    Samples
        The characters of the text in order (N,).

    Raises
    ------
    DataError
        If it is no text; the message names file and line.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("tale.txt").write_text("Once upon a time")
    >>> print(dl.data.read_text("tale.txt").findings()[0])
    16 characters
    """
    text = load_text(path).replace("\r\n", "\n").replace("\r", "\n")
    characters = np.array(list(text), dtype="U1")
    lines = text.count("\n") + 1
    note = f"{len(set(text))} different characters in {lines:,} lines"
    return Samples("text", characters, GENERATION, None, [str(path)] * len(text), ordered=True, notes=(note,))
