"""Special points for the samples of a row: 0 of both signs, the smallest and largest numbers, ties, Inf and NaN.

An elementwise row (this is found by running it) gets all points, for two arguments all pairs, for three some triples: once
the finite ones with gradients, once all of them. In other rows some values of the first floating argument of the first
sample are replaced: by zeros, tiny values and a tie together, by Inf alone, and by NaN alone, so that the rest can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from .. import backend
from . import calls
from .arguments import Arg
from .table import Case, Sample

FINITE = (0.0, -0.0, "subnormal", "-subnormal", "tiny", "-tiny", 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, "max", "-max")
OTHERS = ("inf", "-inf", "nan")
NEAR = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5)
"""The points for gradients of several arguments, which differences cannot check if their sizes differ too much."""
FEW = (0.0, -0.0, "subnormal", 1.0, -1.0, 0.5, "max")
PLANTED = (0.0, -0.0, "subnormal", "-tiny", 0.0)

SPECIAL = "special points"
"""The start of the label of such samples. An op may raise an error for them, which must be the same on every backend."""

Points = Sequence[Any]


def value(point: Any, dtype: Any) -> float:
    """The value of a point in a dtype."""
    if not isinstance(point, str):
        return float(point)
    info, sign = np.finfo(dtype), -1.0 if point[0] == "-" else 1.0
    named = {"subnormal": info.smallest_subnormal, "tiny": info.tiny, "max": info.max, "inf": np.inf, "nan": np.nan}
    return sign * float(named[point.removeprefix("-")])


@dataclass(frozen=True)
class SpecialArg(Arg):
    """An argument with special points at some places, or as all its values if places is None."""

    points: tuple[Any, ...] = ()
    places: tuple[int, ...] | None = None

    def values(self, rng: np.random.Generator, dtype: Any) -> Any:
        """The drawn values, with the points at their places."""
        x = np.asarray(self.draw(rng)).astype(dtype)
        points = np.array([value(p, dtype) for p in self.points], dtype)
        if self.places is None:
            return points
        x.reshape(-1)[list(self.places)] = points
        return x


_known: dict[int, tuple[Case, Case | None, bool]] = {}


def special(row: Case) -> Case | None:
    """The row with its special samples instead of its own; None if it has none."""
    return _looked_up(row)[1]


def elementwise(row: Case) -> bool:
    """Whether each value of the result depends only on the arguments at its index, which is found by running the op."""
    return _looked_up(row)[2]


def _looked_up(row: Case) -> tuple[Case, Case | None, bool]:
    if id(row) not in _known or _known[id(row)][0] is not row:
        alone = "layer" not in row.tags and _elementwise(row)
        _known[id(row)] = (row, _made(row, alone), alone)
    return _known[id(row)]


def _made(row: Case, alone: bool) -> Case | None:
    if "layer" in row.tags or row.unplanted:
        return None
    samples = _pointwise(row) if alone else _planted(row)
    return replace(row, samples=tuple(samples), errors=()) if samples else None


def _elementwise(row: Case) -> bool:
    """Compare the results for single elements with those for whole arrays."""
    tried = False
    for number, sample in enumerate(row.samples):
        constants = sample.consts.values()
        if any(isinstance(a, (list, tuple)) for a in sample.args) or any(isinstance(v, np.ndarray) for v in constants):
            return False
        arrays = calls.draw(row, number, "float64")
        given = [a for a in arrays if isinstance(a, np.ndarray)]
        try:
            shape = np.broadcast_shapes(*(a.shape for a in given))
            wide = [np.broadcast_to(a, shape).reshape(-1) if isinstance(a, np.ndarray) else a for a in arrays]
            whole = _values(row, sample, arrays)
            if any(y.shape != shape for y in whole):
                return False
            for i in range(min(int(np.prod(shape)), 8)):
                part = _values(row, sample, [a[i : i + 1] if isinstance(a, np.ndarray) else a for a in wide])
                if not all(np.allclose(y.reshape(-1)[i], p[0], equal_nan=True) for y, p in zip(whole, part, strict=True)):
                    return False
                tried = tried or i > 0
        except Exception:  # an op that fails for single values is not elementwise
            return False
    return tried


def _values(row: Case, sample: Sample, arrays: Sequence[Any]) -> list[Any]:
    with backend.use_backend("numpy"), calls.default_dtype("float64"):
        found = calls.run(replace(row, differentiable=False), sample, arrays, "float64")
    if found.drew or not all(isinstance(y, np.ndarray) for y in found.outputs):
        raise TypeError("not a function of its arguments alone")
    return found.outputs


def _real(row: Case, number: int, place: int) -> bool:
    """Whether an argument takes the floating dtype under test."""
    a = row.samples[number].args[place]
    return isinstance(a, Arg) and a.floating and calls.draw(row, number, "float64")[place].dtype.kind == "f"


def _pointwise(row: Case) -> list[Sample]:
    """Samples of an elementwise row whose arguments are the special points."""
    found: dict[Any, Sample] = {}
    for number, sample in enumerate(row.samples):
        places = [i for i, a in enumerate(sample.args) if isinstance(a, Arg) and _real(row, number, i)]
        arrays = calls.draw(row, number, "float64")
        strange = any(isinstance(a, np.dtype) for a in sample.args)
        strange = strange or any(isinstance(a, Arg) and a.floating and i not in places for i, a in enumerate(sample.args))
        if not places or strange or "dtype" in sample.consts:
            continue
        fixed = [a for a in sample.args if not isinstance(a, Arg)]
        key = (repr(sorted(sample.consts.items(), key=str)), tuple(places), repr(fixed))
        if key in found or len(found) > 16:
            continue
        few = len(places) > 2
        for points, grad, label in (
            (FINITE if len(places) == 1 else NEAR[2 * few :], any(s.grad for s in row.samples), "special points"),
            ((*FEW, *OTHERS) if few else (*FINITE, *OTHERS), False, "special points, Inf and NaN"),
        ):
            columns = list(zip(*product(points, repeat=len(places)), strict=True))
            args = list(sample.args)
            for i, column in zip(places, columns, strict=True):
                args[i] = SpecialArg(args[i].draw, True, args[i].grad, tuple(column))
            for i, a in enumerate(args):
                if isinstance(a, Arg) and i not in places:
                    args[i] = Arg(_resized(arrays[i], len(columns[0])), False, False)
            found[(*key, label)] = Sample(tuple(args), sample.consts, grad, label)
        found[key] = found[(*key, "special points")]
    return [s for key, s in found.items() if isinstance(key[-1], str) and key[-1].startswith("special")]


def _resized(array: Any, size: int) -> Callable[[Any], Any]:
    return lambda rng: np.resize(array, size)


def _planted(row: Case) -> list[Sample]:
    """The first sample with special values in its first floating argument."""
    for number, sample in enumerate(row.samples):
        for i, a in enumerate(sample.args):
            if not (isinstance(a, Arg) and _real(row, number, i)):
                continue
            size = calls.draw(row, number, "float64")[i].size
            if size < 4:
                continue
            count = min(len(PLANTED), size // 2)
            spread = tuple(int(p) for p in np.linspace(0, size - 1, count).round())
            middle = (size // 2,)
            return [
                _with(sample, i, PLANTED[:count], spread, sample.grad, f"{SPECIAL}: zeros, tiny values and a tie"),
                _with(sample, i, ("inf",), middle, False, f"{SPECIAL}: Inf"),
                _with(sample, i, ("nan",), middle, False, f"{SPECIAL}: NaN"),
            ]
    return []


def _with(sample: Sample, i: int, points: Points, places: tuple[int, ...], grad: bool, label: str) -> Sample:
    args = list(sample.args)
    args[i] = SpecialArg(args[i].draw, True, args[i].grad, tuple(points), places)
    return Sample(tuple(args), sample.consts, grad, label)
