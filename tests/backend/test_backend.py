"""The switch: scoped and default, what a node remembers, what falls back, what cannot run here, what does not mix."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend as backends
from dlengine.errors import BackendUnavailable, ConfigError, DeviceError, DTypeError
from dlengine.kernels import jit, reference


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = dl.get_backend()
    yield
    dl.set_backend(before)


def test_default_and_scope() -> None:
    dl.set_backend("numpy")
    assert dl.get_backend() == "numpy"
    with dl.use_backend("numba"):
        assert dl.get_backend() == "numba"
        with dl.use_backend("numpy"):
            assert dl.get_backend() == "numpy"
        assert dl.get_backend() == "numba"
    assert dl.get_backend() == "numpy"
    dl.set_backend("auto")
    assert dl.get_backend() == "numba"


def test_a_scope_is_this_threads_alone() -> None:
    dl.set_backend("numpy")
    seen = []
    with dl.use_backend("numba"):
        thread = threading.Thread(target=lambda: seen.append(dl.get_backend()))
        thread.start()
        thread.join()
    assert seen == ["numpy"]


def test_the_environment_chooses() -> None:
    code = "import dlengine; print(dlengine.get_backend())"
    for wanted, found in (("numpy", "numpy"), ("auto", "numba"), ("", None)):
        environment = {k: v for k, v in os.environ.items() if k != "DLENGINE_BACKEND"}
        if wanted:
            environment["DLENGINE_BACKEND"] = wanted
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == (found or "numba")


def test_the_kernel_set_in_force_answers_and_is_counted() -> None:
    x = dl.ones((2, 3))
    for name, kernels in (("numpy", reference.SET), ("numba", jit.SET)):
        with dl.use_backend(name):
            before = kernels.launches["softmax"]
            dl.softmax(x, axis=-1)
            assert kernels.launches["softmax"] == before + 1


def test_a_node_remembers_the_set_of_its_forward() -> None:
    x = dl.ones((2, 3)).requires_grad_()
    with dl.use_backend("numba"):
        y = dl.softmax(x, axis=-1)
    before = jit.SET.launches["softmax_grad"]
    with dl.use_backend("numpy"):
        y.sum().backward()
    assert jit.SET.launches["softmax_grad"] == before + 1


def test_what_falls_back_is_counted() -> None:
    with dl.use_backend("numba"):
        before = backends.fallbacks["jit:softmax[float16]"]
        dl.softmax(dl.ones((2, 3), dtype=dl.float16), axis=-1)
        assert backends.fallbacks["jit:softmax[float16]"] == before + 1


def test_unknown_and_absent_backends_say_what_helps() -> None:
    with pytest.raises(ConfigError, match="unknown backend 'abacus'; expected one of"):
        dl.set_backend("abacus")
    with pytest.raises(ConfigError, match="expected 'cuda'"):
        dl.set_backend("numpy", emulate=True)
    if backends.BACKENDS["cuda"].unavailable():
        with pytest.raises(BackendUnavailable, match="mend:"):
            dl.set_backend("cuda")
        with pytest.raises(BackendUnavailable, match="device cuda"):
            dl.zeros((2,), device="cuda")
    with pytest.raises(DeviceError, match="unknown device 'tpu'"):
        dl.zeros((2,), device="tpu")


def test_absent_numba_is_said_and_numpy_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends.library, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match="numba is not installed; mend: pip install numba"):
        dl.set_backend("numba")
    dl.set_backend("auto")
    assert dl.get_backend() == "numpy"


def test_numba_that_cannot_be_imported_is_said_and_numpy_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed, but refuses a NumPy that is newer than it knows."""

    def refuse(name: str) -> None:
        raise ImportError("Numba needs NumPy 2.3 or less. Got NumPy 2.5.")

    monkeypatch.setattr(backends.library, "import_module", refuse)
    backends.library._broken_numba.cache_clear()
    try:
        with pytest.raises(BackendUnavailable, match=r"numba cannot be imported \(ImportError: Numba needs NumPy 2.3"):
            dl.set_backend("numba")
        dl.set_backend("auto")
        assert dl.get_backend() == "numpy"
    finally:
        backends.library._broken_numba.cache_clear()


def test_arrays_of_two_libraries_do_not_mix() -> None:
    pytest.importorskip("array_api_strict")
    x = dl.ones((2,))
    with dl.use_backend("strict"):
        y = dl.ones((2,))
    with pytest.raises(DeviceError, match=r"add: arguments are on different devices.*move them with x.to"):
        x + y
    with pytest.raises(DeviceError, match="concat"):
        dl.concat([x, y])


def test_arrays_that_are_not_ours_are_refused() -> None:
    class Odd:
        shape, dtype = (), np.dtype("float32")

    with pytest.raises(DTypeError, match="not an array that dlengine computes on"):
        backends.device_of(Odd())


def test_the_same_tensor_serves_numpy_and_numba() -> None:
    x = dl.asarray(np.random.default_rng(0).standard_normal((3, 5)).astype("float32"))
    with dl.use_backend("numpy"):
        a = dl.softmax(x, axis=-1)
    with dl.use_backend("numba"):
        b = dl.softmax(x, axis=-1)
        np.testing.assert_allclose((a - b).numpy(), 0, atol=1e-6)


def test_random_numbers_are_bit_equal_on_every_backend(backend: str) -> None:
    def numbers() -> list[np.ndarray]:
        dl.manual_seed(11)
        drawn = (dl.rand(7), dl.randn(8), dl.bernoulli(0.3, 9), dl.randint(0, 10, 5), dl.randperm(6))
        return [t.numpy_copy() for t in (*drawn, dl.randn(3, dtype=dl.float64))]

    found = numbers()
    with dl.use_backend("numpy"):
        expected = numbers()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
