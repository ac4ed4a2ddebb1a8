"""Kernels under the layers of threads that Numba has, which a user may choose and which other systems use."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numba")

PROGRAM = """
    import threading
    import numpy as np
    import dlengine as dl

    dl.set_backend("numba")
    mask = dl.asarray(np.eye(8, dtype=np.float32))
    for _ in range(600):  # of a kernel without threads, before any has been started
        assert len(dl.nonzero(mask)[0]) == 8

    x = dl.asarray(np.linspace(0, 1, 200_000, dtype=np.float32))
    wanted = [dl.exp(x).numpy(), (x * x).numpy()]
    wrong = []

    def call():
        for _ in range(150):  # at first the usual way, then the short one
            found = [dl.exp(x).numpy(), (x * x).numpy()]
            if not all(map(np.array_equal, found, wanted)):
                wrong.append(found)

    call()
    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
"""


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_small_and_large_calls(layer: str) -> None:
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)
    if layer == "omp" and "No threading layer could be loaded" in done.stderr:
        pytest.skip("this Numba has no OpenMP")
    assert done.returncode == 0, done.stderr
