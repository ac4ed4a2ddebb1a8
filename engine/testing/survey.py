"""Finding what can be mutated in every op, row and kernel, by running all rows of the table once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from dlengine.kernels.registry import KernelSet

from .. import backend
from ..autograd.op import OPS
from . import calls
from .alterations import is_array, is_index
from .mutants import AXES, REDUCTIONS, Sites, kernels_wrapped, replace_definition, sets, wrap_pullbacks, written
from .parity import rows
from .table import Case


def survey() -> dict[str, Sites]:
    """Run all rows once, and return what can be mutated, by "part:name"."""
    found: dict[str, Sites] = {}
    used: dict[str, Counter[str]] = {}  # row -> calls per target
    table = rows()
    seen: Counter[str] = Counter()
    with _watched(found, seen):
        for row in table:
            for name in ("numpy", "numba") if "jit" in sets() and row.kernels else ("numpy",):
                for dtype in ("float64", "float32") if name == "numba" else ("float64",):
                    _run(row, name, dtype)
            used[row.name] = Counter(seen)
            seen.clear()
    own = {id(f) for f in OPS.values()}
    for row in table:
        if id(row.op) not in own and "layer" not in row.tags and row.differentiable is not None:
            found[f"row:{row.name}"] = replace(found.get(f"row:{row.name}", Sites()), rows=[row.name], outputs=_outputs(row))
    cost = {row.name: (sum(used[row.name].values()), row.name) for row in table}
    for target, f in found.items():
        if not target.startswith("row:"):
            f.rows = sorted((r for r, seen in used.items() if seen[target]), key=cost.__getitem__)
    return found


def _run(row: Case, name: str, dtype: str) -> None:
    """Run all samples of a row."""
    if name == "numba" and dtype not in row.dtypes:
        return
    for number, sample in enumerate(row.samples):
        with backend.use_backend(name), calls.default_dtype(dtype):
            try:
                calls.run(row, sample, calls.draw(row, number, dtype), dtype)
            except Exception:  # parity reports it
                continue


def _outputs(row: Case) -> set[int]:
    """The numbers of the outputs of a row's first sample that are arrays."""
    with backend.use_backend("numpy"), calls.default_dtype("float64"):
        try:
            plain = replace(row, differentiable=False)
            found = calls.run(plain, row.samples[0], calls.draw(row, 0, "float64"), "float64").outputs
        except Exception:
            return set()
    return {i for i, y in enumerate(found) if isinstance(y, np.ndarray)}


@contextmanager
def _watched(found: dict[str, Sites], seen: Counter[str]) -> Iterator[None]:
    """Record every op and kernel that is called inside a with block."""
    undo = []
    for name, call in OPS.items():
        right = call.op.text  # type: ignore[attr-defined]
        undo.append(replace_definition(name, _watched_definition(name, right, len(call.op.arrays), found, seen)))  # type: ignore[attr-defined]

    def wrap(kernels: KernelSet, kernel: str, right: Callable[..., Any]) -> Callable[..., Any]:
        if kernels.name not in ("reference", "jit"):
            return right
        target = f"{kernels.name}:{kernel}"

        def watching(*args: Any, **kwargs: Any) -> Any:
            f = found.setdefault(target, Sites())
            seen[target] += 1
            result = right(*args, **kwargs)
            parts = written(kernel, args) if result is None else result if isinstance(result, tuple) else (result,)
            f.outputs |= {i for i, y in enumerate(parts) if isinstance(y, np.ndarray) and y.size}
            f.indices |= {i for i, a in enumerate(args) if is_index(a)}
            if any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in args):
                f.halves.add("inputs")
            return result

        return watching

    try:
        with kernels_wrapped(wrap):
            yield
    finally:
        for put_back in undo:
            put_back()


def _watched_definition(name: str, right: Callable[..., Any], arrays: int, found: dict[str, Sites], seen: Counter[str]) -> Any:
    target = f"op:{name}"

    def definition(xp: Any, *args: Any, **consts: Any) -> Any:
        f = found.setdefault(target, Sites())
        seen[target] += 1
        y, pull = right(_WatchedNamespace(xp, f), *args, **consts)
        f.outputs |= {i for i, v in enumerate(y if isinstance(y, tuple) else (y,)) if is_array(v)}
        f.axes |= {a for a in AXES if isinstance(consts.get(a), (int, tuple, list)) and not isinstance(consts.get(a), bool)}
        f.indices |= {i for i, a in enumerate(args) if is_index(a)}

        def noted(i: int, g: Any) -> Any:
            if g is not None:
                f.pulls.add(i)
            return g

        return y, wrap_pullbacks(pull, noted, arrays)

    return definition


class _WatchedNamespace:
    """A namespace that records which reductions are called."""

    def __init__(self, xp: Any, found: Sites) -> None:
        self._xp, self._found = xp, found

    def __getattr__(self, name: str) -> Any:
        right = getattr(self._xp, name)
        if name not in REDUCTIONS:
            return right

        def noted(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in calls.flat(list(args))):
                self._found.halves.add(name)
            return right(*args, **kwargs)

        return noted
