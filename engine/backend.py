"""Which array library and which kernel set answer: the device of an array, the switch, and the namespaces.

The array's type gives the device; the switch gives the kernel set on that device (NumPy and Numba share host arrays).
A namespace is what op texts call xp: the array library's standard functions, the kernels of the set in force over the
reference kernels, and a few shims that the standard lacks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.live import NotCapturable as NotCapturable  # for layers and optimizers, which import no kernels
from dlengine.kernels.live import again as again
from dlengine.kernels.live import recording as recording
from dlengine.kernels.registry import KernelSet
from dlengine.kernels.signatures import signatures

from . import heap, shims
from .dispatch import fallbacks as fallbacks  # for the parity command
from .dispatch import picker
from .errors import BackendUnavailable, ConfigError, DeviceError, DTypeError
from .scopes import scope


@dataclass(eq=False)
class Library:
    """An array library: its array API module (imported on first use), array type, device, and the shims it has."""

    name: str
    module: str
    device: str
    shims: dict[str, Callable[..., Any]] = field(default_factory=dict)
    native_dtypes: bool = True

    def load(self) -> Any:
        return import_module(self.module)

    @property
    def ours(self) -> bool:
        """Whether kernels of ours run on its arrays."""
        return self is NUMPY or self is CUPY

    def array_type(self) -> Any:
        """The class of its arrays, where kernels of ours run on them; None elsewhere."""
        return np.ndarray if self is NUMPY else getattr(import_module("cupy"), "ndarray", None) if self is CUPY else None


class Namespace:
    """What an op text calls xp. Names are resolved on first use: kernel, then shim, then library function."""

    def __init__(self, library: Library, kernels: KernelSet | None) -> None:
        self.library = library
        self.kernels = kernels
        self.several = library is CUPY and gpu_count() > 1
        """Whether arrays may be on different GPUs, so that one must look before computing."""
        self._to_native: dict[Any, Any] = {}
        self._from_native: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<namespace {self.library.name} + {self.kernels.name if self.kernels else 'reference'}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        declared = name in reference.DECLARED or (self.kernels is not None and name in self.kernels.declared)
        if declared or (self.library.ours and name in signatures()):  # also matmul, whose reference is the library's own
            value = self._kernel(name)
        elif name in self.library.shims:
            value = self.library.shims[name]
        elif name in shims.GENERIC:
            value = partial(shims.GENERIC[name], self)
        else:
            value = getattr(self.library.load(), name)
        self.__dict__[name] = value  # the next look-up is one dict hit
        return value

    def _kernel(self, name: str) -> Callable[..., Any]:
        if name in reference.DECLARED:
            fallback: Callable[..., Any] = partial(reference.SET.load(name), self)
        else:
            fallback = getattr(self.library.load(), name)
        chosen = self.kernels
        if name in signatures():
            return self._picker(name, fallback)
        if chosen is None:
            return _counted(reference.SET, name, fallback)
        if name not in chosen.declared:
            return _fallen(f"{chosen.name}:{name}", fallback)
        return _counted(chosen, name, chosen.load(name))

    def _picker(self, name: str, fallback: Callable[..., Any]) -> Callable[..., Any]:
        """The function that looks at all arrays of a call and picks the kernel or the reference."""
        chosen, kind = self.kernels, self.library.array_type()
        host, looks = self.library is NUMPY, chosen is not None and chosen.name == "jit"
        if chosen is None:
            launches = reference.SET.launches
            return picker(self, name, kind, ("*",), lambda: fallback, launches, fallback, "", host, False)
        dtypes = chosen.declared[name][1] if name in chosen.declared else ()
        label = f"{chosen.name}:{name}"
        return picker(self, name, kind, dtypes, partial(chosen.load, name), chosen.launches, fallback, label, host, looks)

    def dtype(self, dtype: Any) -> Any:
        """dlengine's dtype (a numpy.dtype, or its name) as the library's own."""
        dtype = known(dtype)
        if self.library.native_dtypes or dtype is None:
            return dtype
        if dtype not in self._to_native:
            name = np.dtype(dtype).name
            if not hasattr(self.library.load(), name):
                raise DTypeError(f"dtype {name} does not exist in {self.library.name}; use one of the array API standard")
            self._to_native[dtype] = getattr(self.library.load(), name)
        return self._to_native[dtype]


def known(dtype: Any) -> Any:
    """A dtype, also if it is the name of bfloat16, which NumPy knows only once the package ml_dtypes is imported."""
    if not isinstance(dtype, str) or dtype != "bfloat16":
        return dtype
    try:
        import ml_dtypes
    except ImportError as error:
        raise DTypeError("bfloat16 needs the package ml_dtypes; mend: pip install ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)


def _counted(kernels: KernelSet, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    launches = kernels.launches

    def run(*args: Any, **kwargs: Any) -> Any:
        launches[name] += 1
        return function(*args, **kwargs)

    return run


def _fallen(label: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        fallbacks[label] += 1
        return function(*args, **kwargs)

    return run


NUMPY = Library("numpy", "array_api_compat.numpy", "cpu", shims.NUMPY)
CUPY = Library("cupy", "array_api_compat.cupy", "cuda", shims.CUPY)
_LIBRARIES: dict[type, Library] = {np.ndarray: NUMPY}


def _library_of(kind: type) -> Library:
    if kind not in _LIBRARIES:
        if kind.__module__.split(".")[0] != "cupy":
            raise DTypeError(f"{kind.__module__}.{kind.__name__} is not an array that dlengine computes on; use dl.asarray")
        _LIBRARIES[kind] = CUPY
    return _LIBRARIES[kind]


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


def _no_numba() -> str | None:
    return None if find_spec("numba") else "numba is not installed; mend: pip install numba"


def _no_cuda() -> str | None:
    from dlengine.kernels.cuda.probe import probe

    return probe()


def _no_emulator() -> str | None:
    from dlengine.kernels.cuda import emulator

    return emulator.available()


BACKENDS: dict[str, Backend] = {
    "numpy": Backend("numpy", NUMPY, lambda: None, lambda: None),
    "numba": Backend("numba", NUMPY, _jit, _no_numba),
    "cuda": Backend("cuda", CUPY, _cuda, _no_cuda),
    "cuda-emulate": Backend("cuda-emulate", NUMPY, _emulated, _no_emulator),
}


class _Spaces(dict[type, Namespace]):
    """Array type -> namespace, filled on first use."""

    def __init__(self, host: Backend, device: Backend) -> None:
        super().__init__()
        self._host, self._device = host, device

    def __missing__(self, kind: type) -> Namespace:
        library = _library_of(kind)
        backend = self._device if library is CUPY else self._host
        kernels = backend.kernels() if library in (NUMPY, CUPY) else None
        self[kind] = namespace(library, kernels)
        return self[kind]


_namespaces: dict[tuple[Library, str], Namespace] = {}


def namespace(library: Library, kernels: KernelSet | None) -> Namespace:
    """The one namespace of a library and kernel set."""
    key = (library, kernels.name if kernels else "")
    if key not in _namespaces:
        _namespaces[key] = Namespace(library, kernels)
    return _namespaces[key]


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
_scoped_get = _scoped.get
_default: list[Policy] = []


def policy() -> Policy:
    """The policy in force: the scoped one, else the process default (DLENGINE_BACKEND, else auto)."""
    return _scoped.get() or (_default[0] if _default else _start())


def spaces() -> _Spaces:
    """Array type -> namespace of the policy in force: what every op reads."""
    p = _scoped_get()
    if p is not None:
        return p.spaces
    return _default[0].spaces if _default else _start().spaces


def _start() -> Policy:
    host = BACKENDS["numpy" if _no_numba() else "numba"]
    start = Policy(host, BACKENDS["cuda"], host)
    wanted = os.environ.get("DLENGINE_BACKEND", "auto")
    if wanted != "auto":
        start = start.switched(_find(wanted))
    _default[:] = [start]
    return start


def _find(name: str, emulate: bool = False) -> Backend:
    kind, _, number = name.partition(":")
    if kind == "cuda" and number:
        chosen = _find(kind, emulate)
        return replace(chosen, name=name, gpu=_gpu(name)) if chosen.library is CUPY and number != "0" else chosen
    if name == "auto":
        name = "numpy" if _no_numba() else "numba"
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
    """Switch the process default: "numpy", "numba", "cuda", "cuda:1" or "auto" (numba if it is there, else numpy; never cuda).

    emulate=True with "cuda" runs the CUDA kernels on the CPU. Raises BackendUnavailable with the mend if it cannot run here.
    """
    _default[:] = [(_default[0] if _default else _start()).switched(_find(name, emulate))]


@scope
def use_backend(name: str, *, emulate: bool = False) -> Iterator[None]:
    """Switch inside a block, for this thread or task alone; see set_backend."""
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
    """The name of the backend in force, as given to set_backend ("cuda-emulate" when emulating)."""
    return policy().creation.name


def device_of(array: Any) -> str:
    """The device of an array: "cpu", or "cuda:0" for the first GPU."""
    library = _library_of(type(array))
    return library.device if library is not CUPY else f"cuda:{array.device.id}"


def default_device() -> str:
    """Where creation functions put new tensors."""
    creation = policy().creation
    return f"cuda:{creation.gpu}" if creation.library is CUPY else "cpu"


def located(device: str) -> str:
    """A device with its number: "cuda" is the GPU of the backend in force, else the first."""
    if device != "cuda":
        return device
    default = default_device()
    return default if default != "cpu" else "cuda:0"


def gpu_count() -> int:
    """How many GPUs there are."""
    if _no_cuda() is not None:
        return 0
    import cupy

    return int(cupy.cuda.runtime.getDeviceCount())


def _gpu(device: str) -> int:
    """The number in "cuda:N". Raises DeviceError if there is no such GPU."""
    number, count = device.split(":")[1], gpu_count()
    if not number.isdecimal() or int(number) >= count:
        there = "the only GPU is cuda:0" if count == 1 else f"there are cuda:0 ... cuda:{count - 1}"
        raise DeviceError(f"unknown device {device!r}; {there}")
    return int(number)


class DeviceMemory(NamedTuple):
    """Bytes of a GPU. used: by arrays. total: kept by the pool for arrays to come, used ones among them. limit: of the pool,
    None if it has none. free, capacity: of the card, for all processes.
    """

    used: int
    total: int
    limit: int | None
    free: int
    capacity: int


def device_memory(device: str = "cuda") -> DeviceMemory:
    """What CuPy's memory pool holds on a GPU, and what is left of it. Raises BackendUnavailable, DeviceError."""
    reason = _no_cuda()
    if reason is not None:
        raise BackendUnavailable(f"device {device}: {reason}")
    import cupy

    with cupy.cuda.Device(_gpu(located(device))) as gpu:
        pool = cupy.get_default_memory_pool()
        free, capacity = gpu.mem_info
        return DeviceMemory(pool.used_bytes(), pool.total_bytes(), pool.get_limit() or None, free, capacity)


def make_current(array: Any) -> None:
    """Let what follows run on the GPU that an array is on: CuPy computes, and puts results, on the current one."""
    array.device.use()


def space_of(array: Any) -> Namespace:
    """The namespace for an array outside of ops; what follows runs on its GPU."""
    found = spaces()[type(array)]
    if found.several:
        make_current(array)
    return found


def _enter(number: int) -> None:
    import cupy

    cupy.cuda.Device(number).use()


def namespace_for(device: str | None = None) -> Namespace:
    """The namespace that creation functions use for a device ("cpu", "cuda", "cuda:1"); None is the default device.

    Where there are several GPUs, the one meant becomes the current one.
    """
    p = policy()
    if device is None:
        found = namespace(p.creation.library, p.creation.kernels())
        if found.several:
            _enter(p.creation.gpu)
        return found
    kind = device.split(":")[0] if isinstance(device, str) else device
    if kind == "cpu":
        return namespace(p.host.library, p.host.kernels())
    if kind == "cuda":
        reason = _no_cuda()
        if reason is not None:
            raise BackendUnavailable(f"device {device}: {reason}")
        found = namespace(CUPY, p.device.kernels())
        number = _gpu(located(device))
        if found.several:
            _enter(number)
        return found
    raise DeviceError(f"unknown device {device!r}; expected 'cpu', 'cuda' or 'cuda:N'")


def fastest_host() -> Namespace:
    """NumPy arrays with the fastest kernels that are installed, whatever the switch says: for work beside the computation
    whose numbers are bit-equal in every set, such as drawing data.
    """
    return namespace(NUMPY, None if _no_numba() else _jit())


def register(backend: Backend, array_type: type) -> None:
    """Add a backend of one's own (tests add array_api_strict): its name becomes known to set_backend and use_backend."""
    BACKENDS[backend.name] = backend
    _LIBRARIES[array_type] = backend.library
