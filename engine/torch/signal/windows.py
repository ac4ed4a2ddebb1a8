"""torch.signal.windows: the windows of SciPy, as tensors."""

from __future__ import annotations

from typing import Any

from ..names.core import FUNCTIONS, refuse
from ..names.creation import finished, placed
from ..names.engine import dl


def _window(name: str, *settings: str, **defaults: Any) -> Any:
    def call(M: int, *args: Any, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,  # noqa: N803
             requires_grad: bool = False, **options: Any) -> Any:  # fmt: skip
        from scipy.signal import windows

        given = {**defaults, **dict(zip(settings, args, strict=False)), **options}
        if layout not in (None, "strided"):
            raise refuse(f"signal.windows.{name}", "tensors are strided")
        if name == "exponential":
            given.setdefault("center", None)
            values = windows.exponential(M, given["center"], given["tau"], sym)
        else:
            values = getattr(windows, name)(M, *(given[s] for s in settings), sym=sym)
        return finished(dl.asarray(values, **placed(dtype or dl.get_default_dtype(), device)), requires_grad)

    call.__name__ = name
    return call


bartlett, blackman, cosine, hann, hamming, nuttall = map(
    _window, ("bartlett", "blackman", "cosine", "hann", "hamming", "nuttall")
)
exponential = _window("exponential", center=None, tau=1.0)
gaussian, kaiser = _window("gaussian", "std", std=1.0), _window("kaiser", "beta", beta=12.0)
general_hamming, general_cosine = _window("general_hamming", "alpha", alpha=0.54), _window("general_cosine", "a")


def _old(window: Any, *settings: str) -> Any:
    def call(window_length: int, periodic: bool = True, *args: Any, **options: Any) -> Any:
        return window(window_length, *args, sym=not periodic, **options)

    return call


FUNCTIONS.update(
    bartlett_window=_old(bartlett), blackman_window=_old(blackman), hann_window=_old(hann), hamming_window=_old(hamming)
)
