"""Layers whose number of inputs the first call tells; from then on they are the usual layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import ShapeError
from ..ops.conv_geometry import IntOrInts, Padding
from .linear import Linear
from .module import Parameter
from .sections import _Dimensional
from .uninitialized import UninitializedParameter

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


LAST = """device : str or None
            Where the parameters live; None is the default device.
        dtype : DTypeLike or None
            A floating dtype of the parameters; None is the default dtype.

        Notes
        -----
        Source: see {layer.complete.__name__}. Its parameters have no shape before the first call; an optimizer takes them, but
        cannot step.
        """
"""The end of the docstring of a lazy layer."""


class _Lazy(_Dimensional):
    """Base of lazy layers, before the base of the layer that each becomes."""

    complete: ClassVar[type[Any]]
    """The layer that it becomes."""
    becomes: ClassVar[type[Any]]
    """The class that it has then; a library with classes of its own names another one."""
    counted: ClassVar[str]
    """The attribute that the first call tells."""
    axis: ClassVar[int]
    """The axis of the input that has this size."""
    ranks: ClassVar[tuple[int, ...] | None] = None
    """The numbers of axes that the input may have; None for any but 0."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "complete" in cls.__dict__:
            cls.becomes = cls.complete

    def _wait(self, settings: dict[str, Any]) -> None:
        """Check the settings with a layer of few inputs, and leave its parameters without shape."""
        object.__setattr__(self, "_settings", settings)
        usual: Any = self.complete
        usual.__init__(self, settings.get("groups", 1), **settings)
        for name, p in self._own_parameters():
            owner = f"{type(self).__name__}.{name}"
            self.__dict__[name] = UninitializedParameter(owner, device=p.device, dtype=p.dtype)
        self.__dict__[self.counted] = 0

    def reset_parameters(self) -> None:
        """Draw new initial values; before the first call there is nothing to draw."""

    def _own_buffers(self) -> list[tuple[str, Tensor]]:
        return []

    def forward(self, x: Tensor) -> Tensor:
        """Learn the number of inputs, become the usual layer and compute its output."""
        if x.ndim == 0 or (self.ranks is not None and x.ndim not in self.ranks):
            raise ShapeError(f"{type(self).__name__}: the input must have {self.ranks} axes, got shape {x.shape}")
        held = dict(self._own_parameters())
        place = next(({"device": p.device, "dtype": p.dtype} for p in held.values()), {})
        made = self.complete(x.shape[self.axis], **{**self.__dict__["_settings"], **place})
        del self.__dict__["_settings"]
        self.__class__ = self.becomes
        for name, value in made.__dict__.items():
            if isinstance(value, Parameter):
                held[name].fill(value)  # type: ignore[attr-defined]
            else:
                self.__dict__[name] = value
        y: Tensor = self.forward(x)
        return y


class LazyLinear(_Lazy, Linear):
    """Linear whose ``in_features`` the first call tells.

    Shape: x (..., I) -> (..., O).

    Parameters
    ----------
    out_features : int
        O, the size of the last axis of the output.
    bias : bool
        Whether a bias is added.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see Linear. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyLinear(2)
    >>> layer(dl.ones((5, 3))).shape, layer
    ((5, 2), Linear(in_features=3, out_features=2, bias=True))
    """

    complete, counted, axis = Linear, "in_features", -1

    def __init__(
        self, out_features: int, bias: bool = True, *, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        self._wait({"out_features": out_features, "bias": bias, "device": device, "dtype": dtype})


class _LazyConv(_Lazy):
    """Base of lazy convolutions."""

    counted = "in_channels"
    sections = """
        Shape: x (N,C,{space}) or (C,{space}) -> (N,K,{out}), sizes as in {layer.complete.__name__}.

        Parameters
        ----------
        out_channels : int
            K, the number of filters, the channels of the output.
        kernel_size : int or sequence of int
            The size of the filters.
        stride : int or sequence of int
            The step between windows.
        padding : int, str or sequence
            As in {layer.complete.__name__}.
        dilation : int or sequence of int
            The distance between neighbouring weights of a filter.
        groups : int
            The channels and filters are divided into this many groups; it must divide C and K.
        bias : bool
            Whether a bias per filter is added.
        padding_mode : str
            What fills the border, as in {layer.complete.__name__}.
        """ + LAST

    def __init__(
        self, out_channels: int, kernel_size: IntOrInts, stride: IntOrInts = 1, padding: Padding = 0, dilation: IntOrInts = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._wait({
            "out_channels": out_channels, "kernel_size": kernel_size, "stride": stride, "padding": padding,
            "dilation": dilation, "groups": groups, "bias": bias, "padding_mode": padding_mode, "device": device, "dtype": dtype,
        })  # fmt: skip


class _LazyTransposed(_Lazy):
    """Base of lazy transposed convolutions."""

    counted = "in_channels"
    sections = """
        Shape: x (N,C,{space}) or (C,{space}) -> (N,K,{out}), sizes as in {layer.complete.__name__}.

        Parameters
        ----------
        out_channels : int
            K, the number of channels of the output.
        kernel_size : int or sequence of int
            The size of the filters.
        stride : int or sequence of int
            The factor by which the layer enlarges its input, roughly.
        padding : int, str or sequence
            As in {layer.complete.__name__}.
        output_padding : int or sequence of int
            Added to the output's size; less than stride or dilation.
        groups : int
            The channels are divided into this many groups; it must divide C and K.
        bias : bool
            Whether a bias per channel is added.
        dilation : int or sequence of int
            The distance between neighbouring weights of a filter.
        padding_mode : str
            Only "zeros".
        """ + LAST

    def __init__(
        self, out_channels: int, kernel_size: IntOrInts, stride: IntOrInts = 1, padding: Padding = 0,
        output_padding: IntOrInts = 0, groups: int = 1, bias: bool = True, dilation: IntOrInts = 1, padding_mode: str = "zeros",
        *, device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._wait({
            "out_channels": out_channels, "kernel_size": kernel_size, "stride": stride, "padding": padding,
            "output_padding": output_padding, "groups": groups, "bias": bias, "dilation": dilation,
            "padding_mode": padding_mode, "device": device, "dtype": dtype,
        })  # fmt: skip


class _LazyNorm(_Lazy):
    """Base of lazy normalisations."""

    counted = "num_features"
    sections = """
        Parameters
        ----------
        eps : float
            Added to the variance, against division by 0.
        momentum : float or None
            How far the running statistics move to those of each batch; None averages over all batches.
        affine : bool
            Whether the result is scaled and shifted per channel.
        track_running_stats : bool
            Whether running statistics are kept.
        """ + LAST

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True, *,
        device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._wait({"eps": eps, "momentum": momentum, "affine": affine, "track_running_stats": track_running_stats,
                    "device": device, "dtype": dtype})  # fmt: skip


class _LazyInstanceNorm(_LazyNorm):
    """Base of lazy instance normalisations, which by default have neither parameters nor running statistics."""

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False, track_running_stats: bool = False, *,
        device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(eps, momentum, affine, track_running_stats, device=device, dtype=dtype)
