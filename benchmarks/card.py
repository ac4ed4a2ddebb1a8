"""A short time on a card, well used: stages with time limits, in processes of their own, that write what they find as they go.

    python -m dlengine.benchmarks.card OUT              # the first part, 9 minutes at most
    python -m dlengine.benchmarks.card OUT --part 2     # what may come after a mend, 4 minutes
    python -m dlengine.benchmarks.card OUT --rehearse   # the same on a machine without a card, small
    dlengine warmup --arch 90 --to FOLDER               # before, at home: kernels that --cubins FOLDER loads on the card

A stage that fails, hangs or loses the card ends by itself or at its limit; the next one begins in new processes. OUT/stages.jsonl
has a line for each: seconds, exit status, whether it was stopped. What a stage prints is in OUT/NAME.txt.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

BENCH = (
    "conv-c64*", "conv-r56*", "conv-stem*", "lstm-medium*", "lstm-large*", "gru*", "batchnorm*", "layernorm*", "softmax*",
    "embedding*", "mlp*", "cnn*", "resnet20*", "char-lstm*", "gpt*", "tiny-ops",
)  # fmt: skip
CHOICES = {
    "matmul,linear": (
        "large", "small", "large_split", "small_split", "tensor_large", "tensor_small", "tensor_large_split",
        "tensor_small_split", "library",
    ),
    "conv*": (
        "128x128", "64x128", "64x64", "16x128", "few 64x128", "few 16x128", "winograd", "product", "tensor 128", "tensor 64",
    ),
}  # fmt: skip
"""By rows of the op table the names of the kernels among which one is chosen: each is tried wherever it may answer."""

REHEARSED = {"matmul": ("large",), "conv2d": ("winograd", "product")}
"""The same where there is no card."""

TABLE_TESTS = ("gradients", "layouts", "overwrite")
"""Tests of the whole op table, for what no kernel of ours computes."""

KERNEL_TESTS = (
    "conv", "gemm", "mma", "recurrent", "recurrent_tensor", "norm", "pool", "softmax", "embedding", "optim", "updates", "random",
    "activation", "attention", "unfold", "sums",
)  # fmt: skip
"""Tests that launch every variant of every kernel, on a card where there is one. Of the checkout, in whose root this runs."""

NO_CARD_NEEDED = "not checked and not compile"
"""Of those tests: what stays on the emulator, or asks the compiler alone, was run at home."""

JOBS = 12
SLOWER = 10
"""How much longer everything may take in a rehearsal."""


@dataclass(frozen=True)
class Stage:
    """One stage: commands after one another, and the seconds that all of them may take. needed: by all later ones."""

    name: str
    seconds: float
    commands: tuple[tuple[str, ...], ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    needed: bool = False


def stages(out: Path, part: int, rehearse: bool) -> list[Stage]:
    """The stages of a part, in order.

    Parameters
    ----------
    out : Path
        The folder of the results.
    part : int
        1 or 2.
    rehearse : bool
        Whether there is no card: the emulator, a few ops.

    Returns
    -------
    list of Stage
        The stages.
    """
    python, jobs = sys.executable, "2" if rehearse else str(JOBS)
    checks = (python, "-m", "dlengine.benchmarks.card_checks")
    on = ("--backend", "cuda", "--emulate") if rehearse else ("--backend", "cuda")
    parity = (python, "-m", "dlengine.cli", "parity", *on, "--jobs", jobs, "--limit", "200" if rehearse else "40")
    pytest = (python, "-m", "pytest", "-q", "-n", jobs, "-W", "default", "-p", "dlengine.benchmarks.card_tests", "-k")
    device = "cuda-emulate" if rehearse else "cuda"
    # What many processes measure beside each other is no time, and would be remembered by those that are timed later.
    strict = {"CUDA_LAUNCH_BLOCKING": "1", "DLENGINE_CUDA_CHOICE": "heuristic"}
    usual = {"CUPY_ACCELERATORS": "cub"}
    ops = ("--op", "relu,gelu") if rehearse else ()
    choices = (*checks, "choices", device, str(out / "choices.jsonl"), jobs, *(REHEARSED if rehearse else CHOICES))
    bench = (python, "-m", "dlengine.cli", "bench", "--repeat", "1" if rehearse else "2")
    rows = [a for name in (("softmax-xent",) if rehearse else BENCH) for a in ("--filter", name)]
    against = ("--backend", "numpy", "--heap", "default") if rehearse else ("--backend", "cuda", "--against", "torch")
    capture = (*checks, "capture", device, str(out / "capture.jsonl"))
    tests = _files("cuda", KERNEL_TESTS)
    table = (*_files("table", TABLE_TESTS), "--backend", "cuda")
    tool = shutil.which("compute-sanitizer")
    sanitizer = [Stage("sanitizer", 50, ((tool, "--tool", "memcheck", *checks, "launches", device),), strict)] if tool else []
    if part == 2:
        failed = (*checks, "failed", str(out / "parity.jsonl"))
        found = [
            Stage("failed", 60, ((*failed, *parity, "--jsonl", str(out / "again.jsonl")),), strict),
            *(
                Stage(f"bench-{precision}", 80, ((*bench, *against, *rows, *(() if rehearse else ("--precision", precision)),
                      "--json", str(out / f"bench-{precision}.json")),), usual)
                for precision in ("high", "medium")
            ),
        ]  # fmt: skip
        return _at_ease(found) if rehearse else found
    some = f"relu and {NO_CARD_NEEDED}" if rehearse else NO_CARD_NEEDED
    found = [
        Stage("ready", 30, ((*checks, "ready", device),), needed=True),
        Stage("environment", 20, ((*checks, "environment"), (python, "-m", "dlengine.cli", "info"))),
        Stage("modules", 50, ((*checks, "modules", device, str(out / "modules.jsonl"), jobs),)),
        *([Stage("kernels", 70, ((*pytest, some, *tests),), strict)] if tests else []),
        Stage("parity", 110, ((*parity, *ops, "--jsonl", str(out / "parity.jsonl")),), strict),
        *([Stage("table", 40, ((*pytest, some, *table),), strict)] if tests else []),
        Stage("capture", 40, (capture, capture)),  # the second process finds what the first one measured
        Stage("choices", 60, (choices,), strict),
        Stage("bench", 100, ((*bench, *against, *rows, "--json", str(out / "bench.json")),), usual),
        *sanitizer,
    ]
    return _at_ease(found) if rehearse else found


def _files(folder: str, names: Sequence[str]) -> list[str]:
    """Files of tests, where this is the root of the checkout."""
    return [str(file) for name in names if (file := Path("tests", folder, f"test_{name}.py")).exists()]


def _at_ease(found: Sequence[Stage]) -> list[Stage]:
    """The stages with the time that an emulator takes on a machine that does other work, too."""
    return [replace(stage, seconds=max(400, SLOWER * stage.seconds)) for stage in found]


def run(stage: Stage, out: Path, left: float, cubins: Path | None = None) -> dict[str, object]:
    """Run the commands of a stage within its time, or what is left; all their processes end with it.

    Parameters
    ----------
    stage : Stage
        The stage.
    out : Path
        The folder for what it prints.
    left : float
        Seconds left for everything.
    cubins : Path or None
        The folder of kernels compiled ahead.

    Returns
    -------
    dict
        Its line of stages.jsonl.
    """
    begun, limit = time.monotonic(), min(stage.seconds, left)
    statuses: list[int | None] = []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CUPY_ACCELERATORS": "", **stage.environment}
    if cubins is not None:
        environment["DLENGINE_CUBINS"] = str(cubins.absolute())
    with (out / f"{stage.name}.txt").open("w") as printed:
        for command in stage.commands:
            seconds = limit - (time.monotonic() - begun)
            statuses.append(_within(command, seconds, environment, printed) if seconds > 0 else None)
    return {
        "stage": stage.name, "seconds": round(time.monotonic() - begun, 1), "limit": round(limit, 1), "status": statuses,
        "stopped": None in statuses,
    }  # fmt: skip


def _within(command: Sequence[str], seconds: float, environment: Mapping[str, str], printed: Any) -> int | None:
    """The exit status of a command, or None if its time was up; the processes that it started end in any case."""
    process = subprocess.Popen(
        command, stdout=printed, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        return int(process.wait(seconds))
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # all have ended
            pass
        process.wait()


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--part", type=click.IntRange(1, 2), default=1, show_default=True)
@click.option("--seconds", type=float, help="For all stages together; 540 for part 1, 240 for part 2.")
@click.option("--only", multiple=True, help="Only the stages whose name begins so; may repeat.")
@click.option(
    "--cubins", type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Kernels compiled ahead, by dlengine warmup --arch 90 --to FOLDER: what is in it need not be compiled on the card.",
)  # fmt: skip
@click.option("--rehearse", is_flag=True, help="Without a card: the emulator, a few ops.")
def main(
    out: Path, part: int, seconds: float | None, only: tuple[str, ...], cubins: Path | None, rehearse: bool
) -> None:
    """Run the stages of a part and write what they find to OUT."""
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + (seconds or (540 if part == 1 else 240) * (2 * SLOWER if rehearse else 1))
    for stage in stages(out, part, rehearse):
        if only and not stage.name.startswith(only):
            continue
        left = end - time.monotonic()
        line = run(stage, out, left, cubins) if left > 5 else {"stage": stage.name, "skipped": "no time left"}
        with (out / "stages.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        click.echo(json.dumps(line))
        if stage.needed and line.get("status") != [0]:
            said = (out / f"{stage.name}.txt").read_text()
            raise click.ClickException(f"{stage.name}: without that no other stage would find anything:\n{said}")


if __name__ == "__main__":
    main()
