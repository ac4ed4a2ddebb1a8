"""The pool of threads: every part of every loop runs once, whoever calls, and workers without work use no processor."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numba")

START = """
    import threading, time
    import numpy as np
    from numba import prange
    from dlengine.kernels.jit.machine.compile import jit, layer

    @jit(exact=True)
    def count(counts, turns, threads):
        for t in prange(threads):
            x = 0.0
            for i in range(turns):
                x += i / (x + 1)
            counts[t] += 1 if x >= 0 else 2

    def run(loops, parts, turns=1, pause=0.0):
        counts = np.zeros(parts, np.int64)
        for _ in range(loops):
            count(counts, turns, parts)
            time.sleep(pause) if pause else None
        assert (counts == loops).all(), counts

    run(1, 1)
"""

PROGRAMS = {
    "one loop after the other": "run(20_000, 4)",
    "more parts than threads": "run(3000, 300)",
    "more parts than fit": "run(2, 70_000)",
    "workers that sleep between loops": "run(300, 4, pause=0.0005)",
    "a caller that sleeps until the last part is done": "run(20, 5, 200_000)",
    "several callers": """
        failed = []
        def caller():
            try:
                run(4000, 4)
                run(100, 3, 5000, 0.0002)
            except BaseException as error:
                failed.append(error)
        callers = [threading.Thread(target=caller) for _ in range(4)]
        for c in callers: c.start()
        for c in callers: c.join()
        assert not failed, failed
    """,
    "workers at rest": """
        run(100, 5)
        before = time.process_time()
        time.sleep(0.4)
        assert time.process_time() - before < 0.2, "a worker turns without end"
    """,
    "an end while workers look for work": "run(50, 5)",
}


@pytest.mark.parametrize("threads", [2, 5])
def test_every_part_runs_once(threads: int) -> None:
    program = "\n".join(textwrap.dedent(p) for p in PROGRAMS.values())
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), "NUMBA_THREADING_LAYER": "default"}
    text = f"{textwrap.dedent(START)}\n{program}\nprint(layer())"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=100, env=environment)
    assert done.returncode == 0, done.stderr
    if sys.platform == "linux":
        assert done.stdout == "own\n"


FIRST_CALLS = """
    import threading
    import numpy as np
    from dlengine.kernels.jit.linear import matmul

    a, b = (np.random.default_rng(i).integers(-9, 9, (300, 300)).astype(np.float32) for i in range(2))
    wanted, found, all_here = a.astype(np.float64) @ b.astype(np.float64), [], threading.Barrier(6)

    def call():
        all_here.wait()
        found.extend(matmul(a, b) for _ in range(5))

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert all((y == wanted).all() for y in found)
"""


def test_the_first_calls_of_many_threads_start_the_pool_once() -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(FIRST_CALLS)], capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
