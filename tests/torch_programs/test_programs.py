"""Programs written for PyTorch run unchanged, with PyTorch's losses.

losses.json holds what PyTorch itself printed: ``python tests/torch_programs/test_programs.py`` writes it anew where torch is
installed. The programs take their weights and noise from NumPy, so that both libraries start from the same numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
STORED: dict[str, list[float]] = json.loads((HERE / "losses.json").read_text())
PROGRAMS = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("test_"))
EMULATED = ("lenet", "mlp", "char_lstm")
TOGETHER = "import sys; from dlengine.torch.runner import run\nfor p in sys.argv[1:]: print('#', p); run(p)"
"""Several programs in one process, which then compiles kernels once."""


def numbers(text: str) -> list[float]:
    """The losses at the end of what a program printed."""
    found: list[float] = []
    for line in reversed(text.strip().splitlines()):
        try:
            found.insert(0, float(line))
        except ValueError:
            break
    return found


@cache
def losses(backend: str, names: tuple[str, ...]) -> dict[str, list[float]]:
    """What programs print on a backend."""
    paths = [str(HERE / f"{name}.py") for name in names]
    done = subprocess.run([sys.executable, "-c", TOGETHER, *paths], capture_output=True, text=True, cwd=HERE,
                          env={**os.environ, "DLENGINE_BACKEND": backend, "PYTHONWARNINGS": "ignore"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    parts = done.stdout.split("# ")[1:]
    return {Path(part.splitlines()[0]).stem: numbers(part) for part in parts}


def assert_same(found: list[float], name: str) -> None:
    expected = STORED[name]
    assert len(found) == len(expected) >= 20
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", ["numpy", "numba"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_losses(name: str, place: str) -> None:
    assert_same(losses(place, tuple(PROGRAMS))[name], name)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", EMULATED)
def test_losses_on_emulated_cuda(name: str) -> None:
    assert_same(losses("cuda-emulate", EMULATED)[name], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_stored_losses_are_pytorchs(name: str) -> None:
    """The stored losses are what the program prints where PyTorch is installed."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert_same(by_pytorch(name), name)


def by_pytorch(name: str) -> list[float]:
    """What PyTorch itself prints."""
    done = subprocess.run([sys.executable, "-W", "ignore", str(HERE / f"{name}.py")], capture_output=True, text=True, check=True)
    return numbers(done.stdout)


def test_each_program_has_its_losses() -> None:
    assert sorted(STORED) == PROGRAMS
    assert len(PROGRAMS) >= 15


def test_command(tmp_path: Path) -> None:
    """dlengine run-torch hands on arguments and exit status, and shows the program's own traceback."""
    script = tmp_path / "program.py"
    script.write_text("import sys, torch\nprint(torch.tensor(sys.argv[1:] == ['--lr', '1']).item())\nsys.exit(3)\n")
    command = [sys.executable, "-m", "dlengine.cli", "run-torch", "--backend", "numpy", str(script), "--lr", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("True\n", 3)
    script.write_text("import torch\ntorch.concatt\n")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "torch.concatt is not there; nearest: concat" in done.stderr


def test_the_real_torch_is_refused() -> None:
    code = "import sys; sys.modules['torch'] = type(sys)('torch')\nfrom dlengine.torch import runner; runner.install()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the real torch is imported already" in done.stderr


if __name__ == "__main__":
    rows = [f" {json.dumps(name)}: {json.dumps(by_pytorch(name))}" for name in PROGRAMS]
    (HERE / "losses.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
