"""Calls every kernel with arguments that it was not written for, on three backends, and compares what comes of it.

A program that test_kernel_abuse.py runs in processes of its own: `kernel_abuse.py LOG PART PARTS SKIP DIES [quick]`. It writes a
line to LOG before each call, so that a death is known by the last line, one for each difference, and "end". In the call with
the number DIES it dies, which proves that this would be seen.
"""

from __future__ import annotations

import os
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import dlengine as dl
from dlengine import backend
from dlengine.backend.arguments import Saved
from dlengine.errors import DLEngineError
from dlengine.kernels import cuda, jit
from dlengine.kernels.declaration import Argument
from dlengine.kernels.geometry import ConvGeometry, PoolGeometry
from dlengine.kernels.registry import declaration, declarations
from dlengine.kernels.settings import AdamSettings, NormSettings, SGDSettings

CANARY, BAND = 0xA5, 64
"""What lies before and after each argument, and how many bytes of it: no call may change one."""


def spaces() -> dict[str, Any]:
    """The namespaces that can run here."""
    sets = {"numpy": None, "numba": jit.SET, "cuda-emulate": cuda.EMULATED}
    return {n: backend.namespace_of(backend.NUMPY, s) for n, s in sets.items() if backend.BACKENDS[n].unavailable() is None}


# ------------------------------------------------------------------ calls as they should be
def _conv(rank: int) -> ConvGeometry:
    ones, zeros = (1,) * rank, (0,) * rank
    return ConvGeometry(
        2, 4, 6, 2, (7, 6, 5)[:rank], (3, 2, 2)[:rank], (2, 1, 1)[:rank], ones, ones, zeros, (3, 6, 5)[:rank]
    )


def _pool(rank: int) -> PoolGeometry:
    pad, zeros = (1, 0, 0)[:rank], (0,) * rank
    return PoolGeometry(
        2, 3, (6, 5, 4)[:rank], (3, 2, 2)[:rank], (2, 1, 1)[:rank], (1,) * rank, pad, zeros, pad, (3, 4, 3)[:rank]
    )


KNOWN: dict[str, Any] = {
    "N": 3, "C": 6, "M": 20, "D": 33, "V": 9, "I": 5, "O": 7, "T": 4, "H": 17, "W": 8, "P": 6, "K": 4, "S": (4, 3), "B": (2, 3),
    "eps": 1e-5, "groups": 3, "slope": 0.1, "beta": 1.5, "axis": 1, "ignore_index": -100, "rows": 9, "key": 12345, "counter": 7,
    "p": 0.4, "inner": 1, "reverse": False, "save": True, "nonlinearity": "tanh", "lr": 0.1,
    "max_norm": 1.0, "scale": 0.3, "causal": True, "hides": False,
}  # fmt: skip
SETTINGS = {
    "batch_norm_tracked": NormSettings(1e-5, 0.1),
    "sgd": SGDSettings(lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": AdamSettings(lr=0.1, beta2=0.99, weight_decay=0.01, decoupled=True, step=3),
}
FREE = {"a": (3, 17), "b": (17, 3), "ids": (2, 3), "mask": (4, 4)}
"""Shapes of arguments that are declared as free."""


def shape_of(a: Argument, arguments: tuple[Argument, ...], known: dict[str, Any]) -> tuple[int, ...]:
    """The shape of an argument, by its declaration."""
    if a.shape == "...":
        return FREE.get(a.name, (3, 17))
    if a.shape.startswith("="):
        return shape_of(next(b for b in arguments if b.name == a.shape[1:]), arguments, known)
    sizes: list[int] = []
    for item in a.shape.split(",") if a.shape else []:
        if item.startswith("g."):
            size = getattr(known["g"], item[2:])
            sizes += size if isinstance(size, tuple) else [size]
        elif item[0] == "*":
            sizes += FREE.get(item[1:]) or known[item[1:]]
        else:
            sizes.append(int(item[0]) * known[item[1:]] if item[0].isdigit() else known[item])
    return tuple(sizes)


def right_call(xp: Any, name: str, dtype: str) -> list[Any]:
    """Arguments that a kernel takes, the same numbers every time; those None may stand for are given."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    arguments = declaration(name).arguments
    geometry = (_conv if "conv" in name or "fold" in name else _pool)(3 if "3d" in name else 2)
    known = KNOWN | {"g": geometry, "settings": SETTINGS.get(name)}
    values: list[Any] = []
    for a in arguments:
        shape = shape_of(a, arguments, known) if a.is_array and a.kind != "scalar" else ()
        if a.kind == "saved":
            values.append(None)
        elif not a.is_array:
            values.append(known[a.name])
        elif a.kind in ("int", "place"):
            pooled = "places" in a.bound
            made = np.asarray(draw.integers(0, known.get(a.bound, known["T"]), shape))
            values.append(_places(xp, name, geometry) if pooled else made)
        elif a.listed:
            values.append([np.abs(draw.normal(size=s)).astype(dtype) for s in ((5, 3), (40,), (1, 2, 3))])
        else:
            made = draw.normal(size=shape).astype(dtype)
            positive = a.name in ("rstd", "factor", "variance", "running_var", "count")
            values.append(np.asarray(np.ceil(np.abs(made)) if a.name == "count" else np.abs(made) if positive else made))
    return values


def _places(xp: Any, name: str, geometry: Any) -> Any:
    """Where a pooling of this geometry finds its values."""
    x = np.random.default_rng(3).normal(size=geometry.x_shape)
    return getattr(xp, name.rpartition("_")[0])(x, geometry)[1]


def _saved(xp: Any, name: str, arguments: tuple[Argument, ...], values: list[Any]) -> Any:
    """What the forward kernel leaves for its gradient."""
    given = {a.name: v for a, v in zip(arguments, values, strict=False)}
    forward = name.removesuffix("_grad")
    return getattr(xp, forward)(*(given.get(a.name, KNOWN.get(a.name)) for a in declaration(forward).arguments))[-1]


# ------------------------------------------------------------------ what is done to one argument
DTYPES = (
    "float16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint64", "bool", "complex64", "complex128", ">f4", ">f8",
    ">i8", "S4", "object", "datetime64[s]", "f4,f4", "bfloat16",
)  # fmt: skip


def _as_dtype(a: Any, dtype: str) -> Any:
    if dtype == "bfloat16":
        import ml_dtypes

        return a.astype(ml_dtypes.bfloat16)
    if dtype in ("f4,f4", "datetime64[s]"):
        return np.zeros(a.shape, dtype)
    return (np.abs(a) if dtype[0] in "uS" else a).astype(dtype)


def _misaligned(a: Any) -> Any:
    memory = np.zeros(a.nbytes + 1, np.uint8)
    odd = memory[1:].view(a.dtype).reshape(a.shape)
    odd[...] = a
    return odd


def _strided(a: Any) -> Any:
    if not a.ndim:
        return a
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _read_only(a: Any) -> Any:
    fixed = a.copy()
    fixed.flags.writeable = False
    return fixed


def _replaced(value: int) -> Callable[[Any], Any]:
    def change(a: Any) -> Any:
        wrong = a.astype(np.uint64 if value >= 2**63 else np.int64)
        wrong.reshape(-1)[wrong.size // 2] = value
        return wrong

    return change


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "turned in memory": lambda a: np.asfortranarray(a),
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1] if a.ndim else a,
    "strided": _strided,
    "read-only": _read_only,
    "misaligned": _misaligned,
    "one value for all": lambda a: np.broadcast_to(a.reshape(-1)[:1].reshape((1,) * a.ndim), a.shape),
    "a subclass": lambda a: np.asarray(a).view(np.matrix) if a.ndim == 2 else a.view(type("Sub", (np.ndarray,), {})),
}
SHAPES: dict[str, Callable[[Any], Any]] = {
    "too short": lambda a: a[:-1] if a.ndim else a,
    "too narrow": lambda a: a[..., :-1] if a.ndim else a,
    "one element": lambda a: a.reshape(-1)[:1],
    "nothing": lambda a: a[:0] if a.ndim else a.reshape(1)[:0],
    "no columns": lambda a: a[..., :0] if a.ndim else a,
    "transposed": lambda a: a.T.copy(),
    "flat": lambda a: a.reshape(-1),
    "0-d": lambda a: np.asarray(a.reshape(-1)[0]),
    "one axis more": lambda a: a[None],
    "larger": lambda a: np.concatenate([a, a]) if a.ndim else a,
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "None": lambda a: None,
    "a number": lambda a: 1.5,
    "a list of numbers": lambda a: a.tolist(),
    "masked": lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)),
    "a scalar": lambda a: a.reshape(-1)[0],
    "a tensor": lambda a: dl.asarray(a),
}
INTEGERS: dict[str, Callable[[Any], Any]] = {
    f"holding {v}": _replaced(v) for v in (-1, -2, -7, 9, 8, 30, 31, 1000, 2**31, 2**40, 2**62, -(2**63), 2**63, 2**64 - 1)
}


def damages(a: Argument) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Everything that is done to an argument, with a name for it."""
    for dtype in DTYPES:
        yield dtype, lambda v, d=dtype: _as_dtype(v, d)
    yield from LAYOUTS.items()
    yield from SHAPES.items()
    yield from OTHERS.items()
    if a.kind in ("int", "place"):
        yield from INTEGERS.items()


def calls(quick: bool) -> Iterator[tuple[str, int, str, str, Callable[[Any], Any]]]:
    """Kernel, place of the argument, dtype of the others, and the damage. Quick: each kind of damage now and then."""
    count = 0
    for name, arguments in ((name, declared.arguments) for name, declared in declarations().items()):
        for dtype in ("float32", "float64"):
            for place, a in enumerate(arguments):
                for what, damage in damages(a) if a.is_array else ():
                    count += 1
                    if not quick or count % 23 == 0:
                        yield name, place, dtype, what, damage


# ------------------------------------------------------------------ one call and what comes of it
def banded(value: Any, bands: list[Any]) -> Any:
    """A dense array copied to a place between two bands, which are added to the list; anything else as it is."""
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        return [banded(v, bands) for v in value]
    if type(value) is not np.ndarray or not value.flags.c_contiguous or not value.flags.aligned or not value.flags.writeable:
        return value
    if value.dtype.hasobject or not value.nbytes:
        return value
    memory = np.full(value.nbytes + 2 * BAND, CANARY, np.uint8)
    bands += [memory[:BAND], memory[-BAND:]]
    copy = memory[BAND:-BAND].view(value.dtype).reshape(value.shape)
    copy[...] = value
    return copy


def flat(value: Any) -> list[Any]:
    """The arrays in a result; what is saved for a gradient is the set's own business."""
    if isinstance(value, (tuple, list)):
        return [a for v in value if not isinstance(v, (tuple, Saved)) for a in flat(v)]
    return [] if value is None else [np.asarray(value)]


def places_of(name: str) -> list[int]:
    """Which outputs of a kernel are places, which other kernels of its set take."""
    readers = [d for other, d in declarations().items() if other.startswith(f"{name}_")]
    taken = {a.name for d in readers for a in d.arguments if a.kind == "place"}
    return [i for i, output in enumerate(declaration(name).outputs) if output in taken]


def outcome(xp: Any, name: str, place: int, dtype: str, what: str, damage: Callable[[Any], Any]) -> tuple[str, list[Any]]:
    """"ok" and the arrays, those written in place included; or the kind of error and its text."""
    arguments, bands = declaration(name).arguments, []  # type: ignore[var-annotated]
    values = right_call(xp, name, dtype)
    late = what not in (*DTYPES, *INTEGERS, "one value for all")  # otherwise the forward call meets the same wrong values
    try:
        if late and arguments[-1].kind == "saved":
            values[-1] = _saved(xp, name, arguments, values)
        changed = values[place]
        values[place] = [damage(v) for v in changed] if isinstance(changed, list) else damage(changed)
    except (TypeError, ValueError):
        return "cannot be made", []
    values = [banded(v, bands) for v in values]
    before = [flat(v) if a.is_array and not a.written else [] for a, v in zip(arguments, values, strict=True)]
    before = [[np.array(v) for v in part] for part in before]
    try:
        if arguments[-1].kind == "saved" and values[-1] is None:
            values[-1] = _saved(xp, name, arguments, values)
        result = getattr(xp, name)(*values)
    except Exception as error:
        kind = next((k.__name__ for k in (IndexError, TypeError, ValueError) if isinstance(error, k)), type(error).__name__)
        kind = kind if isinstance(error, (DLEngineError, IndexError, TypeError, ValueError)) else f"bare {type(error).__name__}"
        return kind, [f"{type(error).__name__}: {error}"]
    if any((band != CANARY).any() for band in bands):
        return "wrote beside an argument", []
    for a, held, now in zip(arguments, before, values, strict=True):
        for x, y in zip(held, flat(now) if held else [], strict=True):
            if x.tobytes() != np.ascontiguousarray(y).tobytes():
                return f"changed {a.name}", []
    written = [flat(v) for a, v in zip(arguments, values, strict=True) if a.written]
    results = flat(result)
    for i in places_of(name):
        results[i] = results[i].astype(np.int64)  # each set makes them as narrow as suits it
    # A number kept for the gradient has a dtype of its own in each set.
    results = [v if v.ndim or i < len(declaration(name).outputs) else v.astype(np.float64) for i, v in enumerate(results)]
    return "ok", results + [np.array(v) for part in written for v in part]


def difference(right: tuple[str, list[Any]], other: tuple[str, list[Any]]) -> str:
    """How two outcomes differ, or nothing."""
    if right[0] != other[0]:
        return f"{right[0]} {_shown(right)} against {other[0]} {_shown(other)}"
    if right[0] != "ok":
        return ""
    if [(a.dtype, a.shape) for a in right[1]] != [(a.dtype, a.shape) for a in other[1]]:
        return f"{_shown(right)} against {_shown(other)}"
    for i, (a, b) in enumerate(zip(right[1], other[1], strict=True)):
        exact = a.dtype.kind in "iub"
        bound = 0 if exact else 3e-2 if a.dtype.itemsize == 2 else 2e-3
        x, y = (v if exact else v.astype(np.complex128) for v in (a, b))
        if not np.allclose(x, y, rtol=bound, atol=bound * 0.1, equal_nan=True):
            return f"result {i} is off by up to {np.nanmax(np.abs(x - y)):.3g}"
    return ""


def _shown(found: tuple[str, list[Any]]) -> str:
    return ", ".join(f"{a.dtype}{a.shape}" if isinstance(a, np.ndarray) else str(a)[:150] for a in found[1])


def main(log: Path, part: int, parts: int, skip: int, dies: int, quick: bool) -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    places = spaces()
    with log.open("a", buffering=1) as out:
        for number, (name, place, dtype, what, damage) in enumerate(calls(quick)):
            if number % parts != part or number < skip:
                continue
            label = f"{name}({declaration(name).arguments[place].name}: {what}; others {dtype})"
            found = {}
            for where, xp in places.items():
                out.write(f"call {number} {where} {label}\n")
                if number == dies:
                    os.abort()
                found[where] = outcome(xp, name, place, dtype, what, damage)
            for where in list(places)[1:]:
                told = difference(found["numpy"], found[where])
                if told:
                    out.write(f"differs {where} {label}: {told}\n")
            for where, (kind, text) in found.items():
                if kind.startswith(("bare", "wrote", "changed")):
                    out.write(f"wrong {where} {label}: {kind} {text}\n")
        out.write("end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:6]), "quick" in sys.argv)
