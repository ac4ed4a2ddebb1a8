"""Initial values. Every function writes into its tensor and returns it; numbers come from a Philox generator.

They are therefore the same on every backend and device. Names, arguments and formulas are PyTorch's.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

from ..autograd.base import no_grad
from ..errors import ConfigError, ShapeError
from ..generator import Generator
from ..ops.random import rand, randn

GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2.0), "selu": 0.75
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through an activation; param is leaky_relu's slope (0.01)."""
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ConfigError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}; expected {', '.join(GAINS)} or leaky_relu")
    return GAINS[nonlinearity]


def fans(tensor: Any) -> tuple[int, int]:
    """(fan in, fan out) of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ShapeError(f"init: fan in and fan out need a weight of 2 or more dimensions (out, in, ...), got {tensor.shape}")
    window = prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _fill(tensor: Any, values: Any) -> Any:
    with no_grad():
        tensor[...] = values
    return tensor


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Any:
    """Values from U[a, b)."""
    u = rand(tensor.shape, dtype=tensor.dtype, device=tensor.device, generator=generator)
    return _fill(tensor, u * (b - a) + a)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Any:
    """Values from N(mean, std^2)."""
    z = randn(tensor.shape, dtype=tensor.dtype, device=tensor.device, generator=generator)
    return _fill(tensor, z * std + mean)


def constant_(tensor: Any, val: float) -> Any:
    """One value everywhere."""
    return _fill(tensor, val)


def zeros_(tensor: Any) -> Any:
    """Zeros."""
    return _fill(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Ones."""
    return _fill(tensor, 1.0)


def eye_(tensor: Any) -> Any:
    """The identity, for a matrix; with zeros beside it if it is not square."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: expected a matrix, got shape {tensor.shape}")
    zeros_(tensor)
    with no_grad():
        for i in range(min(tensor.shape)):
            tensor[i, i] = 1.0
    return tensor


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """U(-b, b), b = gain sqrt(6 / (fan in + fan out)). Source: Glorot & Bengio 2010."""
    bound = gain * sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """N(0, s^2), s = gain sqrt(2 / (fan in + fan out)). Source: Glorot & Bengio 2010."""
    return normal_(tensor, 0.0, gain * sqrt(2.0 / sum(fans(tensor))), generator)


def _kaiming(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ConfigError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / sqrt(fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Any:
    """U(-b, b), b = gain sqrt(3 / fan); a is leaky_relu's slope. Source: He et al. 2015, arXiv:1502.01852."""
    bound = sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Any:
    """N(0, s^2), s = gain / sqrt(fan); a is leaky_relu's slope. Source: He et al. 2015, arXiv:1502.01852."""
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity), generator)
