"""Layers that give sequences, images and volumes a border of their own values."""

from __future__ import annotations

from .padding import _Padding


class ReflectionPad1d(_Padding):
    """Give sequences a border: their own values, mirrored at the edge without the edge itself.

    Shape: x (N,C,W) or (C,W) -> the same with ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or is too small: a border needs more values than the axis has beside its edge.

    Examples
    --------
    >>> dl.nn.ReflectionPad1d((2, 1))(dl.asarray([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 2., 1., 2., 3., 2.]]])
    """

    rank, mode = 1, "reflect"


class ReflectionPad2d(_Padding):
    """Give images a border: their own values, mirrored at the edge without the edge itself.

    Shape: x (N,C,H,W) or (C,H,W) -> the same with ``H + top + bottom`` and ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right, top, bottom), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or is too small: a border needs more values than the axis has beside its edge.

    Examples
    --------
    >>> dl.nn.ReflectionPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[2., 1., 2.],
              [4., 3., 4.],
              [2., 1., 2.]]]])
    """

    rank, mode = 2, "reflect"


class ReflectionPad3d(_Padding):
    """Give volumes a border: their own values, mirrored at the edge without the edge itself.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> the same with ``D + front + back``, ``H + top + bottom`` and ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right, top, bottom, front, back), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or is too small: a border needs more values than the axis has beside its edge.

    Examples
    --------
    >>> dl.nn.ReflectionPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank, mode = 3, "reflect"


class ReplicationPad1d(_Padding):
    """Give sequences a border: the values of their edge.

    Shape: x (N,C,W) or (C,W) -> the same with ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or has no values along an axis.

    Examples
    --------
    >>> dl.nn.ReplicationPad1d((2, 1))(dl.asarray([[[1.0, 2.0]]]))
    tensor([[[1., 1., 1., 2., 2.]]])
    """

    rank, mode = 1, "replicate"


class ReplicationPad2d(_Padding):
    """Give images a border: the values of their edge.

    Shape: x (N,C,H,W) or (C,H,W) -> the same with ``H + top + bottom`` and ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right, top, bottom), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or has no values along an axis.

    Examples
    --------
    >>> dl.nn.ReplicationPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2.],
              [1., 1., 2.]]]])
    """

    rank, mode = 2, "replicate"


class ReplicationPad3d(_Padding):
    """Give volumes a border: the values of their edge.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> the same with ``D + front + back``, ``H + top + bottom`` and ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right, top, bottom, front, back), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or has no values along an axis.

    Examples
    --------
    >>> dl.nn.ReplicationPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank, mode = 3, "replicate"


class CircularPad1d(_Padding):
    """Give sequences a border: the values of their opposite side.

    Shape: x (N,C,W) or (C,W) -> the same with ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or is too small: a border is wider than the axis.

    Examples
    --------
    >>> dl.nn.CircularPad1d((2, 1))(dl.asarray([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 3., 1., 2., 3., 1.]]])
    """

    rank, mode = 1, "circular"


class CircularPad2d(_Padding):
    """Give images a border: the values of their opposite side.

    Shape: x (N,C,H,W) or (C,H,W) -> the same with ``H + top + bottom`` and ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right, top, bottom), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or is too small: a border is wider than the axis.

    Examples
    --------
    >>> dl.nn.CircularPad2d((1, 0, 0, 1))(dl.asarray([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[2., 1., 2.],
              [4., 3., 4.],
              [2., 1., 2.]]]])
    """

    rank, mode = 2, "circular"


class CircularPad3d(_Padding):
    """Give volumes a border: the values of their opposite side.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> the same with ``D + front + back``, ``H + top + bottom`` and ``W + left + right``.

    Parameters
    ----------
    padding : int or sequence of int
        The border's size, one for all sides or (left, right, top, bottom, front, back), the last axis first.
        A negative size cuts so much off.

    Raises
    ------
    ConfigError
        ``padding`` is something else.
    ShapeError
        The input has another number of axes, or is too small: a border is wider than the axis.

    Examples
    --------
    >>> dl.nn.CircularPad3d(1)(dl.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 5, 6, 7)
    """

    rank, mode = 3, "circular"
