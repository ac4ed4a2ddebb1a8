"""Batch normalisation with the statistics of the batches of all ranks together."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from ..autograd.checkpoint import recomputing
from ..autograd.op import op
from ..errors import ShapeError
from ..nn import Module
from ..nn.norm_batch import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from .collectives import reduced
from .communicator import Communicator
from .world import init

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import Namespace

Weigh = Callable[[], float]


@op
def sync_batch_norm(
    xp: Namespace, x: Tensor, weight: Tensor | None, bias: Tensor | None, /, *,
    eps: float, communicator: Communicator, weigh: Weigh | None,
) -> tuple[Any, Any]:  # fmt: skip
    """Normalise each channel by its mean and variance over the samples of all ranks; also the statistics and their count.

    The gradients that ranks send each other are weighted as their losses are.
    """
    axes = (0, *range(2, x.ndim))
    shape = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    own = xp.ones((1,), dtype=x.dtype) * (x.shape[0] * prod(x.shape[2:]))
    sums = reduced(xp.concat([xp.sum(x, axis=axes), own]), communicator)
    count = sums[-1:]
    mean = sums[:-1] / count
    centred = x - xp.reshape(mean, shape)
    variance = reduced(xp.sum(centred * centred, axis=axes), communicator) / count
    rstd = 1.0 / xp.sqrt(variance + eps)
    scale = rstd if weight is None else rstd * weight
    y = centred * xp.reshape(scale, shape)
    if bias is not None:
        y = y + xp.reshape(bias, shape)

    def pull(gy: tuple[Any, ...], need: tuple[bool, ...]) -> tuple[Any, Any, Any]:
        g = gy[0]
        part = 1.0 if weigh is None else weigh()
        normal = centred * xp.reshape(rstd, shape)
        along, across = xp.sum(g, axis=axes), xp.sum(g * normal, axis=axes)
        both = xp.concat([along, across])
        both = reduced(both, communicator) if weigh is None else reduced(both * part, communicator) / (part or 1.0)
        half = x.shape[1]
        shared = xp.reshape(both[:half] / count, shape) + normal * xp.reshape(both[half:] / count, shape)
        gx = (g - shared) * xp.reshape(scale, shape)
        return gx, across if weight is not None else None, along if bias is not None else None

    return (y, mean, variance, count), pull


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation by the mean and variance over the batches of all ranks.

    As ``BatchNorm1d``, ``BatchNorm2d`` and ``BatchNorm3d``, whose parameters, buffers and names it has. N ranks give what one
    would on their batches together. In evaluation, and on a single rank, it computes what those do.
    Shape: x (N,C,*S) -> the same shape.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel by ``weight`` and ``bias``.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where parameters and buffers live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of parameters and buffers; None is the default dtype.

    Examples
    --------
    >>> layer = dl.distributed.SyncBatchNorm(3)
    >>> layer(dl.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    >>> model = dl.nn.Sequential(dl.nn.Conv2d(1, 3, 3), dl.nn.BatchNorm2d(3))
    >>> dl.distributed.SyncBatchNorm.convert(model)[1]
    SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
    """

    dims, letters = (2, 3, 4, 5), "(N,C,*S)"
    communicator: Communicator | None = None
    weigh: Weigh | None = None
    """The part of this rank in the loss of all, where the loss is not multiplied by it."""

    def forward(self, x: Tensor) -> Tensor:
        communicator = self.communicator or init()
        uses_batch = self.training or self.running_mean is None
        if communicator.size == 1 or not uses_batch:
            plain: Tensor = super().forward(x)
            return plain
        x = self._checked_input(x)
        result: tuple[Tensor, ...] = sync_batch_norm(
            x, self.weight, self.bias, eps=self.eps, communicator=communicator, weigh=self.weigh
        )
        y, mean, variance, count = result
        if self.training and self.running_mean is not None and not recomputing.get():
            number = int(count.detach().item())
            if number < 2:
                raise ShapeError(f"SyncBatchNorm: training needs more than one value a channel on all ranks, got {number}")
            self._track_variance(mean.detach(), variance.detach(), number)
        return y

    def _track_variance(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics; the variance is the unbiased estimate."""
        from ..autograd.base import no_grad

        if self.num_batches_tracked is None:
            return
        with no_grad():
            self.num_batches_tracked += 1
            part = 1.0 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            self._blend(part, mean, variance * (count / (count - 1)))

    @classmethod
    def convert(cls, model: Module, communicator: Communicator | None = None) -> Module:
        """Replace every batch normalisation of a model by this class, with the same parameters and buffers.

        Parameters
        ----------
        model : Module
            The model; its layers are replaced in place.
        communicator : Communicator or None
            The ranks; None is all of them.

        Returns
        -------
        Module
            The model, or the new layer if it is itself a batch normalisation.
        """
        if type(model) in (BatchNorm1d, BatchNorm2d, BatchNorm3d):
            made = cls.__new__(cls)
            made.__dict__.update(model.__dict__)
            made.communicator, made.dims, made.letters = communicator, model.dims, model.letters  # type: ignore[attr-defined]
            return made
        for name, child in list(model.named_children()):
            new = cls.convert(child, communicator)
            if new is not child:
                setattr(model, name, new)
        return model
