"""No kernel dies, lies or answers otherwise than the reference, whatever it is given; see kernel_abuse.py.

Every kernel that is declared (dlengine.kernels.registry), every array argument in turn, the others as they should be, called
through the namespaces of numpy, numba and the emulated GPU in processes of their own. All three must do the same:

| what an argument is                                    | what comes of it                                                  |
| ------------------------------------------------------ | ----------------------------------------------------------------- |
| another floating dtype                                 | all take the widest, as the array API says                        |
| a cotangent or a gradient of another floating dtype    | cast to the dtype of the call                                     |
| integers or booleans where floats stand beside         | they take the floats' dtype                                       |
| integers or booleans alone                             | the default dtype; sums, products, copies, maxima stay integers   |
| floats or booleans where integers are meant            | DTypeError                                                        |
| integers of any width and sign, as ids, labels, places | taken as int64; out of range: IndexError, uint64 beyond int64 too |
| complex where real numbers are expected                | the reference's formula, or its error                             |
| texts, objects, dates, records                         | DTypeError                                                        |
| written in place and of another dtype                  | DTypeError                                                        |
| written in place and read-only                         | ValueError                                                        |
| another byte order                                     | as the native one                                                 |
| transposed or reversed in memory, strided, misaligned, read-only, broadcast | as a dense array                             |
| of a wrong rank, length or size                        | ShapeError, or where shapes are free the reference's result       |
| without elements                                       | the reference's result, or ShapeError                             |
| a list, a number, a masked array, a tensor             | DTypeError or DeviceError; None is an error where it has no meaning |
| residuals of another call, dtype or set                | ShapeError, DTypeError, ConfigError                               |

Differences of results count beyond 0.2 % (2 bytes: 3 %); integers must agree. Memory is watched by bands around the arguments
and, where the C library has it, by its checking allocator.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import kernel_abuse
import numpy as np
import pytest

from dlengine.kernels.registry import declarations

PROGRAM = Path(kernel_abuse.__file__)
CHECKING = "/lib/x86_64-linux-gnu/libc_malloc_debug.so.0"


def environment() -> dict[str, str]:
    """Of the children: with the allocator that aborts when a block's borders were overwritten, where there is one."""
    checks = {"LD_PRELOAD": CHECKING, "GLIBC_TUNABLES": "glibc.malloc.check=3"} if os.path.exists(CHECKING) else {}
    return {**os.environ, **checks, "MALLOC_PERTURB_": "165"}


def abused(folder: Path, parts: int, dies: int, *options: str, first: int = 0) -> list[str]:
    """The calls that ended a process, and those with a difference or a wrong kind of error."""
    found: list[str] = []
    running: dict[int, subprocess.Popen[bytes]] = {}
    for part in range(parts):
        log = folder / f"{part}.log"
        running[part] = _start(log, part, parts, first, dies, *options)
    try:
        while running:
            part, child = next(iter(running.items()))
            log = folder / f"{part}.log"
            _, told = child.communicate()
            del running[part]
            lines = log.read_text().splitlines() if log.exists() else []
            if lines[-1:] == ["end"]:
                found += [line for line in lines if not line.startswith(("call", "end"))]
            elif lines and len(found) < 50:
                found.append(f"died with {child.returncode}: {lines[-1]}")
                running[part] = _start(log, part, parts, int(lines[-1].split()[1]) + 1, dies, *options)
            else:
                found.append(f"did not run: {told.decode()[-500:]}")
    finally:
        for child in running.values():
            child.kill()
            child.communicate()
    return found


def _start(log: Path, part: int, parts: int, skip: int, dies: int, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), str(log), *map(str, (part, parts, skip, dies)), *options]
    return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE)


@pytest.mark.timeout(900)
def test_a_part_of_all_calls(tmp_path: Path) -> None:
    assert not abused(tmp_path, 1, -1, "quick")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_calls(tmp_path: Path) -> None:
    assert not abused(tmp_path, os.cpu_count() or 2, -1)


@pytest.mark.timeout(900)
def test_a_death_is_named_and_the_rest_still_runs(tmp_path: Path) -> None:
    last = sum(1 for _ in kernel_abuse.calls(True)) - 1
    (found,) = abused(tmp_path, 1, last - 1, "quick", first=last - 2)
    assert found.startswith(f"died with -6: call {last - 1} numpy ")
    assert (tmp_path / "0.log").read_text().endswith("end\n")


def test_differences_are_seen() -> None:
    right = ("ok", [np.ones(3, np.float32)])
    assert not kernel_abuse.difference(right, ("ok", [np.full(3, 1.0001, np.float32)]))
    assert "off by" in kernel_abuse.difference(right, ("ok", [np.array([1, 1, 1.01], np.float32)]))
    assert kernel_abuse.difference(right, ("ok", [np.ones(3)]))
    assert kernel_abuse.difference(right, ("ok", [np.ones((1, 3), np.float32)]))
    assert kernel_abuse.difference(right, ("TypeError", ["DTypeError: x"]))
    assert kernel_abuse.difference(right, ("ok", [np.array([1, 1, np.nan], np.float32)]))


def test_bands_see_a_write_beside_an_argument() -> None:
    bands: list[np.ndarray] = []
    a = kernel_abuse.banded(np.zeros(4), bands)
    beyond = np.lib.stride_tricks.as_strided(a, (5,))
    beyond[4] = 1.0
    assert [bool((band != kernel_abuse.CANARY).any()) for band in bands] == [False, True]


def test_every_array_of_every_kernel_is_abused() -> None:
    called = {(name, place) for name, place, *_ in kernel_abuse.calls(False)}
    declared = {name: declared.arguments for name, declared in declarations().items() if declared.arrays}
    assert called == {(n, i) for n, arguments in declared.items() for i, a in enumerate(arguments) if a.is_array}
    assert {name for name, *_ in kernel_abuse.calls(True)} == set(declared)
