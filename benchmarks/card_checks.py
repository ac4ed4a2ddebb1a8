"""What the stages of card.py run that is no command of its own: python -m dlengine.benchmarks.card_checks NAME ..."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.kernels.cuda.machine import choice, compile_check, launch
from dlengine.testing import check, rows
from dlengine.testing.jobs import Died, in_processes
from dlengine.testing.oracle import Oracle
from dlengine.testing.parity import dtypes_of

from . import card

STEPS = {"cuda": 20}
"""Steps that are compared, by backend; elsewhere 6."""


NEEDED = ("numpy", "scipy", "array_api_compat", "click", "rich")
"""What all stages import."""
WANTED = ("numba", "ml_dtypes", "pytest", "xdist", "array_api_strict", "torch")
"""What some stages import."""


def ready(device: str) -> None:
    """Say what is missing, and exit with it if no stage could do without."""
    missing, less = ([name for name in names if find_spec(name) is None] for names in (NEEDED, WANTED))
    if less:
        print(f"some stages need {', '.join(less)}: carry wheels along")
    reasons = [f"{name} is missing: carry its wheel along" for name in missing]
    reasons += [reason for reason in (dl.backend.BACKENDS[device].unavailable(),) if reason is not None]
    if device == "cuda" and not reasons and float(dl.sum(dl.ones((3,), device="cuda"))) != 3:
        reasons.append("the sum of three ones on the card is not 3")
    if reasons:
        sys.exit("\n".join(reasons))
    print("ready")


def environment() -> None:
    """Print the versions of all that takes part."""
    print("python", platform.python_version())
    for name in ("numpy", "numba", "cupy", "torch", "array_api_compat", "ml_dtypes"):
        try:
            print(name, getattr(import_module(name), "__version__", "?"))
        except Exception as error:  # an image may have it broken, and that is worth a line
            print(name, f"{type(error).__name__}: {error}")
    for command in (["nvidia-smi"], ["g++", "--version"]):
        try:
            print(subprocess.run(command, capture_output=True, text=True, timeout=10).stdout)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(command[0], error)
    if "cupy" in sys.modules and dl.backend.BACKENDS["cuda"].unavailable() is None:
        sys.modules["cupy"].show_config()


def _modules(tasks: list[tuple[int, str]], device: str) -> Iterator[dict[str, Any]]:
    """Load kernels, carried, compiled now or found on disk; what the driver says of each."""
    kernels = compile_check.declared_kernels()
    for number, dtype in tasks:
        kernel, begun = kernels[number], time.perf_counter()
        found: dict[str, Any] = {"kernel": kernel.name, "dtype": dtype}
        if device == "cuda":
            found["here"] = launch.compile_now(kernel, dtype)
            function = launch._compiled(kernel, dtype)
            found["carried"] = getattr(function, "file_path", None) is not None
            found |= {name: getattr(function, name) for name in ("num_regs", "shared_size_bytes", "local_size_bytes")}
        else:
            found["bytes"] = len(kernel.source(dtype))
        yield found | {"seconds": round(time.perf_counter() - begun, 2)}


def modules(device: str, file: str, jobs: str) -> None:
    """Load every kernel in every dtype, in several processes, and write what the driver says of it."""
    kernels = compile_check.declared_kernels()
    files: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, kernel in enumerate(kernels):
        for dtype in kernel.dtypes:
            files.setdefault((kernel.file, dtype), []).append((number, dtype))
    with Path(file).open("w", buffering=1) as out:
        for (number, dtype), found in in_processes(list(files.values()), partial(_modules, device=device), int(jobs), limit=40):
            died = {"kernel": kernels[number].name, "dtype": dtype, "died": found.reason} if isinstance(found, Died) else found
            out.write(json.dumps(died) + "\n")


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(128, 10),
    )  # fmt: skip


def _gelu() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 10))


MODELS: dict[str, Callable[[], nn.Module]] = {"mlp": _mlp, "cnn": _cnn, "gelu": _gelu}


def _trained(make: Callable[[], nn.Module], captured: bool, steps: int = 6) -> tuple[list[float], float]:
    """Losses of some steps, and seconds of one of the last."""
    dl.manual_seed(0)
    model = make()
    opt = optim.Adam(model.parameters(), lr=1e-2)
    rng = np.random.default_rng(0)
    x, y = dl.asarray(rng.standard_normal((32, 64)).astype("float32")), dl.asarray(rng.integers(0, 10, 32))
    loss_of = nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        opt.step()
        return loss

    call = training.capture(step) if captured else step
    losses, begun = [], 0.0
    for i in range(steps):
        if i == steps // 2:
            begun = time.perf_counter()
        losses.append(float(call(x, y)))
    return losses, (time.perf_counter() - begun) / (steps - steps // 2)


def capture(device: str, file: str) -> None:
    """Compare captured steps with others, loss by loss, and write the differences and times."""
    with Path(file).open("a", buffering=1) as out, dl.use_backend(device):
        for name, make in MODELS.items():
            try:
                steps = STEPS.get(device, 6)
                (plain, slow), (replayed, fast) = _trained(make, False, steps), _trained(make, True, steps)
                off = float(np.max(np.abs(np.subtract(plain, replayed))))
                line: dict[str, Any] = {"model": name, "off": off, "eager": slow, "captured": fast, "last": plain[-1]}
            except Exception as error:  # the other models are worth trying
                line = {"model": name, "error": f"{type(error).__name__}: {error}"}
            out.write(json.dumps(line) + "\n")


def _chosen(tasks: list[tuple[str, str, str]], device: str) -> Iterator[dict[str, Any]]:
    """Check one op in one dtype with each of the kernels that may answer, which are asked for by their names."""
    op, dtype, _ = tasks[0]
    (row,) = rows(op)
    oracle = Oracle(row, dtype)
    for *_, name in tasks:
        os.environ["DLENGINE_CUDA_CHOICE"] = name
        cell = check(row, device, dtype, oracle=oracle)
        yield {"op": op, "dtype": dtype, "choice": name, "verdict": cell.verdict, "message": cell.message}
        if choice.FATAL.search(cell.message):
            raise RuntimeError(f"the card is lost: {cell.message}")


def choices(device: str, file: str, jobs: str, *patterns: str) -> None:
    """Check products and convolutions with every kernel among which one is chosen, in several processes."""
    groups = [
        [(row.name, dtype, name) for name in (card.CHOICES | card.REHEARSED)[pattern]]
        for pattern in patterns for row in rows(pattern) for dtype in dtypes_of(row, device)
    ]  # fmt: skip
    bad = 0
    with Path(file).open("w", buffering=1) as out:
        for (op, dtype, name), found in in_processes(groups, partial(_chosen, device=device), int(jobs), limit=40):
            if isinstance(found, Died):
                found = {"op": op, "dtype": dtype, "choice": name, "verdict": "fail", "message": found.reason}
            bad += found["verdict"] != "pass"
            out.write(json.dumps(found) + "\n")
    print(f"{bad} failed")
    sys.exit(bad > 0)


def launches(device: str) -> None:
    """Run steps that launch most kernels once, for a tool that watches memory."""
    with dl.use_backend(device):
        for make in MODELS.values():
            _trained(make, False)
        q = dl.ones((1, 2, 70, 16)).requires_grad_()
        dl.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True).sum().backward()


def failed(file: str, *command: str) -> None:
    """Run a parity command again, for the ops that failed in an earlier run."""
    lines = [json.loads(line) for line in Path(file).read_text().splitlines()] if Path(file).exists() else []
    ops = sorted({line["op"] for line in lines if "op" in line and line.get("verdict") != "pass"})  # the first says the machine
    print("failed before:", ", ".join(ops) or "nothing")
    if ops:
        sys.exit(subprocess.call([*command, "--op", ",".join(ops), "--verbose"]))


CHECKS: dict[str, Callable[..., None]] = {
    "ready": ready, "environment": environment, "modules": modules, "capture": capture, "choices": choices,
    "launches": launches, "failed": failed,
}  # fmt: skip

if __name__ == "__main__":
    CHECKS[sys.argv[1]](*sys.argv[2:])
