"""The rate of a workload on a device, and its share of the measured ceilings."""

from __future__ import annotations

from .results import Result, Row

KINDS = {"tf32": "high", "bfloat16": "bfloat16"}
"""The name of the ceiling by the precision of a row; other rows have the precision of the run."""


def ceiling_of(result: Result, row: Row) -> float | None:
    """The operations per second of a large product in the row's precision."""
    return result.ceilings.get(KINDS.get(row.precision, str(result.settings.get("precision", "highest"))))


def memory_bound(row: Row, ridge: float = 10.0) -> bool:
    """Whether memory is the limit: fewer operations per byte than at the ridge of the roofline."""
    return row.bytes is not None and row.flops is not None and row.flops < ridge * row.bytes


def achieved(row: Row, name: str) -> str:
    """The rate as text: TFLOP/s, or GB/s if memory is the limit."""
    timing = row.timings.get(name)
    if timing is None or row.flops is None:
        return "-"
    if memory_bound(row) and row.bytes is not None:
        return f"{row.bytes / timing.median / 1e9:.3g} GB/s"
    return f"{row.flops / timing.median / 1e12:.3g} TFLOP/s"


def share_of_ceiling(result: Result, row: Row, name: str) -> float | None:
    """The least time that the ceilings allow over the measured time; above 1 if the data stay in the caches."""
    timing, product, copy = row.timings.get(name), ceiling_of(result, row), result.ceilings.get("copy")
    if timing is None or row.flops is None or product is None or copy is None:
        return None
    return max(row.flops / product, (row.bytes or 0.0) / copy) / timing.median
