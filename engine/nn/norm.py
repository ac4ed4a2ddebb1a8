"""Normalisation layers. Running statistics live here, outside the op, so that the op stays pure."""

from __future__ import annotations

from math import prod
from typing import Any

from ..autograd.base import no_grad
from ..autograd.checkpoint import recomputing
from ..errors import ConfigError, ShapeError
from ..ops import norm as ops
from ..ops.creation import ones, zeros
from ..ops.elementwise import maximum, square
from ..ops.reduce import mean, sum
from ..ops.shape import reshape
from .linear import positive
from .module import Module, Parameter, in_dtype_of


class _BatchNorm(Module):
    """See BatchNorm2d; dims: numbers of dimensions that the input may have."""

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
        dtype: Any = None,
    ) -> None:
        positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        size = (num_features,)
        self.weight = Parameter(ones(size, device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(size, device=device, dtype=dtype)) if affine else None
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(size, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(size, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), device=device, dtype="int64") if tracked else None)

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def reset_parameters(self) -> None:
        """Back to weight 1, bias 0 and untouched statistics."""
        with no_grad():
            for t, start in ((self.weight, 1.0), (self.bias, 0.0), (self.running_mean, 0.0), (self.running_var, 1.0)):
                if t is not None:
                    t[...] = start
            if self.num_batches_tracked is not None:
                self.num_batches_tracked[...] = 0

    def _entered(self, x: Any) -> Any:
        """The input, checked, in the dtype of the parameters, or of the running statistics where there are none."""
        if x.ndim not in self.dims or x.shape[1] != self.num_features:
            wanted = f"{self.letters} with C={self.num_features}"
            raise ShapeError(f"{type(self).__name__}: input must be {wanted}, got shape {x.shape}")
        return in_dtype_of(self.running_mean if self.weight is None else self.weight, x)

    def forward(self, x: Any) -> Any:
        x = self._entered(x)
        if not self.training and self.running_mean is not None:
            return ops.batch_norm_inference(x, self.running_mean, self.running_var, self.weight, self.bias, self.eps)
        count = x.shape[0] * prod(x.shape[2:])
        if self.training and count < 2:
            raise ShapeError(f"{type(self).__name__}: training needs more than one value a channel, got shape {x.shape}")
        y, mean, rstd = ops.batch_norm(x, self.weight, self.bias, self.eps)
        if self.training and self.running_mean is not None and not recomputing.get():
            self._track(mean, rstd, count)
        return y

    def _track(self, mean: Any, rstd: Any, count: int) -> None:
        """Move the running statistics towards this batch's; the variance as the unbiased estimate."""
        with no_grad():
            self.num_batches_tracked += 1
            part = 1.0 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            self._blend(part, mean, maximum(1.0 / (rstd * rstd) - self.eps, 0.0) * (count / (count - 1)))

    def _blend(self, part: float, mean: Any, variance: Any) -> None:
        self.running_mean += part * (mean - self.running_mean)
        self.running_var += part * (variance - self.running_var)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}, "
            f"track_running_stats={self.running_mean is not None}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N,C) or sequences (N,C,W). Source: see BatchNorm2d."""

    dims, letters = (2, 3), "(N,C) or (N,C,W)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N,C,H,W): each channel to mean 0 and variance 1 over the batch, then scaled and shifted.

    y = (x - mean) / sqrt(variance + eps) * weight + bias. weight, bias: (C,). In training the batch's own statistics are
    used, and running ones are kept: running += momentum (batch - running), the plain average if momentum is None.
    eval() uses the running ones. Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    dims, letters = (4,), "(N,C,H,W)"


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N,C,D,H,W). Source: see BatchNorm2d."""

    dims, letters = (5,), "(N,C,D,H,W)"


class LayerNorm(Module):
    """Each sample to mean 0 and variance 1 over its last axes, then scaled and shifted.

    x: (..., *normalized_shape). weight, bias: normalized_shape. Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True, *,
        device: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape, device=device, dtype=dtype)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        return ops.layer_norm(in_dtype_of(self.weight, x), self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class RMSNorm(Module):
    """Each sample divided by the root of its mean square over the last axes, then scaled.

    x: (..., *normalized_shape). weight: normalized_shape. eps: None is the spacing of x's dtype at 1. Returns x's shape.
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        return ops.rms_norm(in_dtype_of(self.weight, x), self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class GroupNorm(Module):
    """Each sample to mean 0 and variance 1 over groups of channels and space, then scaled and shifted per channel.

    x: (N,C,*S). weight, bias: (C,). Source: Wu & He 2018, arXiv:1803.08494.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ConfigError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(ones((num_channels,), device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros((num_channels,), device=device, dtype=dtype)) if affine else None

    def forward(self, x: Any) -> Any:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: input must be (N,C,...) with C={self.num_channels}, got shape {x.shape}")
        return ops.group_norm(in_dtype_of(self.weight, x), self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.weight is not None}"


class _InstanceNorm(_BatchNorm):
    """See InstanceNorm2d."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, *, device: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype)

    def forward(self, x: Any) -> Any:
        x = self._entered(x)
        if self.running_mean is not None and not self.training:
            return ops.batch_norm_inference(x, self.running_mean, self.running_var, self.weight, self.bias, self.eps)
        if self.running_mean is not None and not recomputing.get():
            self._average(x)
        return ops.instance_norm(x, self.weight, self.bias, self.eps)

    def _average(self, x: Any) -> None:
        """Move the running statistics towards the mean over the batch of each image's own; the variance unbiased."""
        count = prod(x.shape[2:])
        if count < 2:
            raise ShapeError(f"{type(self).__name__}: running statistics need more than one value a channel, got shape {x.shape}")
        with no_grad():
            flat = reshape(x, (*x.shape[:2], count))
            centre = mean(flat, axis=2)
            spread = sum(square(flat - centre[..., None]), axis=2) / (count - 1)
            self._blend(self.momentum or 0.0, mean(centre, axis=0), mean(spread, axis=0))


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of sequences (N,C,W). Source: see InstanceNorm2d."""

    dims, letters = (3,), "(N,C,W)"


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image (N,C,H,W) to mean 0 and variance 1 over space; affine: scaled and shifted per channel.

    track_running_stats: keep running statistics, and use them after eval().

    Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.
    """

    dims, letters = (4,), "(N,C,H,W)"


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes (N,C,D,H,W). Source: see InstanceNorm2d."""

    dims, letters = (5,), "(N,C,D,H,W)"
