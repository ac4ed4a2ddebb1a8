"""Initial values. Every function writes into its tensor and returns it; numbers come from a Philox generator.

They are therefore the same on every backend and device. Names, arguments and formulas are PyTorch's.
"""

from __future__ import annotations

from math import ceil, prod, sqrt
from typing import Any

from ..autograd.base import no_grad
from ..errors import ConfigError, ShapeError
from ..generator import Generator
from ..ops.creation import eye
from ..ops.decompositions import qr
from ..ops.elementwise import where
from ..ops.random import rand, randn, randperm
from ..ops.reduce import sum as total
from ..ops.shape import concat, reshape, stack

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


def lecun_uniform_(tensor: Any, generator: Generator | None = None) -> Any:
    """U(-b, b), b = sqrt(3 / fan in): variance 1 / fan in. Source: LeCun et al. 1998, "Efficient BackProp"."""
    bound = sqrt(3.0 / fans(tensor)[0])
    return uniform_(tensor, -bound, bound, generator)


def lecun_normal_(tensor: Any, generator: Generator | None = None) -> Any:
    """N(0, 1 / fan in). Source: LeCun et al. 1998; for SELU networks Klambauer et al. 2017, arXiv:1706.02515."""
    return normal_(tensor, 0.0, sqrt(1.0 / fans(tensor)[0]), generator)


def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> Any:
    """N(mean, std^2) restricted to [a, b]: what falls outside is drawn again."""
    if not a < b:
        raise ConfigError(f"trunc_normal_: a must be below b, got {a} and {b}")
    if (a - mean) / std > 4 or (b - mean) / std < -4:
        raise ConfigError(f"trunc_normal_: [{a}, {b}] is more than 4 standard deviations from the mean {mean}")
    found: list[Any] = []
    with no_grad():
        while sum(v.size for v in found) < tensor.size:
            drawn = randn(max(2 * tensor.size, 64), dtype=tensor.dtype, device=tensor.device, generator=generator) * std + mean
            found.append(drawn[(drawn >= a) & (drawn <= b)])
        return _fill(tensor, reshape(concat(found)[: tensor.size], tensor.shape))


def orthogonal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """gain times a random matrix with orthonormal rows or columns, whichever are fewer; axes after the first count as one.

    Source: Saxe et al. 2014, arXiv:1312.6120.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: expected 2 or more dimensions, got shape {tensor.shape}")
    rows, columns = tensor.shape[0], prod(tensor.shape[1:])
    with no_grad():
        # On the host and in float64, so that every device gets the same numbers.
        q, r = qr(randn(max(rows, columns), min(rows, columns), dtype="float64", device="cpu", generator=generator))
        n = min(rows, columns)
        diagonal = total(r * eye(n, dtype="float64", device="cpu"), axis=0)
        q = q * where(diagonal < 0, -gain, gain)  # without the sign not all orthogonal matrices are equally likely
        q = q.T if rows < columns else q
        return _fill(tensor, reshape(q, tensor.shape).astype(tensor.dtype).to(tensor.device))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Any:
    """N(0, std^2), and in each column of a matrix (out, in) a share `sparsity` of zeros. Source: Martens 2010."""
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: expected a matrix, got shape {tensor.shape}")
    if not 0 <= sparsity <= 1:
        raise ConfigError(f"sparse_: sparsity must be between 0 and 1, got {sparsity}")
    rows, columns = tensor.shape
    zeros = ceil(sparsity * rows)
    kept = [randperm(rows, device=tensor.device, generator=generator) >= zeros for _ in range(columns)]
    normal_(tensor, 0.0, std, generator)
    with no_grad():
        return _fill(tensor, where(stack(kept, axis=1), tensor, 0.0)) if columns else tensor


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """A convolution that passes its channels through: 1 at the middle of filter k's channel k, else 0. (K,C/groups,*kernel)."""
    if tensor.ndim < 3 or tensor.shape[0] % groups:
        raise ShapeError(f"dirac_: expected a convolution's weight (K,C/groups,*kernel) with groups={groups}, got {tensor.shape}")
    zeros_(tensor)
    per_group = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    with no_grad():
        for g in range(groups):
            for k in range(min(per_group, tensor.shape[1])):
                tensor[(g * per_group + k, k, *middle)] = 1.0
    return tensor


def irnn_(rnn: Any, scale: float = 1.0) -> Any:
    """The recurrent weights of a ReLU RNN to scale times the identity, its biases to 0: states are kept until input changes
    them. Changes and returns the RNN. Source: Le, Jaitly & Hinton 2015, arXiv:1504.00941."""
    for name, p in rnn.named_parameters():
        if "weight_hh" in name:
            eye_(p)
            _fill(p, p * scale)
        elif "bias" in name:
            zeros_(p)
    return rnn


def forget_gate_bias_(lstm: Any, value: float = 1.0) -> Any:
    """The bias of an LSTM's forget gates, bias_ih + bias_hh, to value: it starts by remembering. Changes and returns the LSTM.

    Source: Gers et al. 2000; Jozefowicz et al. 2015.
    """
    with no_grad():
        for name, p in lstm.named_parameters():
            if "bias" in name:
                hidden = p.shape[0] // 4
                p[hidden : 2 * hidden] = value if "bias_ih" in name else 0.0
    return lstm
