"""The switch: which kernel set computes on host arrays, which on device arrays, and where new tensors are made.

The array's type gives the device; the switch gives the kernel set on that device (NumPy and Numba share host arrays).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache

from dlengine.kernels.registry import KernelSet

from ..errors import BackendUnavailable, ConfigError
from ..scopes import scope
from . import heap
from .library import CUPY, LIBRARIES, NUMPY, Library, gpu_number, library_of, no_cuda, no_emulator, no_numba
from .namespace import NAMESPACES, Namespace, namespace_of


@dataclass(frozen=True)
class Backend:
    """One thing a user switches to: an array library and a kernel set over the reference. unavailable says why not, or None.

    gpu: the one on which new tensors are made.
    """

    name: str
    library: Library
    kernels: Callable[[], KernelSet | None]
    unavailable: Callable[[], str | None]
    gpu: int = 0


@cache
def _jit() -> KernelSet:
    from dlengine.kernels import jit

    heap.keep()
    return jit.SET


def _cuda() -> KernelSet:
    from dlengine.kernels import cuda

    return cuda.SET


def _emulated() -> KernelSet:
    from dlengine.kernels import cuda

    return cuda.EMULATED


BACKENDS: dict[str, Backend] = {
    "numpy": Backend("numpy", NUMPY, lambda: None, lambda: None),
    "numba": Backend("numba", NUMPY, _jit, no_numba),
    "cuda": Backend("cuda", CUPY, _cuda, no_cuda),
    "cuda-emulate": Backend("cuda-emulate", NUMPY, _emulated, no_emulator),
}


class _Spaces(dict[type, Namespace]):
    """Array type -> namespace, filled on first use."""

    def __init__(self, host: Backend, device: Backend) -> None:
        super().__init__()
        self._host, self._device = host, device

    def __missing__(self, kind: type) -> Namespace:
        library = library_of(kind)
        library.meet()
        backend = self._device if library is CUPY else self._host
        kernels = backend.kernels() if library in (NUMPY, CUPY) else None
        self[kind] = namespace_of(library, kernels)
        return self[kind]


class Policy:
    """One setting of the switch: a kernel set for host arrays, one for device arrays, and where new tensors are made."""

    __slots__ = ("creation", "device", "host", "spaces")

    def __init__(self, host: Backend, device: Backend, creation: Backend) -> None:
        self.host, self.device, self.creation = host, device, creation
        self.spaces = _Spaces(host, device)

    def switched(self, backend: Backend) -> Policy:
        """This policy after switching to a backend: it sets the kernels of its own device and keeps the other's."""
        if backend.library is CUPY:
            return Policy(self.host, backend, backend)
        return Policy(backend, self.device, backend)


_scoped: ContextVar[Policy | None] = ContextVar("dlengine_backend", default=None)
scoped = _scoped.get
"""The policy of the innermost use_backend, or None."""
default_policy: list[Policy] = []


def policy() -> Policy:
    """The policy in force: the scoped one, else the process default (DLENGINE_BACKEND, else auto)."""
    return _scoped.get() or (default_policy[0] if default_policy else _start())


def spaces() -> _Spaces:
    """Array type -> namespace of the policy in force: what every op reads."""
    p = scoped()
    if p is not None:
        return p.spaces
    return default_policy[0].spaces if default_policy else _start().spaces


def _start() -> Policy:
    wanted = os.environ.get("DLENGINE_BACKEND", "auto")
    host = BACKENDS["numpy" if wanted == "numpy" or no_numba() else "numba"]
    start = Policy(host, BACKENDS["cuda"], host)
    if wanted != "auto":
        start = start.switched(_find(wanted))
    default_policy[:] = [start]
    return start


def _find(name: str, emulate: bool = False) -> Backend:
    kind, _, number = name.partition(":")
    if kind == "cuda" and number:
        chosen = _find(kind, emulate)
        return replace(chosen, name=name, gpu=gpu_number(name)) if chosen.library is CUPY and number != "0" else chosen
    if name == "auto":
        name = "numpy" if no_numba() else "numba"
    if emulate:
        if name != "cuda":
            raise ConfigError(f"emulate=True runs the cuda kernels on the CPU; got backend {name!r}, expected 'cuda'")
        name = "cuda-emulate"
    backend = BACKENDS.get(name)
    if backend is None:
        raise ConfigError(f"unknown backend {name!r}; expected one of {', '.join(sorted(BACKENDS))}, auto")
    reason = backend.unavailable()
    if reason is not None:
        raise BackendUnavailable(f"backend {name}: {reason}")
    return backend


def set_backend(name: str, *, emulate: bool = False) -> None:
    """Switch the backend of the whole process.

    Parameters
    ----------
    name : str
        ``"numpy"``, ``"numba"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"``: numba if it is installed, else numpy, never
        cuda.
    emulate : bool
        With ``"cuda"``: run the CUDA kernels on the CPU.

    Returns
    -------
    None
        New ops use it from now on.

    Raises
    ------
    ConfigError
        If there is no such backend.
    BackendUnavailable
        If it cannot run here; the message says what mends that.

    See Also
    --------
    use_backend : The same inside a block.

    Examples
    --------
    >>> before = dl.get_backend()
    >>> dl.set_backend("numpy")
    >>> dl.set_backend(before)
    """
    default_policy[:] = [(default_policy[0] if default_policy else _start()).switched(_find(name, emulate))]


@scope
def use_backend(name: str, *, emulate: bool = False) -> Iterator[None]:
    """Switch the backend inside a block, for this thread or task alone; also a decorator.

    Parameters
    ----------
    name : str
        See `set_backend`.
    emulate : bool
        With ``"cuda"``: run the CUDA kernels on the CPU.

    Returns
    -------
    context manager
        For a ``with`` statement, or to decorate a function with.

    Raises
    ------
    ConfigError
        If there is no such backend.
    BackendUnavailable
        If it cannot run here; the message says what mends that.

    Examples
    --------
    >>> with dl.use_backend("numpy"):
    ...     print(dl.get_backend())
    numpy
    """
    token = _scoped.set(policy().switched(_find(name, emulate)))
    try:
        yield
    finally:
        _scoped.reset(token)


@contextmanager
def in_force(chosen: Policy) -> Iterator[None]:
    """Switch to a policy that was in force before, inside a block."""
    token = _scoped.set(chosen)
    try:
        yield
    finally:
        _scoped.reset(token)


def get_backend() -> str:
    """Return the name of the backend in force.

    Returns
    -------
    str
        As given to `set_backend`; ``"cuda-emulate"`` when emulating.

    Examples
    --------
    >>> with dl.use_backend("numba"):
    ...     print(dl.get_backend())
    numba
    """
    return policy().creation.name


def fastest_host() -> Namespace:
    """NumPy arrays with the fastest kernels that are installed, whatever the switch says: for work beside the computation
    whose numbers are bit-equal in every set, such as drawing data.
    """
    return namespace_of(NUMPY, None if no_numba() else _jit())


def register(backend: Backend, array_type: type) -> None:
    """Add a backend of one's own (tests add array_api_strict): its name becomes known to set_backend and use_backend."""
    BACKENDS[backend.name] = backend
    LIBRARIES[array_type] = backend.library


def forget_namespaces() -> None:
    """Look up every kernel again on its next call, as after a kernel set was changed by a test."""
    NAMESPACES.clear()
    default_policy[:] = [Policy(p.host, p.device, p.creation) for p in default_policy]
