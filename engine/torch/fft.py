"""torch.fft: Fourier transforms with PyTorch's arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .names.core import kind_of, lifted
from .names.creation import finished, placed
from .names.engine import dl

_F = dl.fft


def _floating(x: Any) -> Any:
    return x if kind_of(x.dtype) >= 2 else dl.astype(x, dl.get_default_dtype())


def _one(name: str) -> Any:
    f = getattr(_F, name)

    def call(input: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
        return f(_floating(input), n=n, axis=dim, norm=norm or "backward")

    call.__name__ = name
    return lifted(call)


def _axes(x: Any, s: Any, dim: Any, default: Any) -> tuple[Any, Any]:
    if dim is None:
        dim = default if default is not None else (tuple(range(x.ndim)) if s is None else tuple(range(-len(s), 0)))
    dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if s is not None:
        s = tuple(x.shape[d] if k == -1 else int(k) for k, d in zip(s, dim, strict=True))
    return s, dim


def _several(name: str, default: Any) -> Any:
    f = getattr(_F, name)

    def call(input: Any, s: Any = None, dim: Any = default, norm: Any = None) -> Any:
        x = _floating(input)
        sizes, axes = _axes(x, s, dim, default)
        return f(x, s=sizes, axes=axes, norm=norm or "backward")

    call.__name__ = name
    return lifted(call)


fft, ifft, rfft, irfft, hfft, ihfft = map(_one, ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"))
fftn, ifftn, rfftn, irfftn = (_several(n, None) for n in ("fftn", "ifftn", "rfftn", "irfftn"))
fft2, ifft2, rfft2, irfft2 = (_several(n, (-2, -1)) for n in ("fftn", "ifftn", "rfftn", "irfftn"))
_OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _hermitian(default: Any) -> tuple[Any, Any]:
    def hfftn(input: Any, s: Any = None, dim: Any = default, norm: Any = None) -> Any:
        x = _floating(input)
        if s is None:
            _, axes = _axes(x, s, dim, default)
            sizes = [x.shape[a] for a in axes]
            sizes[-1] = 2 * (sizes[-1] - 1)
        else:
            sizes, axes = _axes(x, s, dim, default)
        return _F.irfftn(
            dl.conj(x) if kind_of(x.dtype) == 3 else x + 0j, s=tuple(sizes), axes=axes, norm=_OTHER[norm or "backward"]
        )

    def ihfftn(input: Any, s: Any = None, dim: Any = default, norm: Any = None) -> Any:
        x = _floating(input)
        sizes, axes = _axes(x, s, dim, default)
        return dl.conj(_F.rfftn(x, s=sizes, axes=axes, norm=_OTHER[norm or "backward"]))

    return lifted(hfftn), lifted(ihfftn)


hfftn, ihfftn = _hermitian(None)
hfft2, ihfft2 = _hermitian((-2, -1))


@lifted
def fftshift(input: Any, dim: Any = None) -> Any:
    """The frequency 0 moved to the middle."""
    return _F.fftshift(input, axes=dim if dim is None or isinstance(dim, int) else tuple(dim)) if input.ndim else dl.clone(input)


@lifted
def ifftshift(input: Any, dim: Any = None) -> Any:
    """The frequency 0 moved back."""
    return _F.ifftshift(input, axes=dim if dim is None or isinstance(dim, int) else tuple(dim)) if input.ndim else dl.clone(input)


def _frequencies(f: Any) -> Any:
    def call(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
        return finished(dl.asarray(f(n, d), **placed(dtype or dl.get_default_dtype(), device)), requires_grad)

    return call


fftfreq, rfftfreq = _frequencies(np.fft.fftfreq), _frequencies(np.fft.rfftfreq)
_ = math
