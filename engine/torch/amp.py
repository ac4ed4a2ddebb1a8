"""torch.amp: mixed precision. On the CPU, and wherever it is switched off, everything stays in float32."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from .names.core import refuse
from .names.places import cuda_available


class autocast:  # noqa: N801 - PyTorch's name
    """Mixed precision inside a block: refused unless it is switched off or has no GPU to work on, where it does nothing."""

    def __init__(self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True, cache_enabled: Any = None) -> None:
        active = enabled and (device_type == "cpu" or cuda_available())
        if enabled and device_type == "cuda" and not cuda_available():
            warnings.warn("User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2)
        if active:
            raise refuse("autocast", "ops do not change dtypes here; train with dlengine.training.MixedPrecision, or in float32 "
                                     "with autocast(enabled=False)")  # fmt: skip

    def __enter__(self) -> None:
        """Nothing changes."""

    def __exit__(self, *exc: object) -> None:
        """Nothing changed."""

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            with self:
                return function(*args, **options)

        return call


class GradScaler:
    """A scaler of losses, which without half precision has nothing to scale: its factor is 1."""

    def __init__(self, device: str = "cuda", init_scale: float = 65536.0, enabled: bool = True, **_: Any) -> None:
        self._enabled = enabled

    def scale(self, outputs: Any) -> Any:
        """The loss as it is."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing is scaled."""

    def step(self, optimizer: Any, *args: Any, **options: Any) -> Any:
        """The optimizer's step."""
        return optimizer.step(*args, **options)

    def update(self, new_scale: Any = None) -> None:
        """Nothing is scaled."""

    def get_scale(self) -> float:
        """The factor."""
        return 1.0

    def is_enabled(self) -> bool:
        """Whether it was asked for."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict takes."""
        return {}

    def load_state_dict(self, state_dict: Any) -> None:
        """Nothing to load."""
