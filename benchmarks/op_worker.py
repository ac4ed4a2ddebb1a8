"""The part of a worker that times ops of the op table, many in one turn, since each takes little."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from dlengine.testing.arguments import Arg

from .clocks import Clock
from .definitions import Framework, normal
from .op_inputs import inputs
from .op_rows import OpRow

WARM_UP_SECONDS = 0.004
TURN_SECONDS = 0.008
LEAST_RUNS, MOST_RUNS = 3, 1000


class OpBench:
    """The ops that were prepared last: what runs each, and how often in a turn."""

    def __init__(self, fw: Framework, clock: Clock) -> None:
        self.fw, self.clock = fw, clock
        self.prepared: dict[str, tuple[Callable[[], Any], int]] = {}

    def prepare(self, rows: Sequence[str], path: str) -> dict[str, Any]:
        """Build, run and warm up rows; save their results. Returns for each the first and the usual time, or why it failed."""
        self.prepared = {}
        gc.collect()
        answers: dict[str, dict[str, Any]] = {}
        saved: dict[str, Any] = {}
        for name in rows:
            row = OpRow.of(name)
            function = self.fw.table_op(row.op)
            if function is None:
                answers[name] = {"missing": f"{self.fw.NAME} has no such function"}
                continue
            try:
                run, results = built(self.fw, row, function)
                start = perf_counter()
                found = results()
                first = perf_counter() - start
                saved |= {f"{name}/{key}": array for key, array in found.items()}
                usual = self._warm(run, first)
            except Exception as error:  # one op that fails leaves the others their turns
                answers[name] = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
                continue
            self.prepared[name] = run, int(min(MOST_RUNS, max(LEAST_RUNS, TURN_SECONDS / usual)))
            answers[name] = {"first": first, "usual": usual}
        np.savez(path, **saved)
        return {"rows": answers}

    def time(self) -> dict[str, Any]:
        """The median time of each op in one turn."""
        gc.collect()
        return {"seconds": {name: median(self.clock(run, runs).seconds) for name, (run, runs) in self.prepared.items()}}

    def _warm(self, run: Callable[[], Any], first: float) -> float:
        seconds = self.clock(run, 1).seconds
        end = perf_counter() + WARM_UP_SECONDS
        while first < 1.0 and perf_counter() < end:
            seconds += self.clock(run, 5).seconds
        return max(median(seconds), 1e-7)


def built(
    fw: Framework, row: OpRow, function: Callable[..., Any]
) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:  # fmt: skip
    """What runs an op in a framework, and what returns its results for the comparison."""
    sample = row.case.samples[0]
    found: list[Any] = []

    def each(spec: Any, value: Any) -> Any:
        if isinstance(value, list) and isinstance(spec, (list, tuple)) and len(spec) == len(value):
            return [each(s, v) for s, v in zip(spec, value, strict=True)]
        if not isinstance(value, np.ndarray):
            return value
        leaf = row.backward and isinstance(spec, Arg) and spec.floating and spec.grad and value.dtype.kind in "fc"
        tensor = fw.leaf(value) if leaf else fw.constant(value)
        if leaf:
            found.append(tensor)
        return tensor

    arguments = [each(s, v) for s, v in zip(sample.args, inputs(row.case, row.elements), strict=True)]
    constants = dict(sample.consts)

    def forward() -> Any:
        return function(*arguments, **constants)

    if not row.backward:
        return forward, lambda: {str(i): fw.value(y) for i, y in enumerate(flat(forward())) if hasattr(y, "shape")}
    root = next(i for i, y in enumerate(flat(forward())) if getattr(y, "requires_grad", False))
    y = fw.value(flat(forward())[root])
    rng = np.random.default_rng(0)
    cotangent = normal(rng, *y.shape)
    if y.dtype.kind == "c":
        cotangent = cotangent + 1j * normal(rng, *y.shape)
    seed = fw.constant(cotangent.astype(y.dtype))

    def both() -> Any:
        for leaf in found:
            leaf.grad = None
        flat(function(*arguments, **constants))[root].backward(seed)

    def results() -> dict[str, Any]:
        both()
        return {f"gradient {i}": fw.value(leaf.grad) for i, leaf in enumerate(found) if leaf.grad is not None}

    return both, results


def flat(y: Any) -> list[Any]:
    """Flatten nested tuples and lists."""
    return [v for part in y for v in flat(part)] if isinstance(y, (tuple, list)) else [y]


