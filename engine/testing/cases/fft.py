"""Rows of the Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import ConfigError, DTypeError, ShapeError
from ...ops import fft as ops
from ...ops import fft_frequencies, fft_real
from ..arguments import complex_normal, normal
from ..bounds import exact, forward_error
from ..references import fourier as ref
from ..table import case, error, sample, unplanted

_BOUND = forward_error(8, 16)
_NORM = error(ConfigError, "norm", normal(4), norm="none")
_EMPTY = error(ShapeError, "one sample", normal(4), n=0)

_op: Callable[..., Any]
for _op in (ops.fft, ops.ifft):
    case(
        _op,
        sample(complex_normal(7)),
        sample(normal(2, 8)),
        sample(complex_normal(4, 3), axis=0, norm="ortho"),
        sample(complex_normal(8), n=5),
        sample(complex_normal(5), n=8, norm="forward"),
        _NORM,
        _EMPTY,
        bound=_BOUND,
        reference=getattr(ref, _op.__name__),
    )
for _op in (ops.fftn, ops.ifftn):
    case(
        _op,
        sample(complex_normal(3, 4)),
        sample(normal(2, 3, 4), axes=(0, 2)),
        sample(complex_normal(3, 4), s=(2, 6), axes=(0, 1), norm="ortho"),
        sample(complex_normal(2, 3, 4), s=(3, 3), axes=(1, 2), norm="forward"),
        sample(complex_normal(2, 3), axes=(-1,), norm="backward"),
        _NORM,
        bound=_BOUND,
        reference=getattr(ref, _op.__name__),
    )
case(
    fft_real.rfft,
    sample(normal(7)),
    sample(normal(2, 8)),
    sample(normal(4, 3), axis=0, norm="ortho"),
    sample(normal(8), n=5),
    sample(normal(5), n=8, norm="forward"),
    error(DTypeError, "must be real", complex_normal(3)),
    _NORM,
    _EMPTY,
    bound=_BOUND,
    reference=ref.rfft,
)
for _op in (fft_real.irfft, fft_real.hfft):
    case(
        _op,
        sample(complex_normal(5)),
        sample(complex_normal(2, 5), n=9),
        sample(complex_normal(4, 3), axis=0, norm="ortho"),
        sample(complex_normal(8), n=5),
        sample(complex_normal(5), n=12, norm="forward"),
        _NORM,
        _EMPTY,
        bound=_BOUND,
        reference=getattr(ref, _op.__name__),
    )
case(
    fft_real.ihfft,
    sample(normal(7)),
    sample(normal(2, 8), n=6, norm="ortho"),
    sample(normal(3, 4), axis=0),
    _NORM,
    bound=_BOUND,
    reference=ref.ihfft,
)
case(
    fft_real.rfftn,
    sample(normal(3, 4)),
    sample(normal(2, 3, 4), axes=(2, 0)),
    sample(normal(3, 4), s=(2, 5), axes=(0, 1), norm="ortho"),
    error(DTypeError, "must be real", complex_normal(3)),
    _NORM,
    bound=_BOUND,
    reference=ref.rfftn,
)
case(
    fft_real.irfftn,
    sample(complex_normal(3, 4)),
    sample(complex_normal(2, 3, 4), axes=(0, 2)),
    sample(complex_normal(3, 4), s=(2, 5), axes=(0, 1), norm="ortho"),
    _NORM,
    bound=_BOUND,
    reference=ref.irfftn,
)
case(
    fft_frequencies.fftshift,
    sample(normal(5)),
    sample(normal(3, 4), axes=1),
    sample(complex_normal(3, 5), axes=-1),
    bound=exact,
    reference=ref.fftshift,
)
case(
    fft_frequencies.ifftshift,
    sample(normal(5)),
    sample(normal(3, 4), axes=(0, 1)),
    sample(normal(3, 5), axes=-1),
    bound=exact,
    reference=ref.ifftshift,
)
case(
    fft_frequencies.fftfreq,
    sample(5),
    sample(8, d=0.1),
    bound=forward_error(1),
    differentiable=False,
    reference=ref.fftfreq,
)
case(
    fft_frequencies.rfftfreq,
    sample(5),
    sample(8, d=0.1),
    bound=forward_error(1),
    differentiable=False,
    reference=ref.rfftfreq,
)
unplanted(
    "every value of a transform is a sum over all inputs: which are Inf and which NaN is a matter of the order of its steps",
    "fft", "ifft", "fftn", "ifftn", "rfft", "irfft", "rfftn", "irfftn", "hfft", "ihfft",
)  # fmt: skip
