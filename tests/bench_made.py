"""A result of the benchmark as a run would make it, for the tests of reports and of the command."""

from __future__ import annotations

from dlengine.benchmarks.results import Result, Row, Timing


def made(
    precision: dict[str, str] | None = None,
    ours: float = 0.002,
    theirs: float | None = 0.003,
    heaps: tuple[str, ...] = ("default",),
) -> Result:
    """A result as a run would make it."""
    names = ["dlengine", *(["torch"] if theirs else [])]
    pools = [{"user_api": "blas", "internal_api": "x"}]
    facts = {"version": "1 <b>", "precision": precision or {"dtype": "float32"}, "pools": pools}
    result = Result(
        {"backend": "numba", "against": "torch", "threads": 2},
        {"processor": "a & b"},
        {name: dict(facts) for name in names},
        date="2026-01-02T03:04:05+00:00",
    )
    for name, kind in (("tiny-ops", "op"), ("vae", "step"), ("import", "import")):
        for heap in heaps if kind != "import" else heaps[:1]:
            row = Row(name, kind, {"H": 4}, dtypes=["float32"], note="numpy 1 s", heap=heap, unit=("pairs", 1000))
            row.timings["dlengine"] = Timing.of([ours, 1.1 * ours], first=1.0, peak_mib=3.0)
            if theirs:
                row.timings["torch"] = Timing.of([theirs, 2 * theirs], first=1.0, peak_mib=2.0)
            row.pair(*names)
            result.rows.append(row)
    result.rows.append(Row("embedding", "op", {}, error="out of memory"))
    return result
