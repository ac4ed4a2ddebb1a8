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
    done = _done("\n".join(textwrap.dedent(p) for p in PROGRAMS.values()), threads)
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


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="workers can go to another core")
def test_a_worker_leaves_the_core_of_its_caller() -> None:
    """Linux may wake it there, and a virtual machine's Linux does: then two threads took twice the time of one."""
    program = """
        import os
        cores = os.sched_getaffinity(0)
        home = min(cores)
        others = [int(name) for name in os.listdir("/proc/self/task") if int(name) != os.getpid()]  # a worker among them
        def gather():
            for task in others: os.sched_setaffinity(task, {home})
        def found():
            return [os.sched_getaffinity(task) for task in others]
        def caller():
            os.sched_setaffinity(0, {home})  # of this thread alone
            gather()
            end = time.monotonic() + 20
            while time.monotonic() < end and cores - {home} not in found():
                run(10, 2, 20_000)
        thread = threading.Thread(target=caller)
        thread.start(); thread.join()
        assert cores - {home} in found(), found()

        os.sched_setaffinity(0, {home})  # no other core is left for the process: all stay, and every part runs
        gather()
        run(300, 4, pause=0.0005)
        run(20, 5, 20_000)
        assert found() == [{home}] * len(others), found()
    """
    done = _done(program, 2)
    assert done.returncode == 0, done.stderr


def _done(program: str, threads: int) -> subprocess.CompletedProcess[str]:
    """A program behind START, run by a process of its own."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), "NUMBA_THREADING_LAYER": "default"}
    text = f"{textwrap.dedent(START)}\n{textwrap.dedent(program)}\nprint(layer())"
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=100, env=environment)


FORK_IN_A_START = """
    import os, threading, time
    from dlengine.kernels.jit.machine import compile

    usual = compile.survive_fork
    def slow(*args):
        time.sleep(0.5)
        usual(*args)

    compile.survive_fork = slow
    thread = threading.Thread(target=compile.threads_asked_at)
    thread.start()
    time.sleep(0.1)
    child = os.fork()
    if child == 0:
        os._exit(0 if compile.thread_count(4) else 1)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_while_the_pool_starts() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(FORK_IN_A_START)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
