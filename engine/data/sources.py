"""Find the files of a data set in a folder, or download them, and verify their content.

The folder is the first of these that is given: the argument ``data_dir``, ``set_data_dir()`` (which ``--data-dir`` calls),
the environment variable DLENGINE_DATA, the user's cache folder. A missing file is downloaded into it. The checksum of the
unpacked content is computed at every reading. A download is moved into place after its checksum has been verified.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import DataError
from ..io import reading, write_atomically
from .host_arrays import Folder

TIMEOUT = 30.0
"""Timeout of a download in seconds."""

LARGEST = 2**30
"""Largest size of a download in bytes."""


@dataclass(frozen=True)
class Place:
    """One form in which a data folder may hold a file.

    ``path`` is relative to the folder; ``.gz`` and ``.xz`` are unpacked. ``member`` names a file in a zip or tar archive.
    ``convert`` turns this form into the content of the file. ``urls`` are addresses to download this form from.
    """

    path: str
    member: str = ""
    convert: Callable[[bytes], bytes] | None = None
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataFile:
    """One file of a data set: size and checksum ("sha256:..." or "md5:...") of its content, and a hint on where to get it."""

    size: int
    checksum: str
    places: tuple[Place, ...]
    hint: str = ""

    @property
    def name(self) -> str:
        """The path of its first place."""
        return self.places[0].path


_folder: list[Path] = []


def set_data_dir(folder: Folder) -> None:
    """Set the folder in which data sets are looked for.

    It has priority over the environment variable DLENGINE_DATA.

    Parameters
    ----------
    folder : str, Path or None
        The folder; None removes an earlier setting.

    Examples
    --------
    >>> dl.data.set_data_dir("datasets")
    >>> dl.data.data_folder().name
    'datasets'
    >>> dl.data.set_data_dir(None)
    """
    _folder[:] = [] if folder is None else [Path(folder)]


def data_folder(folder: Folder = None) -> Path:
    """The folder in which data sets are looked for, and into which they are downloaded.

    It is the first of these that is given: the argument, the folder set with ``set_data_dir``, the environment variable
    DLENGINE_DATA, the folder ``dlengine`` in the user's cache folder.

    Parameters
    ----------
    folder : str or Path, optional
        A folder that is returned as it is.

    Returns
    -------
    pathlib.Path
        The folder, which need not exist.

    Examples
    --------
    >>> dl.data.data_folder("datasets").name
    'datasets'
    """
    if folder is not None:
        return Path(folder)
    if _folder:
        return _folder[0]
    if named := os.environ.get("DLENGINE_DATA"):
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dlengine"


def available(file: DataFile, folder: Folder = None) -> bool:
    """Whether the folder holds the file in some form."""
    return any((data_folder(folder) / place.path).is_file() for place in file.places)


def content(file: DataFile, folder: Folder = None) -> bytes:
    """The verified content of a file. Raises DataError with its name and the cause if it is missing, damaged or another file."""
    base = data_folder(folder)
    for place in file.places:
        path = base / place.path
        if path.is_file():
            try:
                with open(path, "rb") as opened:
                    return _read_verified(opened, place, file)
            except _InvalidContent as error:
                raise DataError(f"{path}: {error}; delete it to have it downloaded, or put a good one there") from None
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    return _download(file, base)


def unpack(path: str | Path) -> bytes:
    """The content of any file, unpacked if it is .gz, .xz or a .zip of one file. Raises DataError with its name.

    Packed content may have at most 1 GiB; a plain file may have any size.
    """
    path = Path(path)
    with reading(path, DataError):
        if path.suffix not in (".gz", ".xz", ".zip"):
            return path.read_bytes()
        with open(path, "rb") as opened:
            found = _unpack(opened, Place(path.name, _ONLY_MEMBER if path.suffix == ".zip" else ""), LARGEST)
        if len(found) > LARGEST:
            raise DataError(f"more than {LARGEST} bytes when unpacked; unpack it yourself if that is what it should be")
        return found


class _InvalidContent(Exception):
    """What is wrong with a content, without the file's name."""


_ONLY_MEMBER = "*"
"""As a member of an archive: the only file in it."""


def _read_verified(opened: IO[bytes], place: Place, file: DataFile) -> bytes:
    # Unpack one byte more than expected, which shows that the content is too long.
    """Unpack, convert and verify a content."""
    found = _unpack(opened, place, LARGEST if place.convert else file.size)
    if place.convert is not None:
        with reading("", _InvalidContent):
            found = place.convert(found)
    if len(found) < file.size:
        raise _InvalidContent(f"cut short: {len(found)} of {file.size} bytes")
    algorithm, _, expected = file.checksum.partition(":")
    if len(found) != file.size or hashlib.new(algorithm, found, usedforsecurity=False).hexdigest() != expected:
        raise _InvalidContent(f"the content is not what it should be (its {algorithm} differs)")
    return found


def _unpack(opened: IO[bytes], place: Place, size: int) -> bytes:
    """The content, or its first ``size + 1`` bytes if it has more."""
    name = place.path
    with reading("", _InvalidContent):
        if place.member and name.endswith(".zip"):
            with zipfile.ZipFile(opened) as archive:
                with archive.open(_member_name(archive, place.member)) as member:
                    return member.read(size + 1)
        if place.member:
            with tarfile.open(fileobj=opened) as archive_:
                extracted = archive_.extractfile(place.member)
                if extracted is None:
                    raise _InvalidContent(f"{place.member} in it is no file")
                return extracted.read(size + 1)
        if name.endswith(".gz"):
            with gzip.open(opened) as unpacker:
                return unpacker.read(size + 1)
        if name.endswith(".xz"):
            with lzma.open(opened) as unpacker_:
                return unpacker_.read(size + 1)
        return opened.read(size + 1)


def _member_name(archive: zipfile.ZipFile, member: str) -> str:
    """The member of a zip archive that is wanted."""
    if member != _ONLY_MEMBER:
        return member
    names = [n for n in archive.namelist() if not n.endswith("/")]
    if len(names) != 1:
        raise _InvalidContent(f"expected an archive of one file, this has {len(names)}")
    return names[0]


def _message(error: BaseException) -> str:
    """The text of an error, or its class."""
    return str(error) or type(error).__name__


def _download(file: DataFile, base: Path) -> bytes:
    """Download a file into the folder and return its verified content."""
    from http.client import HTTPException

    failures = []
    for place in file.places:
        for url in place.urls:
            try:
                packed = fetch(url)
                found = _read_verified(io.BytesIO(packed), place, file)
            except (_InvalidContent, OSError, HTTPException, ValueError) as error:
                failures.append(f"{url}: {_message(error)}")
                continue
            _store(base / place.path, packed)
            return found
    tried = f"the download failed ({'; '.join(failures)})" if failures else "it cannot be downloaded by itself"
    hint = f" ({file.hint})" if file.hint else ""
    way_out = f"put it there{hint}, or name a folder that has it: --data-dir, DLENGINE_DATA or data_dir="
    raise DataError(f"{file.name}: not in {base}, and {tried}; {way_out}")


def fetch(url: str) -> bytes:
    """The complete response of an https server. Raises OSError or HTTPException."""
    from urllib import request

    http_request = request.Request(url, headers={"User-Agent": "dlengine"})
    with request.urlopen(http_request, timeout=TIMEOUT) as answer:
        packed: bytes = answer.read(LARGEST + 1)
        told = answer.headers.get("Content-Length")
    if len(packed) > LARGEST or (told is not None and int(told) != len(packed)):
        raise OSError(f"got {len(packed)} bytes of {told}")
    return packed


def _store(path: Path, packed: bytes) -> None:
    """Write a download into the folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, packed)
    except OSError as error:
        raise DataError(f"{path}: the download cannot be written ({error.strerror}); choose another folder") from None


def gzipped(folder: str, name: str, size: int, sha256: str, bases: Sequence[str] = ()) -> DataFile:
    """A file that is downloaded as name.gz from some addresses, and found packed or not."""
    packed = Place(f"{folder}/{name}.gz", urls=tuple(f"{base}{name}.gz" for base in bases))
    return DataFile(size, f"sha256:{sha256}", (packed, Place(f"{folder}/{name}")))
