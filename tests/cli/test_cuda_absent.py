"""Why CUDA cannot be used here: every command says it in one line, with the mend, and exits 2."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from cuda.test_probe import fake_cupy, raising

from dlengine import environment
from dlengine.cli.main import main
from dlengine.cli.warmup import warmup  # noqa: F401 - imported before a fake stands in for cupy

CAUSES = {
    "no cupy": (None, "CuPy cannot be imported", "pip install 'cupy-cuda13x[ctk]'"),
    "no driver": (fake_cupy(usable=False, driver=0), "there is no NVIDIA driver", "install one (nvidia.com/drivers)"),
    "driver too old": (fake_cupy(usable=False, driver=12080), "the NVIDIA driver is too old", "update the driver"),
    "no device": (fake_cupy(usable=False), "there is no visible NVIDIA device", "CUDA_VISIBLE_DEVICES"),
    "no libraries": (
        fake_cupy(nvrtc=raising(RuntimeError("libnvrtc.so.13 not found"))),
        "the CUDA libraries are missing",
        "pip install 'cupy-cuda13x[ctk]'",
    ),
}
COMMANDS = {
    "bench": ["bench", "--backend", "cuda", "--filter", "tiny-ops"],
    "parity": ["parity", "--backend", "cuda", "--op", "add"],
    "train": ["train", "digits-cnn", "--backend", "cuda"],
    "warmup": ["warmup", "--backend", "cuda"],
}


@pytest.fixture(params=CAUSES)
def cause(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str, str]:
    found = CAUSES[request.param]
    monkeypatch.setitem(sys.modules, "cupy", found[0])
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_one_line_and_exit_2(command: str, cause: tuple[Any, str, str], capfd: pytest.CaptureFixture[str]) -> None:
    _, words, mend = cause
    with pytest.raises(SystemExit) as ended:
        main(COMMANDS[command])
    told = capfd.readouterr()
    assert ended.value.code == 2
    (line,) = told.err.strip().splitlines()
    assert line.startswith("dlengine: backend cuda: ")
    assert words in line
    assert mend in line
    assert "Traceback" not in told.out + told.err


def test_info_tells_and_goes_on(
    cause: tuple[Any, str, str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_blas", lambda: ({}, []))
    with pytest.raises(SystemExit) as ended:
        main(["info"])
    told = " ".join(capfd.readouterr().out.split())
    assert ended.value.code == 0
    assert f"absent: {cause[1]}" in told
    assert "cuda-emulate" in told
