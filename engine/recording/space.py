"""What ops get as xp while a step is recorded: the functions of a namespace, whose calls are noted; and the policy for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from dlengine.kernels.graph_capture import NotCapturable
from dlengine.kernels.registry import KERNELS, declaration

from ..backend import NAMESPACES, Backend, Library, Policy, in_force, policy
from ..backend.library import LIBRARIES, Unrecorded
from .recorded import Noted, Recorded
from .recorder import Recorder

EXTENSIONS = ("linalg", "fft")
"""Names under which a namespace has further functions."""

ABOUT_TYPES = frozenset(("result_type", "can_cast", "finfo", "iinfo", "isdtype", "dtype"))
"""Functions that look at dtypes alone."""

FIXED = frozenset(
    "abs acos acosh add arange argmax argmin argsort asarray asin asinh astype atan atan2 atanh bitwise_and bitwise_invert "
    "bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor broadcast_arrays broadcast_to ceil clip concat conj "
    "copysign cos cosh cumulative_prod cumulative_sum divide empty empty_like equal erf erfc exp expand_dims expm1 eye "
    "flip floor floor_divide fmod full full_like get_at greater greater_equal hypot imag isfinite isinf isnan less less_equal "
    "linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul matrix_transpose max "
    "maximum mean meshgrid min minimum moveaxis multiply negative nextafter not_equal ones ones_like permute_dims positive "
    "pow prod put_at real reciprocal remainder reshape roll round scatter_add searchsorted set_at sign signbit sin sinh "
    "sort sqrt square squeeze stack std subtract sum take take_along_axis tan tanh tensordot tile to_device tril triu "
    "trunc unstack var vecdot where zeros zeros_like any all count_nonzero diff outer trace diagonal cross in_range "
    "all_positive cholesky det eigh eigvalsh inv matrix_norm matrix_power pinv qr slogdet solve svd svdvals vector_norm fft "
    "ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift".split()
) | frozenset(KERNELS)
"""Functions the shape of whose result does not depend on values; a replay checks that of all others."""


class RecordingSpace:
    """A namespace whose calls are noted.

    Parameters
    ----------
    recorder : Recorder
        Where.
    inner : Namespace
        The namespace that computes.
    library : Library
        The array library of recorded arrays.
    """

    several = False

    def __init__(self, recorder: Recorder, inner: Any, library: Library) -> None:
        self.recorder, self.inner, self.library = recorder, inner, library
        self.kernels, self.generates, self.generator = inner.kernels, inner.generates, inner.generator

    def dtype(self, dtype: Any) -> Any:
        """The library's own dtype."""
        return self.inner.dtype(dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.inner, name)
        extension = name in EXTENSIONS or isinstance(found, ModuleType)
        made = _Extension(self.recorder, found) if extension else _noting(self.recorder, name, found)
        self.__dict__[name] = made
        return made


class _Extension:
    """linalg or fft of a namespace."""

    def __init__(self, recorder: Recorder, module: Any) -> None:
        self._recorder, self._module = recorder, module

    def __getattr__(self, name: str) -> Any:
        return _noting(self._recorder, name, getattr(self._module, name))


def _noting(recorder: Recorder, name: str, found: Any) -> Any:
    """What stands for a namespace's name: functions note their calls, all else is as it is."""
    if isinstance(found, type) or not callable(found):
        return found
    if name in ABOUT_TYPES:
        return lambda *args, **options: found(*[a.plain if isinstance(a, Noted) else a for a in args], **options)
    written = [a.name for a in declaration(name).arguments if a.written] if name in KERNELS else []
    if written:
        return _writing(recorder, name, found, written)
    moving = name not in FIXED

    def run(*args: Any, **options: Any) -> Any:
        return recorder.call(name, found, args, options, moving=moving)

    return run


def _writing(recorder: Recorder, name: str, found: Callable[..., Any], written: list[str]) -> Callable[..., Any]:
    """A kernel that writes to some of its arguments."""
    places = [declaration(name).names.index(w) for w in written]

    def run(*args: Any, **options: Any) -> Any:
        given = [args[i] if i < len(args) else options.get(n) for i, n in zip(places, written, strict=True)]
        targets = [t for g in given if g is not None for t in (g if isinstance(g, (list, tuple)) else [g])]
        return recorder.call(name, found, args, options, writes=targets)

    return run


class _Spaces(dict[type, Any]):
    """Array type -> namespace while a step is recorded."""

    def __init__(self, recorder: Recorder, space: RecordingSpace) -> None:
        super().__init__({Recorded: space})
        self._recorder = recorder

    def __missing__(self, kind: type) -> NoReturn:
        if kind is np.ndarray:
            raise Unrecorded(self._recorder)
        raise NotCapturable(f"the step computes with arrays of {kind.__module__}.{kind.__name__}, which are not on the CPU")


class _RecordingPolicy(Policy):
    """The policy in force while a step is recorded."""

    def __init__(self, outer: Policy, host: Backend, spaces: Any) -> None:
        super().__init__(host, outer.device, host)
        self.spaces = spaces

    def switched(self, backend: Backend) -> Policy:
        raise NotCapturable("the step switches the backend; switch it outside")


@contextmanager
def recording_to(recorder: Recorder) -> Any:
    """Let ops note their calls in a recorder, inside a block."""
    outer = policy()
    library = Library("recorded", outer.host.library.module, "cpu")
    space = RecordingSpace(recorder, recorder.inner, library)
    host = Backend(outer.host.name, library, lambda: None, lambda: None)
    NAMESPACES[library, ""] = space  # type: ignore[assignment]
    try:
        with in_force(_RecordingPolicy(outer, host, _Spaces(recorder, space))):
            yield space
    finally:
        recorder.on = False
        del NAMESPACES[library, ""]


def _outside() -> NoReturn:
    raise NotCapturable("a tensor that another thread is just capturing, or that a captured step left behind, cannot be used")


class _Strange(Library):
    """The library of recorded arrays where nothing is recorded: in another thread than the one that records."""

    def load(self) -> NoReturn:
        _outside()

    def meet(self) -> NoReturn:
        raise Unrecorded(self)

    def adopt(self, tensors: Any) -> None:
        """Wait until the other thread has recorded its step, which takes no longer than the step itself."""
        for t in tensors:
            if isinstance(t, (list, tuple)):
                self.adopt(t)
                continue
            array = getattr(t, "array", None)
            if isinstance(array, Recorded) and (not array.recorder.waited() or t.array is array):
                _outside()


LIBRARIES[Recorded] = _Strange("recorded", "array_api_compat.numpy", "cpu")
