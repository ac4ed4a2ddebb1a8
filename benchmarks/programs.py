"""Whole programs written for PyTorch, unchanged, under PyTorch and under dlengine: the least CPU time of a run.

    python -m dlengine.benchmarks.programs tests/torch_programs OUT.json [--repeat 3]

Such programs make thousands of small calls, of which no table of ops or steps has many. Each measurement is a process of its
own, with one thread, and the libraries take turns. A process runs the program twice before it measures: what is compiled or
loaded once does not count. CPU time, since programs wait for nothing, and the least, since others may use the machine.
"""

from __future__ import annotations

import json
import math
import runpy
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import click

from .process import environment
from .run import machine

SECONDS = 1.0
"""The time that a measurement takes after two runs."""

LIBRARIES = ("dlengine", "torch")


def least_seconds(run: Callable[[], Any]) -> float:
    """The least CPU time of several runs, in seconds."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            run()
        found: list[float] = []
        end = time.perf_counter() + SECONDS
        while len(found) < 3 or time.perf_counter() < end:
            start = time.process_time()
            run()
            found.append(time.process_time() - start)
    return min(found)


def measured(library: str, program: Path) -> float:
    """The seconds of a program in this process, under a library."""
    if library == "dlengine":
        from dlengine.torch.runner import install

        install()
    else:
        import torch

        torch.set_num_threads(1)
    sys.argv, sys.path[0] = [str(program)], str(program.resolve().parent)
    return least_seconds(lambda: runpy.run_path(str(program), run_name="__main__"))


def in_a_process(library: str, program: Path) -> float:
    """The same in a process of its own. Raises click.ClickException where that fails."""
    command = [sys.executable, "-m", "dlengine.benchmarks.programs", "--measure", library, str(program)]
    done = subprocess.run(command, env=environment("numba", 1, "default"), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise click.ClickException(f"{program.name} under {library}: {lines[-1] if lines else 'no message'}")
    return float(done.stdout.strip().splitlines()[-1])


def row(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """The median of each library's turns, and the median ratio of the pairs."""
    pairs = zip(*(seconds[name] for name in LIBRARIES), strict=True)
    return {name: statistics.median(seconds[name]) for name in LIBRARIES} | {
        "ratio": statistics.median([theirs / ours for ours, theirs in pairs])
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("out", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--repeat", default=3, show_default=True, type=click.IntRange(1), help="Turns of each library.")
@click.option("--measure", type=click.Choice(LIBRARIES), help="Print the seconds of one program in this process.")
def main(folder: Path, out: Path | None, repeat: int, measure: str | None) -> None:
    """Time the programs in FOLDER under dlengine and PyTorch; OUT: a JSON file."""
    if measure is not None:
        click.echo(repr(measured(measure, folder)))
        return
    rows: dict[str, dict[str, Any]] = {}
    for program in sorted(p for p in folder.glob("*.py") if not p.stem.startswith("test_")):
        seconds: dict[str, list[float]] = {name: [] for name in LIBRARIES}
        for _ in range(repeat):
            for name in LIBRARIES:
                seconds[name].append(in_a_process(name, program))
        found = rows[program.stem] = row(seconds)
        click.echo(f"{program.stem:24} {found['dlengine']:8.4f} s, torch {found['torch']:8.4f} s: {found['ratio']:.2f}")
    if not rows:
        raise click.ClickException(f"{folder} has no programs")
    mean = math.exp(statistics.fmean(math.log(r["ratio"]) for r in rows.values()))
    click.echo(f"geometric mean of the ratios: {mean:.2f}")
    if out is not None:
        settings = {"threads": 1, "repeat": repeat}
        found_all = {"date": date.today().isoformat(), "machine": machine(), "settings": settings, "rows": rows, "mean": mean}
        out.write_text(json.dumps(found_all, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
