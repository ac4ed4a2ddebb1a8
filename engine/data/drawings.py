"""Generated drawings of coloured shapes, with captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..generator import Generator, default_generator
from .checks import require_integers
from .host_arrays import HostArray
from .host_random import integers, uniform

COLOURS = {
    "red": (230, 30, 30), "green": (30, 180, 50), "blue": (40, 70, 230), "yellow": (240, 220, 40), "white": (245, 245, 245)
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "cross")
SIZES = {"small": 0.5, "large": 0.8}
RELATIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True)
class CaptionedImages:
    """Images and their captions.

    Parameters
    ----------
    images : numpy.ndarray
        Images (n, 3, H, W), uint8.
    captions : tuple of str
        Caption of each image (n).

    Examples
    --------
    >>> drawings = dl.data.synthetic.CaptionedImages(np.zeros((1, 3, 4, 4), dtype=np.uint8), ("black",))
    >>> len(drawings)
    1
    """

    images: HostArray
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)


def shapes_with_captions(n: int, size: int = 32, generator: Generator | None = None) -> CaptionedImages:
    """Drawings of one or two shapes on black, each with a caption.

    Captions are, for instance, "a large red circle" or "a small blue square left of a large green cross": size, colour and shape,
    and for two shapes the place of the first relative to the second.

    Parameters
    ----------
    n : int
        Number of drawings.
    size : int, default 32
        Height and width in pixels, at least 16.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.

    Returns
    -------
    CaptionedImages
        Images (n, 3, size, size), uint8, and captions.

    Raises
    ------
    ConfigError
        If ``n`` or ``size`` is too small.

    Examples
    --------
    >>> drawings = dl.data.shapes_with_captions(4, size=16)
    >>> drawings.images.shape
    (4, 3, 16, 16)
    >>> all(caption.startswith("a ") for caption in drawings.captions)
    True
    """
    require_integers("shapes_with_captions", n=(n, 0), size=(size, 16))
    source = generator or default_generator
    sizes, colours = tuple(SIZES), tuple(COLOURS)
    draws = integers(source, 0, np.array([2, 4] + [len(sizes), len(colours), len(SHAPES)] * 2), (n, 8)).tolist()
    shift = uniform(source, (n, 2, 2)) - 0.5
    images = np.zeros((n, 3, size, size), dtype=np.uint8)
    captions = []
    for i, (two, relation, *rest) in enumerate(draws):
        things = [(sizes[rest[k]], colours[rest[k + 1]], SHAPES[rest[k + 2]]) for k in (0, 3)][: 1 + two]
        words = [f"a {' '.join(thing)}" for thing in things]
        captions.append(f" {RELATIONS[relation]} ".join(words))
        for k, thing in enumerate(things):
            # Two shapes share the picture: each is half as large and has one half.
            reach = 0.25 if two else 0.5
            side = (-0.5, 0.5)[(relation % 2) ^ k] * two
            x, y = (side, 0.0) if relation < 2 else (0.0, side)
            _draw(images[i], thing, x + shift[i, k, 0] * reach / 4, y + shift[i, k, 1] * reach / 4, reach)
    return CaptionedImages(images, tuple(captions))


def _draw(image: HostArray, thing: tuple[str, str, str], x: float, y: float, reach: float) -> None:
    """Draw a shape around (x, y), coordinates from -1 to 1 with y downwards; ``reach`` is half the width of its cell."""
    size = image.shape[1]
    radius = 2 * reach * SIZES[thing[0]] * 0.85
    grid = (2 * np.arange(size) + 1) / size - 1
    dx, dy = grid - x, (grid - y)[:, None]
    if thing[2] == "circle":
        inside = dx * dx + dy * dy <= radius * radius
    elif thing[2] == "square":
        inside = np.maximum(np.abs(dx), np.abs(dy)) <= 0.85 * radius
    elif thing[2] == "triangle":
        inside = (np.abs(dy) <= radius) & (np.abs(dx) <= (dy + radius) / 2)
    else:
        inside = (np.minimum(np.abs(dx), np.abs(dy)) <= 0.3 * radius) & (np.maximum(np.abs(dx), np.abs(dy)) <= radius)
    image[:, inside] = np.array(COLOURS[thing[1]], dtype=np.uint8)[:, None]
