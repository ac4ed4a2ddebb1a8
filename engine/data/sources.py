"""Where the files of a data set come from: a folder, else a download; and that they are what they should be.

The folder is, in this order: an argument data_dir, set_data_dir() (what --data-dir calls), the variable DLENGINE_DATA,
the user's cache. A file that is missing there is downloaded into it. What is trained on has the right checksum, always:
it is of the unpacked content, computed at every reading, and a download is put in place whole, after its checksum.
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

TIMEOUT = 30.0
"""Seconds that a server may stay silent."""

LARGEST = 2**30
"""Bytes of a download, at most."""

@dataclass(frozen=True)
class Place:
    """One form in which a data folder may hold a file.

    path: within the folder; .gz and .xz are unpacked. member: of a zip or tar archive. convert: makes the content of the
    file out of this form. urls: where this form may be downloaded.
    """

    path: str
    member: str = ""
    convert: Callable[[bytes], bytes] | None = None
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataFile:
    """One file of a data set. size, checksum ("sha256:..." or "md5:..."): of its content. hint: where else it may be had."""

    size: int
    checksum: str
    places: tuple[Place, ...]
    hint: str = ""

    @property
    def name(self) -> str:
        """The first of its places."""
        return self.places[0].path


_folder: list[Path] = []


def set_data_dir(folder: str | Path | None) -> None:
    """Look for data sets in this folder from now on, before DLENGINE_DATA; None: no longer."""
    _folder[:] = [] if folder is None else [Path(folder)]


def data_folder(folder: str | Path | None = None) -> Path:
    """The folder in which data sets are looked for, and into which they are downloaded."""
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


def available(file: DataFile, folder: str | Path | None = None) -> bool:
    """Whether the folder holds the file in some form."""
    return any((data_folder(folder) / place.path).is_file() for place in file.places)


def content(file: DataFile, folder: str | Path | None = None) -> bytes:
    """The verified content of a file. Raises DataError naming the file and the cause if it is missing, damaged or another."""
    base = data_folder(folder)
    for place in file.places:
        path = base / place.path
        if path.is_file():
            try:
                with open(path, "rb") as opened:
                    return _verified(opened, place, file)
            except _Refused as error:
                raise DataError(f"{path}: {error}; delete it to have it downloaded, or put a good one there") from None
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    return _downloaded(file, base)


def unpack(path: str | Path) -> bytes:
    """The content of any file, unpacked if it is .gz, .xz or a .zip of one file. Raises DataError naming the file.

    What is packed may be 1 GiB large; a plain file as large as it is.
    """
    path = Path(path)
    with reading(path, DataError):
        if path.suffix not in (".gz", ".xz", ".zip"):
            return path.read_bytes()
        with open(path, "rb") as opened:
            found = _unpacked(opened, Place(path.name, _ONLY if path.suffix == ".zip" else ""), LARGEST)
        if len(found) > LARGEST:
            raise DataError(f"more than {LARGEST} bytes when unpacked; unpack it yourself if that is what it should be")
        return found


class _Refused(Exception):
    """What is wrong with a content, without the file's name."""


_ONLY = "*"
"""As a member: the only one there is."""


def _verified(opened: IO[bytes], place: Place, file: DataFile) -> bytes:
    # One byte more than it should have shows that there is more, and no more than that is unpacked.
    found = _unpacked(opened, place, LARGEST if place.convert else file.size)
    if place.convert is not None:
        with reading("", _Refused):
            found = place.convert(found)
    if len(found) < file.size:
        raise _Refused(f"cut short: {len(found)} of {file.size} bytes")
    algorithm, _, expected = file.checksum.partition(":")
    if len(found) != file.size or hashlib.new(algorithm, found, usedforsecurity=False).hexdigest() != expected:
        raise _Refused(f"the content is not what it should be (its {algorithm} differs)")
    return found


def _unpacked(opened: IO[bytes], place: Place, size: int) -> bytes:
    """The content, or its first size + 1 bytes if it has more."""
    name = place.path
    with reading("", _Refused):
        if place.member and name.endswith(".zip"):
            with zipfile.ZipFile(opened) as archive:
                with archive.open(_chosen(archive, place.member)) as member:
                    return member.read(size + 1)
        if place.member:
            with tarfile.open(fileobj=opened) as archive_:
                extracted = archive_.extractfile(place.member)
                if extracted is None:
                    raise _Refused(f"{place.member} in it is no file")
                return extracted.read(size + 1)
        if name.endswith(".gz"):
            with gzip.open(opened) as unpacker:
                return unpacker.read(size + 1)
        if name.endswith(".xz"):
            with lzma.open(opened) as unpacker_:
                return unpacker_.read(size + 1)
        return opened.read(size + 1)


def _chosen(archive: zipfile.ZipFile, member: str) -> str:
    if member != _ONLY:
        return member
    names = [n for n in archive.namelist() if not n.endswith("/")]
    if len(names) != 1:
        raise _Refused(f"expected an archive of one file, this has {len(names)}")
    return names[0]


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _downloaded(file: DataFile, base: Path) -> bytes:
    """Fetch a file into the folder; its verified content."""
    from http.client import HTTPException

    failures = []
    for place in file.places:
        for url in place.urls:
            try:
                packed = fetch(url)
                found = _verified(io.BytesIO(packed), place, file)
            except (_Refused, OSError, HTTPException, ValueError) as error:
                failures.append(f"{url}: {_said(error)}")
                continue
            _keep(base / place.path, packed)
            return found
    tried = f"the download failed ({'; '.join(failures)})" if failures else "it cannot be downloaded by itself"
    hint = f" ({file.hint})" if file.hint else ""
    way_out = f"put it there{hint}, or name a folder that has it: --data-dir, DLENGINE_DATA or data_dir="
    raise DataError(f"{file.name}: not in {base}, and {tried}; {way_out}")


def fetch(url: str) -> bytes:
    """What a server answers to https; whole, or an OSError or HTTPException."""
    from urllib import request

    asked = request.Request(url, headers={"User-Agent": "dlengine"})
    with request.urlopen(asked, timeout=TIMEOUT) as answer:
        packed: bytes = answer.read(LARGEST + 1)
        told = answer.headers.get("Content-Length")
    if len(packed) > LARGEST or (told is not None and int(told) != len(packed)):
        raise OSError(f"got {len(packed)} bytes of {told}")
    return packed


def _keep(path: Path, packed: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, packed)
    except OSError as error:
        raise DataError(f"{path}: the download cannot be written ({error.strerror}); choose another folder") from None


def gzipped(folder: str, name: str, size: int, sha256: str, bases: Sequence[str] = ()) -> DataFile:
    """A file that is had packed, name.gz, below each of some addresses, and found packed or not."""
    packed = Place(f"{folder}/{name}.gz", urls=tuple(f"{base}{name}.gz" for base in bases))
    return DataFile(size, f"sha256:{sha256}", (packed, Place(f"{folder}/{name}")))
