"""Folders with one folder of files for each class, perhaps inside folders train, validation and test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...errors import DataError
from ...generator import Generator
from ..host_arrays import HostArray
from ..host_random import permutation
from .samples import some

T = TypeVar("T")

SPLITS = {
    "train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class ClassFiles:
    """The files of a folder, with the class that each is in and the part that it is assigned to."""

    files: list[Path]
    targets: HostArray
    parts: HostArray | None
    notes: tuple[str, ...]


def class_files(folder: str | Path, suffixes: Sequence[str], what: str) -> ClassFiles:
    """The files with certain suffixes in a folder of classes. Raises DataError.

    Hidden files are left out, links to folders are not followed, files of other kinds and in no class are counted in a note.
    """
    top = Path(folder)
    if not top.is_dir():
        raise DataError(f"{top}: no such folder")
    homes = _class_folders(top)
    if not homes:
        raise DataError(
            f"{top}: expected a folder for each class with {what} ({', '.join(suffixes)}) in it, as in {top.name}/CLASS/FILE"
        )
    files, parts = list[Path](), list[str | None]()
    targets, others, links = list[str](), list[str](), list[str]()
    for part, home in homes:
        for path in _walk(home, links):
            if path.suffix.lower() in suffixes:
                files.append(path)
                targets.append(home.name)
                parts.append(part)
            else:
                others.append(path.name)
    if not files:
        raise DataError(f"{top}: no {what} in its {len(homes)} folders; known are {', '.join(suffixes)}")
    empty = sorted({home.name for _, home in homes} - set(targets))
    notes = []
    if empty:
        notes.append(f"folders without {what} are no classes: {some(empty)}")
    if others:
        notes.append(f"{len(others):,} other files were left out: {some(others)}")
    if links:
        notes.append(f"links to folders are not followed: {some(links)}")
    known = None if None in parts else np.array(parts)
    if known is not None:
        counts = ", ".join(f"{name} {(known == name).sum():,}" for name in dict.fromkeys(parts))
        notes.append(f"split by folders: {counts}")
    return ClassFiles(files, np.array(targets, dtype=str), known, tuple(notes))


def read_files(
    folder: str | Path, found: ClassFiles, load: Callable[[Path], T], what: str, seconds: float | None = None
) -> tuple[ClassFiles, list[T]]:
    """What a function reads of each file, or of as many files in random order as it reads in so many seconds.

    Raises DataError naming the files that cannot be read.
    """
    n = len(found.files)
    order = np.arange(n) if seconds is None else permutation(Generator(0), n)
    late = None if seconds is None else time.monotonic() + seconds
    values, errors = dict[int, T](), list[str]()
    for k in order.tolist():
        try:
            values[k] = load(found.files[k])
        except DataError as error:
            errors.append(str(error))
        if late is not None and time.monotonic() > late:
            break
    raise_unreadable(folder, errors, n, what)
    if len(values) < n:
        rows = np.array(sorted(values))
        parts = None if found.parts is None else found.parts[rows]
        note = f"cut short: {len(rows):,} of {n:,} {what} were read, chosen at random, for want of time"
        found = replace(
            found, files=[found.files[k] for k in rows], targets=found.targets[rows], parts=parts, notes=(*found.notes, note)
        )
    return found, [values[k] for k in sorted(values)]


def _class_folders(top: Path) -> list[tuple[str | None, Path]]:
    """The folders of the classes, with the part that each is in."""
    inside = _folders(top)
    named = {path: SPLITS.get(path.name.lower()) for path in inside}
    if inside and all(named.values()) and "train" in named.values() and any(_folders(path) for path in inside):
        return [(named[path], home) for path in inside for home in _folders(path)]
    return [(None, path) for path in inside]


def _folders(top: Path) -> list[Path]:
    with os.scandir(top) as entries:
        found = [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    return sorted(found)


def _walk(home: Path, links: list[str]) -> list[Path]:
    """All visible files below a folder in order; links to folders are added to a list."""
    found = []
    for here, folders, names in os.walk(home, followlinks=False):
        links += [f"{home.name}/{f}" for f in folders if (Path(here) / f).is_symlink()]
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(here) / name for name in sorted(names) if not name.startswith(".")]
    return found


def regular_file(path: str | Path) -> Path:
    """The path of a regular file that is not empty. Raises DataError."""
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: expected a file, got a folder")
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: no regular file: a device or a pipe may never end")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    return path


def raise_unreadable(name: str | Path, errors: Sequence[str], total: int, what: str) -> None:
    """Raise DataError if files could not be read, naming the first ones."""
    if errors:
        found = errors[0] if len(errors) == 1 else f"{len(errors):,} of {total:,} {what} cannot be read: {some(errors)}"
        raise DataError(f"{name}: {found}" if len(errors) > 1 else found)
