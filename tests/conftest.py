"""Settings and fixtures for every test: the backends, and the rows of the op table."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator

# Figures are files here: no test may open a window or look for a display.
os.environ.setdefault("MPLBACKEND", "Agg")
# Enough to find what goes wrong between threads, few enough for two test processes on a small machine.
os.environ.setdefault("NUMBA_NUM_THREADS", "2")
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: waiting threads must not spin
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import fake_backends
import pytest

from dlengine import backend as backends
from dlengine.testing import Case, rows

fake_backends.register()

NAMES = ("numpy", "numba", "cuda", "strict", "readonly")
"""What table tests run on: cuda is a GPU if there is one, else the emulator; strict and readonly are fakes."""


def full_name(name: str) -> str:
    """cuda is a GPU where there is one."""
    return "cuda-emulate" if name == "cuda" and backends.BACKENDS["cuda"].unavailable() else name


def runs_on(row: Case, name: str) -> bool:
    """Whether a row has anything to show on a backend: emulated, only its own kernels differ from numpy's text."""
    if full_name(name) != "cuda-emulate":
        return True
    from dlengine.kernels import cuda

    return any(kernel in cuda.EMULATED.declared for kernel in row.kernels)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--backend", action="append", choices=NAMES, help="run the table tests on this backend only (may repeat)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ops_only: without the rows of layers: it holds for them if it holds for their ops")
    config.addinivalue_line("markers", "backends(*names): the backends that this test is worth running on")
    # The core asks `dtype in FLOATS` of every array; for a foreign dtype the answer no is right, and it then looks closer.
    config.addinivalue_line("filterwarnings", "ignore:You are comparing a array_api_strict dtype")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Tests stay for the whole run: the garbage collector need not look at 27,000 of them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with `row` runs for each row of the table, with `backend` on each backend."""
    chosen = metafunc.config.getoption("backend") or NAMES
    marker = metafunc.definition.get_closest_marker("backends")
    if marker is not None:
        chosen = [name for name in marker.args if name in chosen]
    wanted = set(metafunc.fixturenames)
    left_out = "layer" if metafunc.definition.get_closest_marker("ops_only") else ""
    table = [row for row in rows() if left_out not in row.tags] if "row" in wanted else []
    if {"row", "backend"} <= wanted:
        cells = [(row, name) for row in table for name in chosen if runs_on(row, name)]
        metafunc.parametrize(("row", "backend"), cells, ids=[f"{r.name}-{n}" for r, n in cells], indirect=["backend"])
    elif "row" in wanted:
        metafunc.parametrize("row", table, ids=[row.name for row in table])
    elif "backend" in wanted:
        metafunc.parametrize("backend", chosen, indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """A backend in force; its full name."""
    name = full_name(request.param)
    reason = backends.BACKENDS[name].unavailable()
    if reason is not None:
        pytest.skip(reason)
    with backends.use_backend(name):
        yield name
