"""The folder that a model is written to: the bundle, the report and its pictures."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ConfigError
from .bundle import Bundle


def output_folder(out: str | Path | None, name: str) -> Path:
    """The folder for a model: the one that is named, which must be empty, or the first free of fitted/NAME, fitted/NAME-2 ...

    Nothing is written. Raises ConfigError if it could not be.
    """
    if out is None:
        folder, number = Path("fitted") / name, 2
        while folder.exists():
            folder, number = Path("fitted") / f"{name}-{number}", number + 1
    else:
        folder = Path(out)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder}: the folder is not empty; choose another")
    above = folder
    while not above.exists():
        above = above.absolute().parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ConfigError(f"{folder}: cannot be written: {above} is {'not writable' if above.is_dir() else 'no folder'}")
    return folder


def write_model(model: Bundle, folder: Path) -> Path:
    """Write the bundle, the report and its pictures; returns the bundle's file. Raises ConfigError if they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = model.save(folder)
        model.report.write(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror})") from None
    return file
