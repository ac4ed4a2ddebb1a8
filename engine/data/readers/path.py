"""``read``: look at a path and call the reader for what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import ConfigError, DataError
from . import image_folder, sound, texts
from .arrays import read_arrays
from .folders import regular_file
from .image_folder import read_image_folder
from .samples import FORECASTING, TASKS, Samples, some
from .series import looks_like_series, read_series
from .sound import read_sound_folder
from .table import read_table
from .texts import read_text, read_text_folder

TABLES = (".csv", ".tsv", ".tab", ".data", ".dat", ".parquet", ".pq")
FOLDERS = {
    "images": (image_folder.SUFFIXES, read_image_folder),
    "sounds": (sound.SUFFIXES, read_sound_folder),
    "texts": (texts.SUFFIXES, read_text_folder),
}


def read(path: str | Path, *, task: str | None = None, seconds: float | None = None, **options: Any) -> Samples:
    """Read data of one's own: a folder of images, sounds or texts by class, a table, a series, a text,
    or an NPZ file.

    A CSV file with a column of evenly spaced times beside nothing but numbers is a series; ``task`` decides otherwise.

    Parameters
    ----------
    path : str or Path
        The file or folder.
    task : {"classification", "regression", "forecasting", "generation"}, optional
        What is to be learnt, by default what the data tell.
    seconds : float, optional
        The most seconds to read for, in about; then a part of the rows or files is used, chosen at random, with a note.
    **options : Any
        Options of the reader: ``target``, ``group``, ``horizon``, ``size``, ``rate``.

    Returns
    -------
    Samples
        What the reader found.

    Raises
    ------
    DataError
        If nothing known is there, or it is damaged; the message names file and line.
    ConfigError
        If the reader has no such option, or the task is not one of them.

    Examples
    --------
    >>> np.savez("points.npz", x=np.zeros((4, 3)), y=np.array([0.5, 1, 0, 1]))
    >>> dl.data.read("points.npz").task
    'regression'
    """
    if task is not None and task not in TASKS:
        raise ConfigError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    path = Path(path)
    given = {k: v for k, v in options.items() if v is not None}
    if path.is_dir():
        kind, reader = _folder(path)
        found: Samples = _call(partial(reader, seconds=seconds), path, given, kind)
    elif path.suffix.lower() in (".npz", ".npy"):
        found = _call(read_arrays, path, given, "arrays")
    elif path.suffix.lower() in TABLES:
        table = path.suffix.lower() in (".parquet", ".pq")
        regular_file(path)
        series = task == FORECASTING or "horizon" in given
        guessed = not table and not series and task is None and "group" not in given and looks_like_series(path)
        if not table and (series or guessed):
            found = _call(read_series, path, given, "a series")
            if guessed:
                note = "evenly spaced times beside numbers are read as a series; --task regression reads a table"
                found = replace(found, notes=(*found.notes, note))
        else:
            found = _call(partial(read_table, seconds=seconds), path, {**given, **({"task": task} if task else {})}, "a table")
    elif path.suffix.lower() in texts.SUFFIXES:
        found = _call(read_text, path, given, "a text")
    else:
        regular_file(path)
        if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
            raise DataError(f"{path}: workbooks are not read; save the sheet as CSV")
        raise DataError(
            f"{path}: expected a folder, a table ({', '.join(TABLES)}), a text (.txt) or .npz; got {path.suffix or 'no suffix'}"
        )
    if task is not None and found.task != task:
        raise ConfigError(f"{path}: {found.kind} are for {found.task}, not for {task}")
    return found


def _folder(path: Path) -> tuple[str, Any]:
    """The reader for the kind of file that most files of a folder are."""
    suffixes = Counter(p.suffix.lower() for p in path.rglob("*") if not p.name.startswith("."))
    counts = {kind: sum(suffixes[s] for s in known) for kind, (known, _) in FOLDERS.items()}
    kind = max(counts, key=lambda k: counts[k])
    if not counts[kind]:
        tables = sorted(p.name for p in path.iterdir() if p.suffix.lower() in TABLES)
        if tables:
            raise DataError(f"{path}: a folder of tables, of which one is read: {path / tables[-1]} ({some(tables)} are there)")
        raise DataError(f"{path}: no images, sounds or texts in this folder; expected {path.name}/CLASS/FILE")
    return kind, FOLDERS[kind][1]


def _call(reader: Any, path: Path, options: dict[str, Any], what: str) -> Samples:
    """Call a reader. Raises ConfigError for an option that it does not have."""
    import inspect

    known = [name for name in list(inspect.signature(reader).parameters)[1:] if name != "seconds"]
    for name in options:
        if name not in known:
            raise ConfigError(f"{path}: {what} has no option {name}; it has {', '.join(known) or 'none'}")
    samples: Samples = reader(path, **options)
    return samples
