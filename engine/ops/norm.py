"""Normalisation over a batch, over features, over groups of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from dlengine.kernels.settings import NormSettings

from .. import backend
from ..autograd.base import written
from ..autograd.op import op
from ..autograd.promotion import is_inexact
from ..autograd.short import short
from ..default_dtype import get_default_dtype
from ..errors import ConfigError, ShapeError
from .fused import arguments, kernel_op
from .ids import on_host

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

F = TypeVar("F", bound=Callable[..., Any])

_F8 = np.dtype("float64")

__all__ = ["batch_norm", "batch_norm_inference", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def _vector(name: str, argument: str, value: Tensor | None, size: int, letter: str) -> None:
    if value is not None and value.shape != (size,):
        raise ShapeError(f"{name}: {argument} must be ({letter},)=({size},), got {value.shape}")


def in_range(text: F) -> F:
    """Let the definition of a normalisation, which also returns rstd, be read again in float64 where squares overflow float32.

    1 / sqrt(variance + eps) is then 0 or NaN. Looked at on the CPU alone: a GPU is not waited for.
    """

    @wraps(text)
    def read(xp: Any, x: Any, *rest: Any, **consts: Any) -> Any:
        y, pull, rstd = text(xp, x, *rest, **consts)
        if type(rstd) is np.ndarray and (rstd.dtype is _F8 or (rstd.size and rstd.item(rstd.argmin()) > 0)):
            return y, pull  # the commonest case of what follows; argmin finds a NaN, if there is one
        a = on_host(rstd)
        if a is None or 0 in a.shape or not _single(a.dtype) or backend.space_of(a).all_positive(a):
            return y, pull
        y, pull, _ = text(xp, *[b if b is None else xp.astype(b, xp.float64) for b in (x, *rest)], **consts)
        return tuple(xp.astype(part, x.dtype) for part in y) if isinstance(y, tuple) else xp.astype(y, x.dtype), pull

    return cast(F, read)


def _single(dtype: Any) -> bool:
    """Whether a dtype is float32; the text of NumPy's takes longer than a small layer."""
    return dtype == np.float32 if isinstance(dtype, np.dtype) else "float32" in str(dtype)


@kernel_op(needs="x weight y1 y2", wrapper=in_range, also="rstd")
def batch_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise each channel over the batch and space: ``y = (x - mean) / sqrt(variance + eps) * weight + bias``.

    Parameters
    ----------
    x : Tensor
        (N,C,*S) with N*S >= 1, floating.
    weight, bias : Tensor, optional
        (C,). None scales by 1 and adds nothing.
    eps : float
        Added to the biased variance.

    Returns
    -------
    tuple of Tensor
        ``y`` (N,C,*S), ``mean`` (C,) and ``rstd = 1 / sqrt(variance + eps)`` (C,). No gradient flows through the last two.

    Raises
    ------
    ShapeError
        If shapes disagree, or a channel has no value.

    References
    ----------
    Ioffe and Szegedy, 2015, arXiv:1502.03167.

    Examples
    --------
    >>> y, mean, rstd = dl.batch_norm(dl.asarray([[1.0], [3.0]]), eps=0.0)
    >>> y[:, 0], mean, rstd
    (tensor([-1.,  1.]), tensor([2.]), tensor([1.]))
    """
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: x must be (N,C,...), got shape {x.shape}")
    _vector("batch_norm", "weight", weight, x.shape[1], "C")
    _vector("batch_norm", "bias", bias, x.shape[1], "C")
    if x.size == 0:
        raise ShapeError(f"batch_norm: statistics need at least one value a channel, got shape {x.shape}")
    return arguments(x, weight, bias, eps)


@short("short_norms")
def batch_norm_inference(
    x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Batch normalisation with given statistics: ``y = (x - mean) / sqrt(variance + eps) * weight + bias``.

    The mean is subtracted before anything else: of values far from 0, ``x * scale - mean * scale`` would lose the digits.

    Parameters
    ----------
    x : Tensor
        (N,C,*S), floating.
    mean, variance : Tensor
        (C,), such as a layer's running statistics.
    weight, bias : Tensor, optional
        (C,). None scales by 1 and adds nothing.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If shapes disagree.

    Examples
    --------
    >>> x = dl.asarray([[1.0], [5.0]])
    >>> dl.batch_norm_inference(x, dl.asarray([1.0]), dl.asarray([4.0]), eps=0.0)
    tensor([[0.],
            [2.]])
    """
    if x.ndim < 2:
        raise ShapeError(f"batch_norm_inference: x must be (N,C,...), got shape {x.shape}")
    for name, v in (("mean", mean), ("variance", variance), ("weight", weight), ("bias", bias)):
        _vector("batch_norm_inference", name, v, x.shape[1], "C")
    return _inference(x, mean, variance, weight, bias, eps=eps)


@op(needs=("variance weight", "variance weight", "x mean variance weight", "x mean variance", ""), name="batch_norm_inference")
def _inference(xp, x, mean, variance, weight, bias, /, *, eps):
    """The kernel, and the gradients of all that it takes: of the statistics too, which some train."""
    space, axes = (-1,) + (1,) * (x.ndim - 2), (0, *range(2, x.ndim))

    def rstd():
        return 1 / xp.sqrt(variance + eps)

    def scale():
        return rstd() if weight is None else rstd() * weight

    def product(gy):
        return xp.sum(gy * (x - xp.reshape(mean, space)), axis=axes)

    return xp.batch_norm_inference(x, mean, variance, weight, bias, eps), (
        lambda gy: gy * xp.reshape(scale(), space),
        lambda gy: -scale() * xp.sum(gy, axis=axes),
        lambda gy: product(gy) * scale() / (variance + eps) / -2,
        None if weight is None else lambda gy: product(gy) * rstd(),
        None if bias is None else lambda gy: xp.sum(gy, axis=axes),
    )


@short("short_norms")
@kernel_op(needs="x weight", sizes="M D", wrapper=in_range, also="rstd")
def layer_norm(
    x: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise over the last axes: ``y = (x - mean) / sqrt(variance + eps) * weight + bias``.

    Parameters
    ----------
    x : Tensor
        ``(..., *normalized_shape)``, floating.
    normalized_shape : int or sequence of int
        The sizes of the axes that mean and variance are taken over.
    weight, bias : Tensor, optional
        Of shape `normalized_shape`. None scales by 1 and adds nothing.
    eps : float
        Added to the biased variance.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If `x` does not end in `normalized_shape`, or weight or bias has another shape.

    References
    ----------
    Ba, Kiros and Hinton, 2016, arXiv:1607.06450.

    Examples
    --------
    >>> dl.layer_norm(dl.asarray([[1.0, 3.0], [7.0, 3.0]]), 2, eps=0.0)
    tensor([[-1.,  1.],
            [ 1., -1.]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape or x.ndim < len(shape):
        raise ShapeError(f"layer_norm: x {x.shape} must end in normalized_shape {shape}")
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and v.shape != shape:
            raise ShapeError(f"layer_norm: {name} must have normalized_shape {shape}, got {v.shape}")
    return arguments(x, weight, bias, eps, prod(x.shape[: x.ndim - len(shape)]), prod(shape))


@short("short_norms")
@kernel_op(needs="x weight", wrapper=in_range, also="rstd")
def group_norm(x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Normalise each sample over groups of channels and space; weight and bias act per channel.

    Parameters
    ----------
    x : Tensor
        (N,C,*S), floating.
    num_groups : int
        How many groups of neighbouring channels there are; it divides C.
    weight, bias : Tensor, optional
        (C,). None scales by 1 and adds nothing.
    eps : float
        Added to the biased variance.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If shapes disagree.
    ConfigError
        If `num_groups` does not divide C.

    References
    ----------
    Wu and He, 2018, arXiv:1803.08494.

    Examples
    --------
    >>> dl.group_norm(dl.asarray([[1.0, 3.0, 0.0, 8.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    if x.ndim < 2:
        raise ShapeError(f"group_norm: x must be (N,C,...), got shape {x.shape}")
    if not isinstance(num_groups, int) or num_groups < 1 or x.shape[1] % num_groups:
        raise ConfigError(f"group_norm: num_groups={num_groups} must divide C={x.shape[1]}")
    _vector("group_norm", "weight", weight, x.shape[1], "C")
    _vector("group_norm", "bias", bias, x.shape[1], "C")
    return arguments(x, weight, bias, num_groups, eps)


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Normalise each channel of each sample over space: group normalisation with one channel a group.

    Parameters
    ----------
    x : Tensor
        (N,C,*S) with at least one axis of space, floating.
    weight, bias : Tensor, optional
        (C,). None scales by 1 and adds nothing.
    eps : float
        Added to the biased variance.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If `x` has no space, or shapes disagree.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky, 2016, arXiv:1607.08022.

    Examples
    --------
    >>> dl.instance_norm(dl.asarray([[[1.0, 3.0], [0.0, 8.0]]]), eps=0.0)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    if x.ndim < 3:
        raise ShapeError(f"instance_norm: x must be (N,C,*S) with space, got shape {x.shape}")
    return group_norm(x, x.shape[1], weight, bias, eps)


@kernel_op(needs="x weight", sizes="M D", wrapper=in_range, also="rstd")
def rms_norm(x: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divide by the root of the mean square over the last axes: ``y = x / sqrt(mean(x^2) + eps) * weight``.

    Parameters
    ----------
    x : Tensor
        ``(..., *normalized_shape)``, floating.
    normalized_shape : int or sequence of int
        The sizes of the axes that the mean is taken over.
    weight : Tensor, optional
        Of shape `normalized_shape`. None scales by 1.
    eps : float, optional
        Added to the mean square. None is the spacing at 1 of the dtype that is computed in.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If `x` does not end in `normalized_shape`, or weight has another shape.

    References
    ----------
    Zhang and Sennrich, 2019, arXiv:1910.07467.

    Examples
    --------
    >>> dl.rms_norm(dl.asarray([[2.0, -2.0], [0.5, 0.5]]), 2, eps=0.0)
    tensor([[ 1., -1.],
            [ 1.,  1.]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape or x.ndim < len(shape):
        raise ShapeError(f"rms_norm: x {x.shape} must end in normalized_shape {shape}")
    if weight is not None and weight.shape != shape:
        raise ShapeError(f"rms_norm: weight must have normalized_shape {shape}, got {weight.shape}")
    if eps is None:
        floats = [t.dtype for t in (x, weight) if t is not None and is_inexact(t)] or [get_default_dtype()]
        eps = {2: 2.0**-10, 4: 2.0**-23, 8: 2.0**-52}[max(d.itemsize for d in floats)]
    return arguments(x, weight, eps, prod(x.shape[: x.ndim - len(shape)]), prod(shape))


@op(name="batch_norm", needs="x weight y1 y2", constants=(1, 2))
def _batch_norm_tracked(xp, x, weight, bias, /, *, eps, part, running):
    """See batch_norm_tracked. running: the three arrays, taken by the first reading: they move once."""
    tracked = partial(xp.batch_norm_tracked, x, weight, bias, *running.pop(), NormSettings(eps, part)) if running else None
    y = _, mean, rstd = xp.batch_norm(x, weight, bias, eps) if tracked is None else tracked()
    return y, lambda g, need: xp.batch_norm_grad(g[0], x, weight, mean, rstd)


def batch_norm_tracked(
    x: Tensor, running: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None, eps: float, part: float
) -> Tensor | None:
    """The y of batch_norm (N,C,*S), where there is a kernel that updates running statistics as well; else None.

    Parameters
    ----------
    x, weight, bias, eps
        See batch_norm.
    running : sequence of Tensor
        Mean (C,) and variance (C,), which move to those of x, the variance to the unbiased one; and the number of batches, an
        int64 (), which counts this one.
    part : float
        How far they move; below 0 it is 1 over the number of batches.
    """
    xp = backend.spaces()[type(x.array)]
    kernels = xp.kernels if isinstance(xp, backend.Namespace) else None
    if kernels is None or not kernels.has("batch_norm_tracked", str(x.dtype)):
        return None
    if any(t.dtype != x.dtype for t in running[:2]) or any(t.device != x.device for t in running):
        return None
    y, _, _ = _batch_norm_tracked(x, weight, bias, eps=eps, part=part, running=[tuple([t.array for t in running])])
    for t in running:
        written(t)
    return y


@op(name="_running_mean")
def running_mean(xp: Namespace, old: Tensor, mean: Tensor, /, *, part: float) -> ValueAndVJP:
    """A running mean moved by a part towards that of a batch: one kernel where there is generated code. Without derivative."""
    return (1 - part) * old + part * mean, None


@op(name="_running_variance")
def running_variance(xp: Namespace, old: Tensor, rstd: Tensor, /, *, part: float, eps: float, factor: float) -> ValueAndVJP:
    """The same of a variance, from 1 / sqrt(variance + eps) of the batch; factor: what makes its variance unbiased."""
    return (1 - part) * old + (part * factor) * xp.maximum(1 / (rstd * rstd) - eps, 0.0), None
