"""The time of an import on top of numpy's, in fresh processes that take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from statistics import median

from .results import Row, Timing

PROBE = """
import json, sys, time
start = time.perf_counter()
import numpy
between = time.perf_counter()
__import__(sys.argv[1])
end = time.perf_counter()
print(json.dumps([between - start, end - between]))
"""


def probe(module: str) -> tuple[float, float]:
    """The seconds that the imports of numpy and then of the module take in a fresh process."""
    # without stored bytecode every import would compile the sources again
    unwanted = ("OPENBLAS_CORETYPE", "PYTHONDONTWRITEBYTECODE")
    environment = {name: text for name, text in os.environ.items() if name not in unwanted}
    run = subprocess.run(
        [sys.executable, "-c", PROBE, module], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    numpy, own = json.loads(run.stdout)
    return numpy, own


def measure(modules: Sequence[str], repeat: int, advance: Callable[[], None] = lambda: None) -> Row:
    """The row "import": medians over repeat turns, after one that fills the bytecode caches."""
    numpy: list[float] = []
    own: dict[str, list[float]] = {module: [] for module in modules}
    first = {module: probe(module)[1] for module in modules}
    for _ in range(repeat):
        for module in modules:
            base, top = probe(module)
            numpy.append(base)
            own[module].append(top)
            advance()
    row = Row(name="import", kind="import", sizes={})
    row.timings = {module: Timing.of(turns, first=first[module]) for module, turns in own.items()}
    base, top = median(numpy), row.timings[modules[0]].median
    row.note = f"numpy {base:.3f} s, with {modules[0]} {base + top:.3f} s: {(base + top) / base:.2f} times"
    row.pair(*modules[:2])
    return row
