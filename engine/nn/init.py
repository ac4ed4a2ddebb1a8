"""Initial values. Every function writes into its tensor and returns it; numbers come from a Philox generator.

They are therefore the same on every backend and device. Names, arguments and formulas are PyTorch's.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..generator import Generator
from .init_basic import constant_, normal_, ones_, trunc_normal_, uniform_, zeros_
from .init_structure import dirac_, eye_, forget_gate_bias_, irnn_, orthogonal_, sparse_

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "fans", "forget_gate_bias_", "irnn_", "kaiming_normal_", "kaiming_uniform_",
    "lecun_normal_", "lecun_uniform_", "normal_", "ones_", "orthogonal_", "sparse_", "trunc_normal_", "uniform_",
    "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2.0), "selu": 0.75
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which initial weights keep the variance through an activation.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "selu" or "leaky_relu".
    param : float or None
        The slope of leaky_relu; None is 0.01.

    Returns
    -------
    float
        The factor.

    Raises
    ------
    ConfigError
        The name is unknown.

    Examples
    --------
    >>> dl.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ConfigError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}; expected {', '.join(GAINS)} or leaky_relu")
    return GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """Return fan in and fan out of a weight: the numbers of inputs and outputs that it connects.

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes.

    Returns
    -------
    fan_in : int
        ``in`` times the size of the kernel.
    fan_out : int
        ``out`` times the size of the kernel.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.

    Examples
    --------
    >>> dl.nn.init.fans(dl.zeros((16, 3, 5, 5)))
    (75, 400)
    """
    if tensor.ndim < 2:
        raise ShapeError(f"init: fan in and fan out need a weight of 2 or more dimensions (out, in, ...), got {tensor.shape}")
    window = prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight from U(-b, b) with ``b = gain sqrt(6 / (fan in + fan out))``.

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes; it is overwritten.
    gain : float
        The factor of the activation; see calculate_gain.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Examples
    --------
    >>> w = dl.nn.init.xavier_uniform_(dl.zeros((2, 4)))
    >>> bool(dl.max(dl.abs(w)) <= 1.0)
    True
    """
    bound = gain * sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight from N(0, s^2) with ``s = gain sqrt(2 / (fan in + fan out))``.

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes; it is overwritten.
    gain : float
        The factor of the activation; see calculate_gain.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Examples
    --------
    >>> w = dl.nn.init.xavier_normal_(dl.zeros((100, 100)))
    >>> round(float(dl.std(w)), 2)
    0.1
    """
    return normal_(tensor, 0.0, gain * sqrt(2.0 / sum(fans(tensor))), generator)


def _kaiming_scale(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """Return gain / sqrt(fan), the standard deviation of Kaiming initial values."""
    if mode not in ("fan_in", "fan_out"):
        raise ConfigError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / sqrt(fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Fill a weight from U(-b, b) with ``b = gain sqrt(3 / fan)``.

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes; it is overwritten.
    a : float
        The slope of leaky_relu for negative inputs.
    mode : str
        "fan_in" keeps the variance forwards, "fan_out" backwards.
    nonlinearity : str
        The activation that follows; see calculate_gain.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.
    ConfigError
        ``mode`` or ``nonlinearity`` is unknown.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, arXiv:1502.01852.

    Examples
    --------
    >>> w = dl.nn.init.kaiming_uniform_(dl.zeros((100, 6)))
    >>> bool(dl.max(dl.abs(w)) <= 1.0)
    True
    """
    bound = sqrt(3.0) * _kaiming_scale(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Fill a weight from N(0, s^2) with ``s = gain / sqrt(fan)``.

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes; it is overwritten.
    a : float
        The slope of leaky_relu for negative inputs.
    mode : str
        "fan_in" keeps the variance forwards, "fan_out" backwards.
    nonlinearity : str
        The activation that follows; see calculate_gain.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.
    ConfigError
        ``mode`` or ``nonlinearity`` is unknown.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, arXiv:1502.01852.

    Examples
    --------
    >>> w = dl.nn.init.kaiming_normal_(dl.zeros((100, 200)), nonlinearity="relu")
    >>> round(float(dl.std(w)), 2)
    0.1
    """
    return normal_(tensor, 0.0, _kaiming_scale(tensor, a, mode, nonlinearity), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill a weight from U(-b, b) with ``b = sqrt(3 / fan in)``, which gives variance ``1 / fan in``.

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes; it is overwritten.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> w = dl.nn.init.lecun_uniform_(dl.zeros((100, 3)))
    >>> bool(dl.max(dl.abs(w)) <= 1.0)
    True
    """
    bound = sqrt(3.0 / fans(tensor)[0])
    return uniform_(tensor, -bound, bound, generator)


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill a weight from N(0, 1 / fan in).

    Parameters
    ----------
    tensor : Tensor
        A weight ``(out, in, *kernel)`` of 2 or more axes; it is overwritten.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        The tensor has fewer than 2 axes.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998; for SELU networks: Klambauer et al., 2017, arXiv:1706.02515.

    Examples
    --------
    >>> w = dl.nn.init.lecun_normal_(dl.zeros((100, 100)))
    >>> round(float(dl.std(w)), 2)
    0.1
    """
    return normal_(tensor, 0.0, sqrt(1.0 / fans(tensor)[0]), generator)
