"""Kernels compiled ahead of time on another machine, and carried to the card as files.

    FOLDER/sm_90/<key>-<seal>.cubin

The key is a hash of the text, the compiler's options and the architecture: machine code of anything else is not even looked at.
The seal is a hash of the key and of the machine code: a file that was cut, garbled or renamed is refused, said in a line, and
the kernel compiled anew. $DLENGINE_CUBINS names the folder; `dlengine warmup --arch 90 --to FOLDER` fills it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import uuid
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

CUPY_OPTIONS = ("--std=c++17", "-ftz=true", "--device-as-default-execution-space")
"""What CuPy gives its compiler for every RawModule, beside the kernel's own options."""


class CubinWarning(RuntimeWarning):
    """A file of a kernel compiled ahead that is not used."""


def key_of(source: str, options: Sequence[str], arch: int) -> str:
    """What a file of machine code is found by."""
    parts = (f"sm_{arch}", *CUPY_OPTIONS, *options, "", source)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def save(folder: Path, arch: int, key: str, code: bytes) -> Path:
    """Put machine code under its key into a folder, in place of what was there under it."""
    place = folder / f"sm_{arch}"
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{key}-{_seal(key, code)}.cubin"
    temporary = place / f"{uuid.uuid4().hex}.tmp"
    try:
        temporary.write_bytes(code)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    for other in place.glob(f"{key}-*.cubin"):
        if other != file:
            other.unlink()
    listing.cache_clear()
    return file


def keep_only(folder: Path, arch: int, keys: Iterable[str]) -> None:
    """Delete what a folder has under other keys: of kernels that were since changed."""
    known = set(keys)
    for key, file in listing(folder / f"sm_{arch}").items():
        if key not in known:
            file.unlink(missing_ok=True)
    listing.cache_clear()


def is_saved(folder: Path, arch: int, key: str) -> bool:
    """Whether a folder has intact machine code under a key."""
    file = listing(folder / f"sm_{arch}").get(key)
    return file is not None and damage(file) is None


def damage(file: Path) -> str | None:
    """Why a file is not what its name says, or None if it is."""
    key, _, seal = file.stem.partition("-")
    try:
        code = file.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    return None if seal == _seal(key, code) else "it is damaged, or was made for another kernel"


def carried(library: Any, name: str, source: str, options: tuple[str, ...], cooperative: bool) -> Any:
    """The function of a kernel from the carried files, loaded on the current card; None where it must be compiled.

    Machine code for sm_80 runs on sm_86 too: after the card's own architecture earlier ones of its generation are looked for.
    """
    folder = os.environ.get("DLENGINE_CUBINS")
    if not folder:
        return None
    for arch in _architectures(library):
        found, key = listing(Path(folder) / f"sm_{arch}"), key_of(source, options, arch)
        if (file := found.get(key)) is None:
            continue
        reason = damage(file)
        if reason is None:
            try:
                module = library.RawModule(path=str(file), enable_cooperative_groups=cooperative)
                function = module.get_function(name)
                if function.num_regs:  # CuPy may load when something is asked of the function
                    return function
                reason = "it has no such function"
            except Exception as error:  # of the driver: one that is older than the compiler, for example
                reason = f"{type(error).__name__}: {error}"
        del found[key]
        warnings.warn(f"{file.name}: not loaded, {name} is compiled anew: {reason}", CubinWarning, stacklevel=2)
    return None


@functools.cache
def listing(folder: Path) -> dict[str, Path]:
    """The files of a folder by key; those that were refused are taken out."""
    return {file.stem.partition("-")[0]: file for file in sorted(folder.glob("*-*.cubin"))}


def _architectures(library: Any) -> list[int]:
    """Whose machine code all cards of this machine run, the best first; none where the cards are of several kinds."""
    runtime = library.cuda.runtime
    cards = [runtime.getDeviceProperties(number) for number in range(runtime.getDeviceCount())]
    kinds = {(card["major"], card["minor"]) for card in cards}
    return [10 * major + m for major, minor in kinds for m in range(minor, -1, -1)] if len(kinds) == 1 else []


def _seal(key: str, code: bytes) -> str:
    return hashlib.sha256(key.encode() + b"\0" + code).hexdigest()[:40]
