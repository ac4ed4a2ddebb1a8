"""Normalisation layers that treat each sample on its own: layer, RMS and group normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..ops import norm as ops
from ..ops.creation import ones, zeros
from ..ops.norm_local import local_response_norm
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class LayerNorm(Module):
    """Layer normalisation: each sample to mean 0 and variance 1 over its last axes.

    ``y = (x - mean) / sqrt(variance + eps) * weight + bias``.
    Shape: x (..., D) -> the same shape, where the last axes D have the shape ``normalized_shape``.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The shape of the axes that are normalised.
    eps : float
        Added to the variance, against division by 0.
    elementwise_affine : bool
        Whether the result is scaled by ``weight`` and, with ``bias``, shifted.
    bias : bool
        Whether the result is shifted.
    device : str or None
        Where parameters and buffers live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of parameters and buffers; None is the default dtype.

    Attributes
    ----------
    weight : Parameter or None
        Shape ``normalized_shape``, ones at first.
    bias : Parameter or None
        Shape ``normalized_shape``, zeros at first.

    References
    ----------
    Ba, Kiros and Hinton, 2016, arXiv:1607.06450.

    Examples
    --------
    >>> dl.nn.LayerNorm(2, eps=0.0)(dl.asarray([[1.0, 3.0], [10.0, 50.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]], requires_grad=True)
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True, *,
        device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape, device=device, dtype=dtype)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        return ops.layer_norm(in_dtype_of(self.weight, x), self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class RMSNorm(Module):
    """RMS normalisation: each sample divided by the root of its mean square over its last axes.

    ``y = x / sqrt(mean(x^2) + eps) * weight``.
    Shape: x (..., D) -> the same shape, where the last axes D have the shape ``normalized_shape``.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The shape of the axes that are normalised.
    eps : float or None
        Added to the mean square; None is the spacing of numbers of the dtype of x at 1.
    elementwise_affine : bool
        Whether the result is scaled by ``weight``.
    device : str or None
        Where parameters and buffers live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of parameters and buffers; None is the default dtype.

    Attributes
    ----------
    weight : Parameter or None
        Shape ``normalized_shape``, ones at first.

    References
    ----------
    Zhang and Sennrich, 2019, arXiv:1910.07467.

    Examples
    --------
    >>> dl.nn.RMSNorm(2, eps=0.0)(dl.asarray([[2.0, -2.0]]))
    tensor([[ 1., -1.]], requires_grad=True)
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True, *,
        device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        return ops.rms_norm(in_dtype_of(self.weight, x), self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class GroupNorm(Module):
    """Group normalisation: each sample to mean 0 and variance 1 over groups of channels and space.

    ``y = (x - mean) / sqrt(variance + eps) * weight + bias``.
    Shape: x (N,C,*S) -> the same shape.

    Parameters
    ----------
    num_groups : int
        The number of groups; it must divide C.
    num_channels : int
        C, the number of channels.
    eps : float
        Added to the variance, against division by 0.
    affine : bool
        Whether the result is scaled and shifted per channel by ``weight`` and ``bias``.
    device : str or None
        Where parameters and buffers live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of parameters and buffers; None is the default dtype.

    Attributes
    ----------
    weight : Parameter or None
        Shape (C,), ones at first.
    bias : Parameter or None
        Shape (C,), zeros at first.

    Raises
    ------
    ConfigError
        A size is not allowed.

    References
    ----------
    Wu and He, 2018, arXiv:1803.08494.

    Examples
    --------
    >>> dl.nn.GroupNorm(2, 4)(dl.ones((2, 4, 3, 3))).shape
    (2, 4, 3, 3)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        require_positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ConfigError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(ones((num_channels,), device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros((num_channels,), device=device, dtype=dtype)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: input must be (N,C,...) with C={self.num_channels}, got shape {x.shape}")
        return ops.group_norm(in_dtype_of(self.weight, x), self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.weight is not None}"


class LocalResponseNorm(Module):
    """Divide each value by a power of the mean square of neighbouring channels.

    ``y = x / (k + alpha mean)^beta``, mean being that of the squares of ``size`` channels around; those that do not exist count
    as 0. Shape: x (N,C,*S) -> the same shape.

    Parameters
    ----------
    size : int
        The number of neighbouring channels.
    alpha : float
        What the mean square is multiplied by.
    beta : float
        The exponent.
    k : float
        Added to it.

    See Also
    --------
    functional.local_response_norm : The same as a function.

    References
    ----------
    Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012.

    Examples
    --------
    >>> dl.nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)(dl.ones((1, 2, 1))).tolist()
    [[[0.5], [0.3333333432674408]]]
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
