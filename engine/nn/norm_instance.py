"""Instance normalisation: statistics of each channel of each sample, over space."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from ..autograd.base import no_grad
from ..autograd.checkpoint import recomputing
from ..errors import ShapeError
from ..ops import norm as ops
from ..ops.elementwise import square
from ..ops.reduce import mean, sum
from ..ops.shape import reshape
from .norm_batch import _BatchNorm

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class _InstanceNorm(_BatchNorm):
    """Base of instance normalisation."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, *, device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == self.dims[0] - 1:  # one sample (C,*S)
            return self.forward(x[None])[0]
        x = self._checked_input(x)
        if not self.training and self.running_mean is not None and self.running_var is not None:
            return ops.batch_norm_inference(x, self.running_mean, self.running_var, self.weight, self.bias, self.eps)
        if self.running_mean is not None and not recomputing.get():
            self._average(x)
        return ops.instance_norm(x, self.weight, self.bias, self.eps)

    def _average(self, x: Tensor) -> None:
        """Update the running statistics with the mean over the batch of those of each sample; the variance is unbiased."""
        count = prod(x.shape[2:])
        if count < 2:
            raise ShapeError(f"{type(self).__name__}: running statistics need more than one value a channel, got shape {x.shape}")
        with no_grad():
            flat = reshape(x, (*x.shape[:2], count))
            centre = mean(flat, axis=2)
            spread = sum(square(flat - centre[..., None]), axis=2) / (count - 1)
            self._blend(self.momentum or 0.0, mean(centre, axis=0), mean(spread, axis=0))


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of sequences: each channel of each one to mean 0 and variance 1 over time.

    Shape: x (N,C,W) or (C,W) -> the same shape.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch: ``running += momentum (batch - running)``. None
        averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel by ``weight`` and ``bias``.
    track_running_stats : bool
        Whether running statistics are kept and used after ``eval()``.
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
    running_mean : Tensor or None
        Buffer of shape (C,), zeros at first.
    running_var : Tensor or None
        Buffer of shape (C,), ones at first.
    num_batches_tracked : Tensor or None
        Buffer of shape (), the number of batches seen in training.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky, 2016, arXiv:1607.08022.

    Examples
    --------
    >>> dl.nn.InstanceNorm1d(1, eps=0.0)(dl.asarray([[[1.0, 3.0]]]))
    tensor([[[-1.,  1.]]])
    """

    dims, letters = (3,), "(N,C,W)"


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of images: each channel of each one to mean 0 and variance 1 over space.

    Shape: x (N,C,H,W) or (C,H,W) -> the same shape.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch: ``running += momentum (batch - running)``. None
        averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel by ``weight`` and ``bias``.
    track_running_stats : bool
        Whether running statistics are kept and used after ``eval()``.
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
    running_mean : Tensor or None
        Buffer of shape (C,), zeros at first.
    running_var : Tensor or None
        Buffer of shape (C,), ones at first.
    num_batches_tracked : Tensor or None
        Buffer of shape (), the number of batches seen in training.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky, 2016, arXiv:1607.08022.

    Examples
    --------
    >>> dl.nn.InstanceNorm2d(3)(dl.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    dims, letters = (4,), "(N,C,H,W)"


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes: each channel of each one to mean 0 and variance 1 over space.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> the same shape.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch: ``running += momentum (batch - running)``. None
        averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel by ``weight`` and ``bias``.
    track_running_stats : bool
        Whether running statistics are kept and used after ``eval()``.
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
    running_mean : Tensor or None
        Buffer of shape (C,), zeros at first.
    running_var : Tensor or None
        Buffer of shape (C,), ones at first.
    num_batches_tracked : Tensor or None
        Buffer of shape (), the number of batches seen in training.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky, 2016, arXiv:1607.08022.

    Examples
    --------
    >>> dl.nn.InstanceNorm3d(3)(dl.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    dims, letters = (5,), "(N,C,D,H,W)"
