"""Images of one's own: one file at any size, and a folder of images by class."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import BackendUnavailable, DataError
from ...io import reading
from ..host_arrays import HostArray
from ..images import LARGEST
from .folders import class_files, raise_unreadable, read_files, regular_file
from .samples import CLASSIFICATION, Samples

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".ppm", ".pgm")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "PPM")
"""Others of Pillow are refused, since some start programs (PostScript) or fetch files."""

LARGEST_SIDE = 64
"""Images are reduced to at most this height and width unless another size is asked for."""


def pillow() -> Any:
    """The module PIL.Image. Raises BackendUnavailable with what installs it."""
    try:
        from PIL import Image
    except ImportError:
        raise BackendUnavailable("images are read by Pillow, which is not installed; mend: pip install pillow") from None
    return Image


def load_image(path: str | Path, size: tuple[int, int] | None = None) -> HostArray:
    """Read an image file in colour, turned upright.

    PNG, JPEG, BMP, WebP, GIF (its first picture) and PPM are read. What is transparent becomes white.

    Parameters
    ----------
    path : str or Path
        The image file.
    size : tuple of int, optional
        Height H and width W of the result, by default those of the file.

    Returns
    -------
    numpy.ndarray
        Image (3, H, W), uint8.

    Raises
    ------
    DataError
        If the file is missing, damaged or no image, or has too many pixels; the message names it.

    Examples
    --------
    >>> from PIL import Image
    >>> Image.new("RGB", (20, 10), (255, 0, 0)).save("red.png")
    >>> dl.data.load_image("red.png", (2, 2))[:, 0, 0]
    array([255,   0,   0], dtype=uint8)
    """
    path = regular_file(path)
    return decoded_image(path, str(path), size)


def decoded_image(file: Any, name: str, size: tuple[int, int] | None = None) -> HostArray:
    """The image (3, H, W), uint8, in a path or an open file. Raises DataError with the name."""
    image_module = pillow()
    with reading(name, DataError, f"expected {', '.join(FORMATS)}", what="not a readable image"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LARGEST is a smaller limit than Pillow's, with a message of its own
        with image_module.open(file, formats=FORMATS) as picture:
            return picture_array(picture, size)


def picture_array(picture: Image, size: tuple[int, int] | None = None) -> HostArray:
    """An image of Pillow as an array (3, H, W), uint8. Raises DataError if it is too large."""
    if picture.width * picture.height > LARGEST:
        raise DataError(f"{picture.width} x {picture.height} pixels, of which at most {LARGEST:,} are read")
    colour = _opaque(_upright(picture))
    if size is not None and colour.size != (size[1], size[0]):
        colour = colour.resize((size[1], size[0]), pillow().Resampling.BOX if _shrinks(colour, size) else None)
    return np.ascontiguousarray(np.asarray(colour, dtype=np.uint8).transpose(2, 0, 1))


def _shrinks(picture: Image, size: tuple[int, int]) -> bool:
    return picture.height >= size[0] and picture.width >= size[1]


def _upright(picture: Image) -> Image:
    """The image turned as the camera says."""
    from PIL import ImageOps

    turned = ImageOps.exif_transpose(picture)
    return picture if turned is None else turned


def _opaque(picture: Image) -> Image:
    """The image in RGB, with white behind what is transparent, and 16 bits reduced to 8."""
    image_module = pillow()
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        return image_module.fromarray((values.clip(0, top) * (255.0 / top)).astype(np.uint8)).convert("RGB")  # type: ignore[no-any-return]
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = image_module.new("RGBA", clear.size, (255, 255, 255, 255))
        return image_module.alpha_composite(white, clear).convert("RGB")  # type: ignore[no-any-return]
    return picture.convert("RGB")


def read_image_folder(folder: str | Path, size: tuple[int, int] | None = None, *, seconds: float | None = None) -> Samples:
    """Read a folder of images by class: ``folder/CLASS/FILE``, or ``folder/train/CLASS/FILE`` and ``folder/test/CLASS/FILE``.

    All images get one size. They are grey if all files are.

    Parameters
    ----------
    folder : str or Path
        The folder.
    size : tuple of int, optional
        Height H and width W; by default the most frequent size of the files, reduced to at most 64 pixels.
    seconds : float, optional
        The most seconds to read for; then the files that were read by then are used, chosen at random.

    Returns
    -------
    Samples
        Images (N, C, H, W), uint8, with C 1 or 3, and their classes.

    Raises
    ------
    DataError
        If the folder has no classes, or an image cannot be read; the message names the files.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> for name, value in (("dark", 10), ("light", 200)):
    ...     Path("photos", name).mkdir(parents=True)
    ...     Image.new("L", (12, 8), value).save(f"photos/{name}/1.png")
    >>> samples = dl.data.read_image_folder("photos")
    >>> samples.inputs.shape, samples.classes
    ((2, 1, 8, 12), ['dark', 'light'])
    """
    found = class_files(folder, SUFFIXES, "images")
    sizes, errors = _sizes(found.files)
    raise_unreadable(folder, errors, len(found.files), "images")
    wanted = size or common_size(sizes)
    found, pictures = read_files(folder, found, lambda path: load_image(path, wanted), "images", seconds)
    images = np.stack(pictures)
    if (images == images[:, :1]).all():
        images = np.ascontiguousarray(images[:, :1])
    kinds = Counter(sizes)
    told = f"{len(kinds):,} sizes" if len(kinds) > 1 else "{1} x {0}".format(*next(iter(kinds)))
    settings: dict[str, Any] = {"size": list(wanted)}
    if len(kinds) > 1 or next(iter(kinds)) != (wanted[1], wanted[0]):
        settings["sizes"] = told
    return Samples(
        "images", images, CLASSIFICATION, found.targets, [str(p) for p in found.files],
        parts=found.parts, notes=found.notes, settings=settings,
    )  # fmt: skip


def _sizes(files: list[Path]) -> tuple[list[tuple[int, int]], list[str]]:
    """Width and height of each image from its header, and the errors."""
    image_module, sizes, errors = pillow(), [], []
    for path in files:
        try:
            with (
                reading(regular_file(path), DataError, what="not a readable image"),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")
                with image_module.open(path, formats=FORMATS) as picture:
                    sizes.append((picture.width, picture.height))
        except DataError as error:
            errors.append(str(error))
    return sizes, errors


def common_size(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """The height and width that images of several sizes are brought to: the most frequent size, reduced, at least 8 pixels."""
    width, height = Counter(sizes).most_common(1)[0][0]
    part = min(1.0, LARGEST_SIDE / max(width, height))
    return max(8, round(height * part)), max(8, round(width * part))
