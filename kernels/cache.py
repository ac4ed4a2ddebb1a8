"""Files that outlive a process: where compiled kernels are kept, and how a damaged one is noticed before it is used.

A kept file ends in a seal: a SHA-256 over what the file is for (its key) and what it holds. So one that was cut, garbled,
written for something else or by another version is found out before anything in it is unpickled, mapped or run; it is thrown
away, and its owner makes it again. The seal tells damage, not malice: that is kept out by using only folders and files that
nobody but their owner, who must be this user or root, can write, as ssh does with its keys.

A cache that cannot be used (no home, a full disk, a folder of someone else) costs time and one warning, never the run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import time
import uuid
import warnings
from contextlib import suppress
from pathlib import Path

MARK = b"dlengine kept 1\n"
SEAL = hashlib.sha256().digest_size + len(MARK)
UNUSED_DAYS = 30
"""After how many days without use what was kept for other sources is deleted."""

NO_HOME = Path(os.devnull, "no-home-folder")
"""Where the cache of a user without a home would be: a folder that nobody can make."""

_warned = False


class CacheWarning(RuntimeWarning):
    """Compiled kernels cannot be kept or found again here, so later processes will compile them again."""


def cache_root() -> Path:
    """$DLENGINE_CACHE, else the platform's cache folder for this user. The folder may not exist yet, or never: see NO_HOME."""
    if root := os.environ.get("DLENGINE_CACHE"):
        return Path(root)
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "dlengine"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "dlengine"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlengine"
    except RuntimeError:
        return NO_HOME


def kept_folder(*names: str) -> Path | None:
    """A folder below cache_root(), made if it is not there; None, after one warning, where there can be none."""
    try:
        folder = cache_root()
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        reason = _open_to_others(folder)
        for name in names:
            folder /= name
            folder.mkdir(exist_ok=True, mode=0o755)
        reason = reason or _foreign(folder.stat(), folder)
    except OSError as error:
        reason = str(error)
    if reason is None:
        return folder
    _warn(reason)
    return None


def tidy(folder: Path) -> None:
    """Mark a folder as used; delete its neighbours that nobody used for a month, and what processes that died left in it."""
    with suppress(OSError):
        os.utime(folder)
    now = time.time()
    for place, pattern, days in ((folder.parent, "*", UNUSED_DAYS), (folder, "*.tmp", 1)):
        with suppress(OSError):
            for path in place.glob(pattern):
                if path != folder and now - path.lstat().st_mtime > days * 86400:
                    discard(path)


def load(path: Path, key: str) -> bytes | None:
    """What save() put into a file under the same key; None if there is no such file, or none that can be trusted.

    One that is damaged, of another key, or writable by others is thrown away.
    """
    try:
        # Not blocking: a pipe in its place would wait for a writer for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError:
        discard(path)
        return None
    content = None
    try:
        held = os.fstat(handle)
        if stat.S_ISREG(held.st_mode) and held.st_size >= SEAL and not _foreign(held, path):
            with suppress(OSError, MemoryError), open(handle, "rb", closefd=False) as file:
                file.seek(-len(MARK), os.SEEK_END)
                if file.read() == MARK:  # else it need not be read: it may be of any size
                    file.seek(0)
                    content = _unsealed(file.read(), key)
    finally:
        os.close(handle)
    if content is None:
        discard(path)
    return content


def save(path: Path, key: str, content: bytes) -> bool:
    """Keep content under a key in a file, at once or not at all; False, after one warning, if that cannot be.

    Several processes may keep the same file at the same time: each writes one of its own and puts it into the place.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(content + _seal(content, key))
                file.flush()
                os.fsync(handle)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        _warn(f"{path}: {error.strerror or error}")
        return False
    return True


def discard(path: Path) -> None:
    """Throw away what is in the place of a kept file, whatever it is; what cannot go stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _seal(content: bytes, key: str) -> bytes:
    digest = hashlib.sha256(hashlib.sha256(key.encode()).digest())
    digest.update(content)
    return digest.digest() + MARK


def _unsealed(whole: bytes, key: str) -> bytes | None:
    content = whole[:-SEAL]
    return content if whole[-SEAL:] == _seal(content, key) else None


def _foreign(held: os.stat_result, path: Path) -> str | None:
    """Why what is there may be the work of somebody else, or None."""
    if not hasattr(os, "getuid"):
        return None
    if held.st_uid not in (os.getuid(), 0):
        return f"{path} belongs to another user"
    if held.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be written by others; mend: chmod go-w {path}"
    return None


def _open_to_others(root: Path) -> str | None:
    """Why others could put folders of theirs into the place of ours, or None. Where all may write, as in /tmp, only theirs go."""
    mode = root.stat().st_mode
    if hasattr(os, "getuid") and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return f"{root} can be written by all; mend: chmod o-w {root}"
    return None


def _warn(reason: str) -> None:
    """Say once in a process why it is without a cache."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(f"compiled kernels are not kept on disk: {reason}", CacheWarning, stacklevel=2)

