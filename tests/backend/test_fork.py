"""A process that has run kernels forks: its children compute, on every backend and bit for bit as it does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

STEP = """
    import multiprocessing, os, sys, threading, warnings
    import numpy as np
    import dlengine as dl
    from dlengine import nn

    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on warns of any fork of a process with threads
    dl.set_backend({backend}, emulate={emulate})

    def step(seed):
        dl.manual_seed(seed)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))
        x = dl.asarray(np.random.default_rng(seed).standard_normal((6, 3, 8, 8)).astype("float32"))
        loss = dl.sum(dl.softmax(model(x), axis=1) ** 2)
        loss.backward()
        return float(loss), [p.grad.numpy().tobytes() for p in model.parameters()]
"""

PROGRAMS = {
    "a pool": """
        expected = [step(n) for n in range(4)]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(step, range(4)) == expected
            assert pool.map(step, range(4)) == expected
        assert step(3) == expected[3]
    """,
    "a grandchild": """
        expected = step(1)
        for generation in range(3):
            if child := os.fork():
                assert os.waitpid(child, 0)[1] == 0
                assert step(1) == expected
                sys.stdout.write("fine\\n" if generation == 0 else "")
                sys.stdout.flush()
                os._exit(0)
            assert step(1) == expected
        os._exit(0)
    """,
    "while other threads compute": """
        expected = step(1)
        stop = threading.Event()

        def compute():
            while not stop.is_set():
                step(2)

        threads = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads:
            thread.start()
        context = multiprocessing.get_context("fork")
        for _ in range(5):
            with context.Pool(1) as pool:
                assert pool.apply(step, (1,)) == expected
        stop.set()
        for thread in threads:
            thread.join()
    """,
    "while another thread puts weights in order, and one loads a kernel": """
        import time
        from dlengine.kernels.jit.machine import compile, kept

        expected = step(1)
        for lock in (kept.KEPT.lock, compile._form_lock):
            taken = threading.Event()

            def hold():
                with lock:
                    taken.set()
                    time.sleep(0.3)

            thread = threading.Thread(target=hold)
            thread.start()
            taken.wait()
            if not (child := os.fork()):
                compile.jit(parallel=False)(lambda x: x)(1)
                os._exit(step(1) != expected)
            assert os.waitpid(child, 0)[1] == 0
            thread.join()
    """,
    "while another thread imports a kernel": """
        import signal, time

        begun = threading.Event()

        class Slow:
            def find_spec(self, name, path=None, target=None):
                if name == "dlengine.kernels.jit.softmax":
                    begun.set()
                    time.sleep(0.5)

        x = dl.asarray(np.eye(4, dtype=np.float32))
        sys.meta_path.insert(0, Slow())
        thread = threading.Thread(target=lambda: dl.softmax(x, axis=1))
        thread.start()
        assert begun.wait(60)
        if not (child := os.fork()):
            signal.alarm(60)
            dl.softmax(x, axis=1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
    """,
    "kernels that the parent did not use": """
        x = np.random.default_rng(0).standard_normal((400, 300)).astype("float32")
        dl.relu(dl.asarray(x))
        with multiprocessing.get_context("fork").Pool(1) as pool:
            loss, gradients = pool.apply(step, (1,))
        assert (loss, gradients) == step(1)
    """,
    "a training with a loader": """
        from dlengine.data import ArrayDataset, DataLoader

        def train(workers):
            dl.manual_seed(0)
            x = np.random.default_rng(0).standard_normal((64, 5)).astype("float32")
            loader = DataLoader(ArrayDataset(x, x[:, :1] > 0), 16, shuffle=True, num_workers=workers)
            model = nn.Linear(5, 1)
            optimizer = dl.optim.Adam(model.parameters(), 0.1)
            for x, y in loader:
                optimizer.zero_grad()
                loss = dl.mean((model(x) - dl.astype(y, dl.float32)) ** 2)
                loss.backward()
                optimizer.step()
            return float(loss)

        expected = train(0)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(train, [0, 2]) == [expected, expected]
    """,
}


def run(program: str, backend: str = "numba", emulate: bool = False, **environment: str) -> str:
    text = textwrap.dedent(STEP).format(backend=repr(backend), emulate=emulate) + textwrap.dedent(program) + "\nprint('fine')\n"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=250, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_children_compute(program: str) -> None:
    pytest.importorskip("numba")
    assert run(PROGRAMS[program]) == "fine\n"


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_with_every_layer_and_more_threads_than_cores(layer: str) -> None:
    pytest.importorskip("numba")
    assert run(PROGRAMS["a pool"], NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="5") == "fine\n"


def test_without_compiled_kernels() -> None:
    assert run(PROGRAMS["a pool"], "numpy") == "fine\n"


@pytest.mark.slow
def test_on_the_emulator() -> None:
    from dlengine.kernels.cuda import emulator

    if reason := emulator.available():
        pytest.skip(reason)
    assert run(PROGRAMS["a pool"], "cuda", emulate=True) == "fine\n"
