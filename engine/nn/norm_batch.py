"""Batch normalisation. The layers keep the running statistics, so that the functions in ``ops.norm`` have no state."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from ..autograd.base import no_grad
from ..autograd.checkpoint import recomputing
from ..errors import ShapeError
from ..ops import norm as ops
from ..ops.arithmetic import add
from ..ops.creation import ones, zeros
from ..ops.index import overwrite
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class _BatchNorm(Module):
    """Base of batch normalisation; ``dims`` are the numbers of axes that the input may have."""

    dims: tuple[int, ...]
    letters: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        require_positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        size = (num_features,)
        self.weight = Parameter(ones(size, device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(size, device=device, dtype=dtype)) if affine else None
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(size, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(size, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), device=device, dtype="int64") if tracked else None)

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def reset_parameters(self) -> None:
        """Set weight and variance to 1, and bias, mean and count to 0."""
        with no_grad():
            for t, start in ((self.weight, 1.0), (self.bias, 0.0), (self.running_mean, 0.0), (self.running_var, 1.0)):
                if t is not None:
                    t[...] = start
            if self.num_batches_tracked is not None:
                self.num_batches_tracked[...] = 0

    def _checked_input(self, x: Tensor) -> Tensor:
        """Check the input and cast it to the dtype of the parameters, or of the running statistics without parameters."""
        if x.ndim not in self.dims or x.shape[1] != self.num_features:
            wanted = f"{self.letters} with C={self.num_features}"
            raise ShapeError(f"{type(self).__name__}: input must be {wanted}, got shape {x.shape}")
        return in_dtype_of(self.running_mean if self.weight is None else self.weight, x)

    def forward(self, x: Tensor) -> Tensor:
        x = self._checked_input(x)
        if not self.training and self.running_mean is not None and self.running_var is not None:
            return ops.batch_norm_inference(x, self.running_mean, self.running_var, self.weight, self.bias, self.eps)
        count = x.shape[0] * prod(x.shape[2:])
        if self.training and count < 2:
            raise ShapeError(f"{type(self).__name__}: training needs more than one value a channel, got shape {x.shape}")
        tracks = self.training and not recomputing.get()
        running = [t for t in (self.running_mean, self.running_var, self.num_batches_tracked) if t is not None and tracks]
        if len(running) == 3:
            part = -1.0 if self.momentum is None else self.momentum
            tracked = ops.batch_norm_tracked(x, running, self.weight, self.bias, self.eps, part)
            if tracked is not None:
                return tracked
        y, mean, rstd = ops.batch_norm(x, self.weight, self.bias, self.eps)
        if running:
            self._track(mean, rstd, count)
        return y

    def _track(self, mean: Tensor, rstd: Tensor, count: int) -> None:
        """Update the running statistics with those of the batch; the variance is the unbiased estimate."""
        if self.num_batches_tracked is None:
            return
        with no_grad():
            overwrite(self.num_batches_tracked, add(self.num_batches_tracked, 1))
            part = 1.0 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            if self.running_mean is not None and self.running_var is not None:
                overwrite(self.running_mean, ops.running_mean(self.running_mean, mean, part=part))
                unbiased = count / (count - 1)
                variance = ops.running_variance(self.running_var, rstd, part=part, eps=self.eps, factor=unbiased)
                overwrite(self.running_var, variance)

    def _blend(self, part: float, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards new ones by a fraction of the difference."""
        if self.running_mean is None or self.running_var is None:
            return
        self.running_mean += part * (mean - self.running_mean)
        self.running_var += part * (variance - self.running_var)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}, "
            f"track_running_stats={self.running_mean is not None}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors or sequences: each channel to mean 0 and variance 1 over the batch.

    ``y = (x - mean) / sqrt(variance + eps) * weight + bias``. Training uses the statistics of the batch and keeps
    running ones, which are used after ``eval()``; the running variance is the unbiased one.
    Shape: x (N,C) or (N,C,W) -> the same shape.

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
        Whether running statistics are kept; without them, evaluation uses those of the batch too.
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

    Raises
    ------
    ShapeError
        In training there is only one value per channel, of which no variance can be taken.

    References
    ----------
    Ioffe and Szegedy, 2015, arXiv:1502.03167.

    Examples
    --------
    >>> layer = dl.nn.BatchNorm1d(1, eps=0.0)
    >>> layer(dl.asarray([[1.0], [3.0]]))
    tensor([[-1.],
            [ 1.]], requires_grad=True)
    >>> layer.running_mean
    tensor([0.2])
    """

    dims, letters = (2, 3), "(N,C) or (N,C,W)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images: each channel to mean 0 and variance 1 over batch and space.

    ``y = (x - mean) / sqrt(variance + eps) * weight + bias``. Training uses the statistics of the batch and keeps
    running ones, which are used after ``eval()``; the running variance is the unbiased one.
    Shape: x (N,C,H,W) -> the same shape.

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
        Whether running statistics are kept; without them, evaluation uses those of the batch too.
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

    Raises
    ------
    ShapeError
        In training there is only one value per channel, of which no variance can be taken.

    References
    ----------
    Ioffe and Szegedy, 2015, arXiv:1502.03167.

    Examples
    --------
    >>> layer = dl.nn.BatchNorm2d(3)
    >>> y = layer(dl.ones((2, 3, 4, 4)))
    >>> y.shape, int(layer.num_batches_tracked)
    ((2, 3, 4, 4), 1)
    """

    dims, letters = (4,), "(N,C,H,W)"


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes: each channel to mean 0 and variance 1 over batch and space.

    ``y = (x - mean) / sqrt(variance + eps) * weight + bias``. Training uses the statistics of the batch and keeps
    running ones, which are used after ``eval()``; the running variance is the unbiased one.
    Shape: x (N,C,D,H,W) -> the same shape.

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
        Whether running statistics are kept; without them, evaluation uses those of the batch too.
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

    Raises
    ------
    ShapeError
        In training there is only one value per channel, of which no variance can be taken.

    References
    ----------
    Ioffe and Szegedy, 2015, arXiv:1502.03167.

    Examples
    --------
    >>> dl.nn.BatchNorm3d(3)(dl.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    dims, letters = (5,), "(N,C,D,H,W)"
