"""Initial values with a structure: identity, orthogonal and sparse matrices, recurrent layers. Users reach them as dl.nn.init."""

from __future__ import annotations

from math import ceil, prod
from typing import TYPE_CHECKING, TypeVar

from ..autograd.base import no_grad
from ..errors import ConfigError, ShapeError
from ..generator import Generator
from ..ops.creation import eye
from ..ops.elementwise import where
from ..ops.factorizations import qr
from ..ops.joining import stack
from ..ops.random import randn
from ..ops.reduce import sum as total
from ..ops.sampling import randperm
from ..ops.shape import reshape
from .init_basic import fill, normal_, zeros_

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .module import Module

M = TypeVar("M", bound="Module")


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal and zeros elsewhere.

    Parameters
    ----------
    tensor : Tensor
        A matrix, square or not; it is overwritten.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        It is not a matrix.

    Examples
    --------
    >>> dl.nn.init.eye_(dl.ones((2, 3)))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: expected a matrix, got shape {tensor.shape}")
    zeros_(tensor)
    with no_grad():
        for i in range(min(tensor.shape)):
            tensor[i, i] = 1.0
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution's weight pass its input channels through unchanged.

    Filter k is 1 at the middle of its channel k and 0 elsewhere; with several groups, likewise in each group.

    Parameters
    ----------
    tensor : Tensor
        The weight of a convolution, shape ``(K,C/groups,*kernel)``; it is overwritten.
    groups : int
        The groups of the convolution.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        It has fewer than 3 axes, or ``groups`` does not divide K.

    Examples
    --------
    >>> dl.nn.init.dirac_(dl.zeros((1, 1, 3)))
    tensor([[[0., 1., 0.]]])
    """
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


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with ``gain`` times a random matrix with orthonormal rows or columns.

    The rows are orthonormal if there are fewer of them than columns, else the columns are. Axes after the first count as
    one. All devices get the same numbers.

    Parameters
    ----------
    tensor : Tensor
        A tensor of 2 or more axes; it is overwritten.
    gain : float
        The factor.
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
    Saxe, McClelland and Ganguli, 2014, arXiv:1312.6120.

    Examples
    --------
    >>> w = dl.nn.init.orthogonal_(dl.zeros((2, 4)))
    >>> bool(dl.max(dl.abs(w @ w.T - dl.eye(2))) < 1e-5)
    True
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
        return fill(tensor, reshape(q, tensor.shape).astype(tensor.dtype).to(tensor.device))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix from N(0, std^2), with the same number of zeros in each column.

    Parameters
    ----------
    tensor : Tensor
        A matrix (out, in); it is overwritten.
    sparsity : float
        The share of zeros in a column, from 0 to 1; their number is rounded up.
    std : float
        The standard deviation of the others.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ShapeError
        It is not a matrix.
    ConfigError
        ``sparsity`` is not between 0 and 1.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", 2010.

    Examples
    --------
    >>> w = dl.nn.init.sparse_(dl.zeros((4, 3)), sparsity=0.5)
    >>> dl.count_nonzero(w, axis=0).tolist()
    [2, 2, 2]
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: expected a matrix, got shape {tensor.shape}")
    if not 0 <= sparsity <= 1:
        raise ConfigError(f"sparse_: sparsity must be between 0 and 1, got {sparsity}")
    rows, columns = tensor.shape
    zeros = ceil(sparsity * rows)
    kept = [randperm(rows, device=tensor.device, generator=generator) >= zeros for _ in range(columns)]
    normal_(tensor, 0.0, std, generator)
    with no_grad():
        return fill(tensor, where(stack(kept, axis=1), tensor, 0.0)) if columns else tensor


def irnn_(rnn: M, scale: float = 1.0) -> M:
    """Make a ReLU network start by keeping its state (IRNN).

    Its recurrent weights become ``scale`` times the identity and its biases 0, so that the state stays until an input
    changes it.

    Parameters
    ----------
    rnn : Module
        An RNN or RNNCell with ReLU; it is changed.
    scale : float
        The factor of the identity.

    Returns
    -------
    Module
        ``rnn`` itself.

    References
    ----------
    Le, Jaitly and Hinton, 2015, arXiv:1504.00941.

    Examples
    --------
    >>> rnn = dl.nn.init.irnn_(dl.nn.RNN(3, 2, nonlinearity="relu"))
    >>> rnn.weight_hh_l0.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    for name, p in rnn.named_parameters():
        if "weight_hh" in name:
            eye_(p)
            fill(p, p * scale)
        elif "bias" in name:
            zeros_(p)
    return rnn


def forget_gate_bias_(lstm: M, value: float = 1.0) -> M:
    """Set the bias of an LSTM's forget gates, so that it starts by remembering.

    The bias is the sum of ``bias_ih`` and ``bias_hh``: the first becomes ``value``, the second 0.

    Parameters
    ----------
    lstm : Module
        An LSTM or LSTMCell; it is changed.
    value : float
        The bias of the forget gates.

    Returns
    -------
    Module
        ``lstm`` itself.

    References
    ----------
    Gers, Schmidhuber and Cummins, "Learning to forget", 2000; Jozefowicz, Zaremba and Sutskever, 2015.

    Examples
    --------
    >>> lstm = dl.nn.init.forget_gate_bias_(dl.nn.LSTM(3, 2))
    >>> (lstm.bias_ih_l0 + lstm.bias_hh_l0)[2:4].tolist()
    [1.0, 1.0]
    """
    with no_grad():
        for name, p in lstm.named_parameters():
            if "bias" in name:
                hidden = p.shape[0] // 4
                p[hidden : 2 * hidden] = value if "bias_ih" in name else 0.0
    return lstm
