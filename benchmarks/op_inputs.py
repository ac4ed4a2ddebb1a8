"""The inputs of `dlengine bench --ops`: the first sample of a row of the op table, made to size.

Values are drawn as the table draws them, again and again until there are enough, so that they stay in the op's domain. The
shapes follow from a rule: ops of single elements get vectors; decompositions get stacks of the sample's matrices; other ops
get the sample with every axis longer by the same whole factor, except those that SHAPES lists.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlengine.testing.arguments import Arg
from dlengine.testing.special import elementwise
from dlengine.testing.table import Case

SIZES = (16, 1_000, 131_072)
"""About the number of elements of an op's first array."""

DRAWS = 1000
"""After so many draws the values are repeated."""

KEEP = None
"""In SHAPES: this argument is that of the sample."""

PLANES = {16: (4, 4), 1_000: (25, 40), 131_072: (256, 512)}
IMAGES = {16: (1, 1, 4, 4), 1_000: (1, 4, 16, 16), 131_072: (8, 16, 32, 32)}
VOLUMES = {16: (1, 1, 3, 3, 3), 1_000: (1, 2, 8, 8, 8), 131_072: (4, 8, 16, 16, 16)}
SIGNALS = {16: (1, 1, 16), 1_000: (1, 4, 256), 131_072: (8, 16, 1024)}
TABLES = {16: (11, 4), 1_000: (100, 16), 131_072: (2048, 64)}
LOOKED_UP = {16: (2, 2), 1_000: (8, 8), 131_072: (32, 64)}
CHARACTERS = {16: (6, 3, 4), 1_000: (8, 4, 32), 131_072: (64, 8, 256)}
"""Time, sequences, classes."""

STACKED = (
    "inv", "det", "solve", "slogdet", "pinv", "matrix_power", "matrix_rank", "cholesky", "eigvalsh", "svdvals", "eig", "eigvals",
    "eigh", "svd", "qr", "matrix_norm",
)  # fmt: skip
"""Ops of matrices with a structure, or whose work grows with the cube of their size."""

Shapes = Sequence[Any]
"""One for each argument: a shape for an array, a value for anything else, or KEEP."""


def _convolved(space: Mapping[int, tuple[int, ...]]) -> Callable[[int], Shapes]:
    def shapes(n: int) -> Shapes:
        images = space[n]
        return images, (images[1], images[1], *(3,) * len(images[2:])), (images[1],)

    return shapes


def _one(shape: Callable[[int], Any]) -> Callable[[int], Shapes]:
    return lambda n: (shape(n),)


def _rows(n: int) -> tuple[int, int]:
    """A batch of feature vectors."""
    return PLANES[n]


SHAPES: dict[str, Callable[[int], Shapes]] = {
    "conv1d": _convolved(SIGNALS), "conv2d": _convolved(IMAGES), "conv3d": _convolved(VOLUMES),
    "conv_transpose2d": _convolved(IMAGES),
    "conv_transpose1d": lambda n: ((2, 4, max(5, n // 8)), KEEP, KEEP),
    "conv_transpose3d": lambda n: ((2, 4, *{16: (2, 3, 2), 1_000: (5, 5, 5), 131_072: (25, 25, 26)}[n]), KEEP, KEEP),
    "unfold": _one(IMAGES.__getitem__), "fold": lambda n: ((2 * max(1, n // 216), 18, 6),),
    **{f"{kind}_pool1d": _one(SIGNALS.__getitem__) for kind in ("max", "min", "avg")},
    **{f"{kind}_pool2d": _one(IMAGES.__getitem__) for kind in ("max", "min", "avg")},
    **{f"{kind}_pool3d": _one(VOLUMES.__getitem__) for kind in ("max", "min", "avg")},
    "max_unpool1d": lambda n: ((2 * max(1, n // 12), 2, 3),) * 2,
    "max_unpool2d": lambda n: ((max(1, n // 8), 2, 2, 2),) * 2,
    "max_unpool3d": lambda n: ((2 * max(1, n // 4), 1, 1, 1, 2),) * 2,
    "embedding": lambda n: (TABLES[n], LOOKED_UP[n]),
    "one_hot": lambda n: ((max(1, n // 4),), KEEP),
    "outer": lambda n: tuple((m,) for m in PLANES[n]), "meshgrid": lambda n: tuple((m,) for m in PLANES[n]),
    "cross": lambda n: ((max(1, n // 3), 3),) * 2,
    "layer_norm": lambda n: (_rows(n), [PLANES[n][1]], (PLANES[n][1],), (PLANES[n][1],)),
    "rms_norm": lambda n: (_rows(n), [PLANES[n][1]], (PLANES[n][1],)),
    "batch_norm": lambda n: (IMAGES[n], (IMAGES[n][1],), (IMAGES[n][1],)),
    "ctc_loss": lambda n: (
        CHARACTERS[n], (CHARACTERS[n][1], 3), [CHARACTERS[n][0]] * CHARACTERS[n][1], [1] * CHARACTERS[n][1]
    ),
    "broadcast_to": lambda n: ((PLANES[n][0], 1), list(PLANES[n])),
    "searchsorted": lambda n: (KEEP, PLANES[n]),
    **{name: _one(lambda n: (n,)) for name in ("fft", "ifft", "rfft", "ihfft", "fftshift", "ifftshift")},
    **{name: _one(lambda n: (n // 2 + 1,)) for name in ("irfft", "hfft")},
    **{name: _one(PLANES.__getitem__) for name in ("fftn", "ifftn", "rfftn", "irfftn")},
    **{name: _one(lambda n: n) for name in ("fftfreq", "rfftfreq", "arange", "randperm")},
    **{name: _one(lambda n: list(PLANES[n])) for name in ("zeros", "ones")},
    "full": lambda n: (list(PLANES[n]), KEEP), "eye": _one(lambda n: PLANES[n][0]), "linspace": lambda n: (KEEP, KEEP, n),
    "rand": lambda n: PLANES[n], "randn": lambda n: PLANES[n], "bernoulli": lambda n: (KEEP, *PLANES[n]),
    "randint": lambda n: (KEEP, KEEP, *PLANES[n]), "multinomial": lambda n: (KEEP, n, KEEP),
}  # fmt: skip
"""Shapes of ops whose arguments cannot all grow by one factor, or that are used at other shapes."""


def inputs(row: Case, elements: int) -> list[Any]:
    """The arguments of an op at about a number of elements, as NumPy arrays (float32 where floating); lists stay lists."""
    args = row.samples[0].args
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    drawn = [_shapes(a, np.random.default_rng(0)) for a in args]
    if row.name in SHAPES:
        wanted = list(SHAPES[row.name](elements))
    elif elementwise(row):
        wanted = [KEEP if shape is None or shape == () else (elements,) for shape in drawn]
    elif row.op.__name__ in STACKED or row.name in STACKED:
        wanted = [_each(shape, lambda s: (max(1, elements // _size(drawn)), *s)) for shape in drawn]
    else:
        first = _first(drawn)
        factor = max(1, round((elements / max(1, _size(drawn))) ** (1 / max(1, sum(n > 1 for n in first)))))
        wanted = [_each(shape, lambda s: tuple(n * factor if n > 1 else n for n in s)) for shape in drawn]
    return [_filled(a, shape, rng) for a, shape in zip(args, wanted, strict=True)]


def _shapes(spec: Any, rng: np.random.Generator) -> Any:
    """The shapes of an argument of the sample; None for what is no array."""
    if isinstance(spec, (list, tuple)):
        return [_shapes(s, rng) for s in spec]
    return spec.values(rng, np.float32).shape if isinstance(spec, Arg) else None


def _each(shapes: Any, change: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Any:
    if isinstance(shapes, list):
        return [_each(s, change) for s in shapes]
    return None if shapes is None else change(shapes)


def _first(shapes: Any) -> tuple[int, ...]:
    """The first shape of nested lists that is not that of a single value."""
    for shape in shapes:
        found = _first(shape) if isinstance(shape, list) else shape
        if found:
            return tuple(found)
    return ()


def _size(shapes: Any) -> int:
    return int(np.prod(_first(shapes)))


def _filled(spec: Any, shape: Any, rng: np.random.Generator) -> Any:
    """An argument of the wanted shape, or the value that stands in its place."""
    if isinstance(spec, (list, tuple)) and any(isinstance(s, (Arg, list, tuple)) for s in spec):
        return [_filled(s, w, rng) for s, w in zip(spec, shape or [KEEP] * len(spec), strict=True)]
    if not isinstance(spec, Arg):
        return spec if shape is KEEP or isinstance(spec, (list, tuple)) and all(s is None for s in shape) else shape
    first = spec.values(rng, np.dtype(np.float32))
    if shape is KEEP:
        return _typed(spec, first)
    size = int(np.prod(shape))
    parts = [first.reshape(-1)]
    while sum(map(len, parts)) < size and len(parts) < DRAWS and first.size:
        parts.append(spec.values(rng, np.dtype(np.float32)).reshape(-1))
    return _typed(spec, np.resize(np.concatenate(parts), shape))


def _typed(spec: Arg, values: Any) -> Any:
    if not spec.floating:
        return values
    return values.astype(np.complex64 if values.dtype.kind == "c" else np.float32)


