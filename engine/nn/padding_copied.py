"""Layers that give sequences, images and volumes a border of their own values."""

from __future__ import annotations

from .padding import _Padding


class _ReflectionPad(_Padding):
    """Base of layers whose border is mirrored."""

    mode = "reflect"
    misfit = (
        "The input has another number of axes, or is too small: a border needs more values than the axis has beside its edge."
    )


class ReflectionPad1d(_ReflectionPad):
    """Give sequences a border: their own values, mirrored at the edge without the edge itself.

    Examples
    --------
    >>> dl.nn.ReflectionPad1d((2, 1))(dl.asarray([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 2., 1., 2., 3., 2.]]])
    """

    rank = 1


class ReflectionPad2d(_ReflectionPad):
    """Give images a border: their own values, mirrored at the edge without the edge itself.

    Examples
    --------
    >>> dl.nn.ReflectionPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[2., 1., 2.],
              [4., 3., 4.],
              [2., 1., 2.]]]])
    """

    rank = 2


class ReflectionPad3d(_ReflectionPad):
    """Give volumes a border: their own values, mirrored at the edge without the edge itself.

    Examples
    --------
    >>> dl.nn.ReflectionPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank = 3


class _ReplicationPad(_Padding):
    """Base of layers whose border is the edge."""

    mode = "replicate"
    misfit = "The input has another number of axes, or has no values along an axis."


class ReplicationPad1d(_ReplicationPad):
    """Give sequences a border: the values of their edge.

    Examples
    --------
    >>> dl.nn.ReplicationPad1d((2, 1))(dl.asarray([[[1.0, 2.0]]]))
    tensor([[[1., 1., 1., 2., 2.]]])
    """

    rank = 1


class ReplicationPad2d(_ReplicationPad):
    """Give images a border: the values of their edge.

    Examples
    --------
    >>> dl.nn.ReplicationPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2.],
              [1., 1., 2.]]]])
    """

    rank = 2


class ReplicationPad3d(_ReplicationPad):
    """Give volumes a border: the values of their edge.

    Examples
    --------
    >>> dl.nn.ReplicationPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank = 3


class _CircularPad(_Padding):
    """Base of layers whose border is the opposite side."""

    mode = "circular"
    misfit = "The input has another number of axes, or is too small: a border is wider than the axis."


class CircularPad1d(_CircularPad):
    """Give sequences a border: the values of their opposite side.

    Examples
    --------
    >>> dl.nn.CircularPad1d((2, 1))(dl.asarray([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 3., 1., 2., 3., 1.]]])
    """

    rank = 1


class CircularPad2d(_CircularPad):
    """Give images a border: the values of their opposite side.

    Examples
    --------
    >>> dl.nn.CircularPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[2., 1., 2.],
              [4., 3., 4.],
              [2., 1., 2.]]]])
    """

    rank = 2


class CircularPad3d(_CircularPad):
    """Give volumes a border: the values of their opposite side.

    Examples
    --------
    >>> dl.nn.CircularPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank = 3
