"""Numba's compiled functions on disk, each in one sealed file.

Numba's own cache believes whatever its files hold: an empty one stops the function for good, a flipped bit of machine code is
run. It also looks only at the file of the function itself, and would go on using code compiled from an older version of a
helper in another file. Here the folder's name is a hash of all sources of this package and of what it shares with the other
sets, the file's name is a hash of everything else that the code depends on, and a file counts only with its seal unbroken.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from ... import cache as disk
from ...compiling import compilations
from . import whole


class Store(FunctionCache):  # type: ignore[misc]  # Numba is untyped
    """The cache of one function: what Numba's dispatcher asks before it compiles, and tells afterwards."""

    def __init__(self, function: Callable[..., Any], form: str) -> None:
        """form: "outlined", "parallel" or "serial", the ways in which one function may be compiled."""
        self._py_func = function  # what the inherited _index_key reads
        self._form = form

    @property
    def cache_path(self) -> str:
        return str(_folder() or "")

    def enable(self) -> None:
        """Nothing to do: a store is always in use."""

    def disable(self) -> None:
        """Nothing to do: see enable."""

    def flush(self) -> None:
        """Nothing to do: files of other sources are deleted by their age."""

    def load_overload(self, signature: Any, context: Any) -> CompileResult | None:
        """The compiled function for a signature, or None if it must be compiled."""
        context.refresh()  # as Numba's own cache does
        folder = _folder()
        if folder is None:
            return None
        name, key = self._names(signature, context.codegen())
        content = disk.load(folder / name, key)
        if content is None:
            return None
        try:
            return CompileResult._rebuild(context, *pickle.loads(content))
        except Exception:  # sound, but of no use to these libraries
            disk.discard(folder / name)
            return None

    def save_overload(self, signature: Any, result: CompileResult) -> None:
        """Keep a compiled function; one that cannot be kept is compiled again by the next process."""
        folder = _folder()
        if folder is not None and not result.library.has_dynamic_globals:
            name, key = self._names(signature, result.codegen)
            disk.save(folder / name, key, dumps(result._reduce()))

    def has_any(self) -> bool:
        """Whether an earlier process, or this one, has kept the function for some signature."""
        folder = _folder()
        return folder is not None and any(folder.glob(f"{self._label()}-*.nbc"))

    def _label(self) -> str:
        function = self._py_func
        return f"{function.__module__.rpartition('.')[2]}.{function.__qualname__.replace('<locals>.', '')}"

    def _names(self, signature: Any, codegen: Any) -> tuple[str, str]:
        """The file of a signature, and its key: all that the machine code depends on beside the sources."""
        function = self._py_func
        version = (numba.__version__, llvmlite.__version__, sys.version_info[:3], getattr(sys, "abiflags", ""))
        place = f"{function.__module__}.{function.__qualname__}:{function.__code__.co_firstlineno}"
        key = repr((version, place, self._form, self._index_key(signature, codegen)))
        return f"{self._label()}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.nbc", key


class _Listener(event.Listener):  # type: ignore[misc]  # Numba is untyped
    """Counts what Numba compiles of ours. Inner functions are compiled within, and other people's are not our affair."""

    def on_start(self, event: Any) -> None:
        dispatcher = event.data["dispatcher"]
        if isinstance(dispatcher._cache, Store):
            compilations.begin(dispatcher.py_func.__name__)
            whole.begin(dispatcher.py_func.__qualname__)

    def on_end(self, event: Any) -> None:
        if isinstance(event.data["dispatcher"]._cache, Store):
            whole.end()
            compilations.end()


event.register("numba:compile", _Listener())


def _folder() -> Path | None:
    folder = disk.kept_folder("jit", _source_key())
    if folder is not None:
        _tidy_once(folder)
    return folder


@cache
def _tidy_once(folder: Path) -> None:
    disk.tidy(folder)


@cache
def _source_key() -> str:
    digest = hashlib.sha256()
    kernels = Path(__file__).parents[2]
    for path in sorted((*(kernels / "jit").rglob("*.py"), *kernels.glob("*.py"))):
        digest.update(path.relative_to(kernels).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(os.environ.get("DLENGINE_JIT_LANES", "").encode())  # see vector.py
    return digest.hexdigest()[:16]
