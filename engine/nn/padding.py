"""Layers that give a border to sequences, images and volumes, or cut one off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ..errors import ConfigError, ShapeError
from ..ops.conv_geometry import SPACE, IntOrInts, batch_or_sample
from ..ops.repetition import pad
from .sections import _Dimensional

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Padding(_Dimensional):
    """Base of padding layers; ``mode`` is that of ``dl.pad``."""

    mode: ClassVar[str]
    value: float = 0.0
    misfit = "The input has too few axes, or a border cuts off more than there is."
    """What ShapeError says, for docstrings."""
    sections = """
        Shape: x (N,C,{space}) or (C,{space}) -> the same with {grown}.

        Parameters
        ----------
        padding : int or sequence of int
            The border's size, one for all sides or ({sides}), the last axis first.
            A negative size cuts so much off.

        Raises
        ------
        ConfigError
            ``padding`` is something else.
        ShapeError
            {layer.misfit}
        """

    def __init__(self, padding: IntOrInts) -> None:
        sizes = tuple(padding) if isinstance(padding, Sequence) else (padding,) * (2 * self.rank)
        if len(sizes) != 2 * self.rank or any(type(n) is not int for n in sizes):
            raise ConfigError(
                f"{type(self).__name__}: padding must be an int or {2 * self.rank} of them, before and after each axis from the "
                f"last one on, got {padding!r}"
            )
        self.padding = sizes

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < self.rank or (self.mode != "constant" and x.ndim not in (self.rank + 1, self.rank + 2)):
            raise ShapeError(f"{type(self).__name__}: input must be {batch_or_sample(SPACE[self.rank])}, got shape {x.shape}")
        pairs = tuple(zip(self.padding[::2], self.padding[1::2], strict=True))
        return pad(x, pairs[::-1], mode=self.mode, value=self.value)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Padding):
    """Base of layers with a border of one value."""

    sections = _Padding.sections.replace(
        "\n\n        Raises", """
        value : float
            The border's value.

        Raises"""
    )  # fmt: skip

    mode = "constant"

    def __init__(self, padding: IntOrInts, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(_Padding):
    """Give sequences a border: zeros around them.

    Examples
    --------
    >>> dl.nn.ZeroPad1d((2, 1))(dl.asarray([[[1.0, 2.0]]]))
    tensor([[[0., 0., 1., 2., 0.]]])
    """

    rank, mode = 1, "constant"


class ZeroPad2d(_Padding):
    """Give images a border: zeros around them.

    Examples
    --------
    >>> dl.nn.ZeroPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0]]]]))
    tensor([[[[0., 1., 2.],
              [0., 0., 0.]]]])
    """

    rank, mode = 2, "constant"


class ZeroPad3d(_Padding):
    """Give volumes a border: zeros around them.

    Examples
    --------
    >>> dl.nn.ZeroPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank, mode = 3, "constant"


class ConstantPad1d(_ConstantPad):
    """Give sequences a border: one value around them.

    Examples
    --------
    >>> dl.nn.ConstantPad1d((2, 1), 9.0)(dl.asarray([[[1.0, 2.0]]]))
    tensor([[[9., 9., 1., 2., 9.]]])
    """

    rank = 1


class ConstantPad2d(_ConstantPad):
    """Give images a border: one value around them.

    Examples
    --------
    >>> dl.nn.ConstantPad2d((1, 0, 0, -1), 9.0)(dl.asarray([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[9., 1., 2.]]]])
    """

    rank = 2


class ConstantPad3d(_ConstantPad):
    """Give volumes a border: one value around them.

    Examples
    --------
    >>> dl.nn.ConstantPad3d(1, 9.0)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank = 3
