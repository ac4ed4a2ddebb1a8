"""What `import dlengine` loads, and that numpy alone is enough."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

LAZY = (
    "numba", "cupy", "scipy", "matplotlib", "array_api_compat.numpy", "rich", "click", "safetensors", "torch", "mpi4py",
    "dlengine.distributed",
)  # fmt: skip
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]


def python(code: str) -> str:
    """Run code in a fresh interpreter, warnings as errors, and return what it printed."""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_import_loads_no_optional_library() -> None:
    loaded = python("import sys, dlengine; print(*sys.modules)").split()
    assert not sorted(set(LAZY) & set(loaded))


def test_engine_packages_load_no_optional_library() -> None:
    """Layers, optimizers and data sets may be imported before anyone decides what to run them on."""
    names = [f"dlengine.{part}" for part in ("nn", "optim", "data", "io", "training", "models")]
    loaded = python(f"import sys, {', '.join(names)}; print(*sys.modules)").split()
    assert not sorted(set(LAZY) & set(loaded))


def test_engine_works_without_numba() -> None:
    packages = [name for name in PACKAGES if not name.startswith("dlengine.kernels.jit")]
    code = f"""
import importlib, sys
sys.modules["numba"] = None
for name in {packages!r}:
    importlib.import_module(name)
import dlengine as dl
from dlengine import nn
x = dl.asarray([[1.0, -2.0, 3.0]])
y = dl.sum(nn.Linear(3, 2)(x))
y.backward()
print(dl.get_backend(), y.shape)
"""
    assert python(code).strip() == "numpy ()"


def test_asking_for_an_absent_backend_says_what_installs_it() -> None:
    code = """
import sys
sys.modules["numba"] = None
import dlengine as dl
from dlengine.errors import BackendUnavailable
try:
    dl.set_backend("numba")
except BackendUnavailable as error:
    print(error)
"""
    assert "pip install numba" in python(code)
