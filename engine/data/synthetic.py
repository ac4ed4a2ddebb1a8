"""Generated data: sequence tasks, point clouds, and drawings with captions.

Each function draws from a ``dl.Generator`` (by default the default generator) and gives the same bits on every machine: it
uses only the generator's numbers and the operations + - * / on them.
"""

from __future__ import annotations

import numpy as np

from ..default_dtype import get_default_dtype
from ..errors import ConfigError, ShapeError
from ..generator import Generator, default_generator
from ..typing import DTypeLike
from .checks import require_integers
from .corpora import StringPairs
from .dataset import ArrayDataset
from .drawings import CaptionedImages, shapes_with_captions
from .host_arrays import HostArray
from .host_random import integers, normal, permutation, uniform
from .image_dataset import ImageDataset
from .transforms import RandomCrop

__all__ = [
    "CaptionedImages", "adding_problem", "addition_strings", "blended_digits", "cos_sin", "sequence_copy",
    "shapes_with_captions", "spirals", "two_moons",
]  # fmt: skip


def adding_problem(n: int, length: int, generator: Generator | None = None, *, dtype: DTypeLike | None = None) -> ArrayDataset:
    """Sequences of numbers, two of them marked; the target is the sum of the two.

    One mark is in each half of a sequence. Always answering 1 has a mean squared error of 1/6.

    Parameters
    ----------
    n : int
        Number of sequences.
    length : int
        Steps T of a sequence, at least 2.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.
    dtype : dtype, optional
        Dtype of the arrays, by default the default dtype.

    Returns
    -------
    ArrayDataset
        Inputs (n, T, 2), a number in [0, 1) and a mark, 0 or 1; targets (n, 1).

    Raises
    ------
    ConfigError
        If ``n`` or ``length`` is too small.

    References
    ----------
    Hochreiter and Schmidhuber, "Long short-term memory", 1997; in the form of Le, Jaitly and Hinton, 2015, arXiv:1504.00941.

    Examples
    --------
    >>> inputs, targets = dl.data.adding_problem(2, length=6).arrays
    >>> inputs.shape, targets.shape
    ((2, 6, 2), (2, 1))
    >>> inputs[..., 1].sum(axis=1)
    array([2., 2.], dtype=float32)
    """
    require_integers("adding_problem", n=(n, 0), length=(length, 2))
    source, kind = generator or default_generator, np.dtype(dtype or get_default_dtype())
    numbers = uniform(source, (n, length), kind)
    half = length // 2
    marks = np.zeros((n, length), dtype=kind)
    places = np.stack([integers(source, 0, half, n), integers(source, half, length, n)], axis=1)
    np.put_along_axis(marks, places, 1, axis=1)
    sums = np.take_along_axis(numbers, places, axis=1)
    return ArrayDataset(np.stack([numbers, marks], axis=2), sums[:, :1] + sums[:, 1:])


def sequence_copy(
    n: int, length: int, delay: int, symbols: int = 8, generator: Generator | None = None
) -> ArrayDataset:
    """Sequences of symbols that must be remembered over a delay and repeated.

    An input holds ``length`` symbols from 1 to ``symbols``, then ``delay`` steps of 0 whose last is the signal ``symbols + 1``,
    then zeros. The target is 0 up to the signal, then the symbols.

    Parameters
    ----------
    n : int
        Number of sequences.
    length : int
        Number of symbols to remember.
    delay : int
        Steps between the last symbol and the answer.
    symbols : int, default 8
        Number of different symbols.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.

    Returns
    -------
    ArrayDataset
        Inputs and targets (n, delay + 2 * length), int64, with ``symbols + 2`` different numbers.

    Raises
    ------
    ConfigError
        If a number is too small.

    References
    ----------
    Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks", 2016, arXiv:1511.06464.

    Examples
    --------
    >>> inputs, targets = dl.data.sequence_copy(1, length=2, delay=3, symbols=1).arrays
    >>> inputs
    array([[1, 1, 0, 0, 2, 0, 0]])
    >>> targets
    array([[0, 0, 0, 0, 0, 1, 1]])
    """
    require_integers("sequence_copy", n=(n, 0), length=(length, 1), delay=(delay, 1), symbols=(symbols, 1))
    wanted = integers(generator or default_generator, 1, symbols + 1, (n, length))
    inputs = np.zeros((n, delay + 2 * length), dtype=np.int64)
    targets = inputs.copy()
    inputs[:, :length] = wanted
    inputs[:, delay + length - 1] = symbols + 1
    targets[:, delay + length :] = wanted
    return ArrayDataset(inputs, targets)


def addition_strings(n: int, digits: int = 3, generator: Generator | None = None) -> StringPairs:
    """Sums as text, such as "17+208" and "225".

    Parameters
    ----------
    n : int
        Number of sums.
    digits : int, default 3
        Largest number of digits of a term, at most 15; each number of digits is equally likely.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.

    Returns
    -------
    StringPairs
        Sums and results.

    Raises
    ------
    ConfigError
        If ``n`` is negative or ``digits`` is not from 1 to 15.

    References
    ----------
    Zaremba and Sutskever, "Learning to execute", 2014, arXiv:1410.4615; Sutskever, Vinyals and Le, 2014, arXiv:1409.3215.

    Examples
    --------
    >>> question, answer = dl.data.addition_strings(1)[0]
    >>> eval(question) == int(answer)
    True
    """
    require_integers("addition_strings", n=(n, 0), digits=(digits, 1))
    if digits > 15:
        raise ConfigError(f"addition_strings: digits must be at most 15, got {digits}")
    source = generator or default_generator
    tops = 10 ** integers(source, 1, digits + 1, (n, 2))
    terms = integers(source, 0, tops, (n, 2)).tolist()
    return StringPairs([f"{a}+{b}" for a, b in terms], [str(a + b) for a, b in terms])


def two_moons(n: int, noise: float = 0.1, generator: Generator | None = None, *, dtype: DTypeLike | None = None) -> ArrayDataset:
    """Points on two interleaved half circles, in random order.

    Parameters
    ----------
    n : int
        Number of points.
    noise : float, default 0.1
        Standard deviation of the added noise.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.
    dtype : dtype, optional
        Dtype of the points, by default the default dtype.

    Returns
    -------
    ArrayDataset
        Points (n, 2) and labels (n,), 0 or 1.

    Raises
    ------
    ConfigError
        If ``n`` is negative.

    Examples
    --------
    >>> points, labels = dl.data.two_moons(100).arrays
    >>> points.shape, np.bincount(labels)
    ((100, 2), array([50, 50]))
    """
    require_integers("two_moons", n=(n, 0))
    source = generator or default_generator
    labels = permutation(source, n) % 2
    cos, sin = cos_sin(uniform(source, n) / 2)
    points = np.stack([np.where(labels == 0, cos, 1 - cos), np.where(labels == 0, sin, 0.5 - sin)], axis=1)
    return _noisy(points, labels, noise, source, dtype)


def spirals(
    n: int,
    classes: int = 3,
    turns: float = 0.75,
    noise: float = 0.02,
    generator: Generator | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> ArrayDataset:
    """Points on the arms of a spiral, one arm for each class, in random order.

    The arms start at the centre and end at radius 1.

    Parameters
    ----------
    n : int
        Number of points.
    classes : int, default 3
        Number of arms.
    turns : float, default 0.75
        Turns of an arm.
    noise : float, default 0.02
        Standard deviation of the added noise.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.
    dtype : dtype, optional
        Dtype of the points, by default the default dtype.

    Returns
    -------
    ArrayDataset
        Points (n, 2) and labels (n,), int64.

    Raises
    ------
    ConfigError
        If ``n`` or ``classes`` is too small.

    Examples
    --------
    >>> points, labels = dl.data.spirals(90).arrays
    >>> points.shape, np.bincount(labels)
    ((90, 2), array([30, 30, 30]))
    """
    require_integers("spirals", n=(n, 0), classes=(classes, 1))
    source = generator or default_generator
    labels = permutation(source, n) % classes
    radius = uniform(source, n)
    cos, sin = cos_sin(radius * turns + labels / classes)
    return _noisy(np.stack([radius * cos, radius * sin], axis=1), labels, noise, source, dtype)


def blended_digits(
    digits: ImageDataset, patches: ImageDataset, generator: Generator | None = None
) -> ImageDataset:
    """Digits on pictures, ``abs(patch - digit)``, as in MNIST-M.

    Parameters
    ----------
    digits : ImageDataset
        Digits (N, 1, H, W).
    patches : ImageDataset
        Pictures (M, 3, ...), for instance CIFAR-10. Each digit gets a random piece H x W of a random picture.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.

    Returns
    -------
    ImageDataset
        Images (N, 3, H, W) with the labels of the digits.

    Raises
    ------
    ShapeError
        If the digits have several channels, or are larger than the pictures.

    References
    ----------
    Ganin et al., "Domain-adversarial training of neural networks", 2016, arXiv:1505.07818.

    Examples
    --------
    >>> digits = dl.data.ImageDataset(np.full((2, 1, 4, 4), 200, dtype=np.uint8), [3, 7])
    >>> patches = dl.data.ImageDataset(np.full((1, 3, 8, 8), 50, dtype=np.uint8), [0])
    >>> blended = dl.data.blended_digits(digits, patches)
    >>> blended.arrays[0].shape, int(blended.arrays[0].max())
    ((2, 3, 4, 4), 150)
    """
    source = generator or default_generator
    ink, labels = digits.arrays
    pieces = patches.arrays[0]
    if ink.shape[1] != 1 or not len(pieces) or any(p < d for p, d in zip(pieces.shape[2:], ink.shape[2:], strict=True)):
        raise ShapeError(f"blended_digits: digits (N,1,H,W) of {ink.shape} on patches (M,C,...) of {pieces.shape}")
    drawn = pieces[integers(source, 0, len(pieces), len(ink))]
    crops = RandomCrop((ink.shape[2], ink.shape[3]))(drawn, source).astype(np.int16)
    return ImageDataset(np.abs(crops - ink).astype(np.uint8), labels, digits.classes, digits.dtype)


def _noisy(points: HostArray, labels: HostArray, noise: float, source: Generator, dtype: DTypeLike | None) -> ArrayDataset:
    """Points with normal noise, as a data set."""
    spread = points + noise * normal(source, points.shape)
    return ArrayDataset(spread.astype(np.dtype(dtype or get_default_dtype())), labels)


def cos_sin(turns: HostArray) -> tuple[HostArray, HostArray]:
    """Cosine and sine of angles in turns, with the same bits on every machine.

    They are computed by their power series, with + and * only; the functions of the C library differ between machines.

    Parameters
    ----------
    turns : numpy.ndarray
        Angles (...) in turns, floating; 1 is a full circle.

    Returns
    -------
    cos : numpy.ndarray
        Cosines (...).
    sin : numpy.ndarray
        Sines (...).

    Examples
    --------
    >>> cos, sin = dl.data.synthetic.cos_sin(np.array([0.0, 0.25]))
    >>> abs(cos - [1, 0]).max() < 1e-12, abs(sin - [0, 1]).max() < 1e-12
    (np.True_, np.True_)
    """
    part = turns - np.floor(turns + 0.5)
    x = part * (2 * np.pi)  # from -pi to pi, where 30 terms leave an error below 1e-14
    square, cos, sin = x * x, np.ones_like(x), np.ones_like(x)
    for k in range(15, 0, -1):
        cos = 1 - square * cos / ((2 * k - 1) * (2 * k))
        sin = 1 - square * sin / ((2 * k) * (2 * k + 1))
    return cos, x * sin
