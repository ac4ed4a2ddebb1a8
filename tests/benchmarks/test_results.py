"""What the benchmark makes of its numbers: means, limits, changes, tables, pictures, pages and files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from bench_made import made

from dlengine.benchmarks import pictures, report
from dlengine.benchmarks.compare import compare, headline
from dlengine.benchmarks.results import Result
from dlengine.benchmarks.workloads import APART, KINDS
from dlengine.errors import ConfigError, DataError


def test_the_geometric_mean_is_of_one_heap_and_leaves_some_kinds_out() -> None:
    result = made(heaps=("default", "warm"))
    for row in result.rows:
        row.ratio = row.ratio and {"tiny-ops": 2.0, "vae": 4.5, "import": 100.0}[row.name] * (0.5 if row.heap == "warm" else 1)
    assert result.geometric_means == pytest.approx({"default": 3.0, "warm": 1.5})
    assert "3.00 default heap, 1.50 warm heap" in report.summary(result)[0]
    assert made(theirs=None).geometric_means == {}
    assert set(APART) <= set(KINDS)


def test_memory_of_a_step_is_held_against_the_limit() -> None:
    result = made()
    step = result.rows[1]
    assert step.memory_ratio == 1.5
    assert step.too_much_memory
    assert not result.rows[0].too_much_memory
    assert "vae: 1.50 times the peer's memory, above the limit 1.25" in report.notes(result.rows)
    assert any("at most 1.50 times torch's (vae; limit 1.25)" in line for line in report.summary(result))


def test_rates_are_told_in_the_unit_of_the_workload() -> None:
    assert report.rates(made().rows[0]) == "pairs/s: dlengine 0.48 M, torch 0.22 M"


def test_compare_by_ratio_and_by_time() -> None:
    by_ratio = compare(made(ours=0.001), made())["tiny-ops", "default"]
    assert by_ratio.by_ratio
    assert by_ratio.gain == pytest.approx(2.0)
    by_time = compare(made(ours=0.001, theirs=None), made())["tiny-ops", "default"]
    assert not by_time.by_ratio
    assert by_time.gain == pytest.approx(2.0)
    assert ("embedding", "default") not in compare(made(), made())


def test_a_change_within_the_spread_is_told_apart() -> None:
    slower = compare(made(ours=0.0021, theirs=None), made(theirs=None))
    assert not slower["vae", "default"].significant
    assert report.gain_of(slower["vae", "default"]) == "(0.95 in time)"
    faster = compare(made(ours=0.001, theirs=None), made(theirs=None))
    assert faster["vae", "default"].significant
    assert headline(faster) == "since then: 3 faster, 0 slower, 0 within the spread of their turns"


def test_compare_keeps_the_heaps_apart() -> None:
    assert set(compare(made(heaps=("default", "warm")), made())) == {(n, "default") for n in ("tiny-ops", "vae", "import")}


def test_compare_refuses_what_is_unlike() -> None:
    with pytest.raises(ConfigError, match="different precision"):
        compare(made(), made({"dtype": "float16"}))
    other = made()
    other.rows[0].sizes = {"H": 5}
    with pytest.raises(ConfigError, match="tiny-ops is another workload now"):
        compare(made(), other)
    other = made()
    other.settings["threads"] = 1
    with pytest.raises(ConfigError, match="different thread counts: now 2, then 1"):
        compare(made(), other)


@pytest.mark.parametrize("heaps", [("default",), ("default", "warm")], ids=["one heap", "both"])
@pytest.mark.parametrize("theirs", [0.003, None], ids=["against torch", "alone"])
def test_reports(theirs: float | None, heaps: tuple[str, ...]) -> None:
    result = made(theirs=theirs, heaps=heaps)
    changes = compare(result, made(theirs=theirs, heaps=heaps))
    shown = report.table(result, changes)
    assert shown.row_count == 4
    assert pictures.ratios(result).startswith(b"\x89PNG")
    page = report.page(result, changes).html()
    assert "a &amp; b" in page
    assert "1 &lt;b&gt;" in page
    assert "embedding: failed: out of memory" in page
    assert ("geometric mean" in page) == (theirs is not None)
    assert ("warm: dlengine" in page) == (len(heaps) > 1)


def test_a_table_of_both_heaps_fits_a_terminal() -> None:
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(report.table(made(heaps=("default", "warm"))))
    assert "…" not in console.export_text()


@pytest.mark.parametrize(("seconds", "text"), [(12.3456, "12.3 s"), (0.00123, "1.23 ms"), (4.5e-5, "45 us")])
def test_durations(seconds: float, text: str) -> None:
    assert report.duration(seconds) == text


@pytest.mark.parametrize("damage", ["", "[]", '{"schema": "other"}', '{"schema": "dlengine-bench-1", "rows": [{}]}'])
def test_a_damaged_result_is_refused(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(damage)
    with pytest.raises(DataError, match="old.json"):
        Result.load(file)
