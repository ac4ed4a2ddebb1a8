"""The switch for how exactly float32 is multiplied."""

from __future__ import annotations

import threading

import pytest

import dlengine as dl
from dlengine.kernels import precision


@pytest.fixture(autouse=True)
def start_value():
    yield
    dl.set_matmul_precision("highest")


def test_start_value() -> None:
    assert dl.get_matmul_precision() == "highest"
    assert precision.multiply_dtype("float32") == "float32"


@pytest.mark.parametrize(("word", "numbers"), [("highest", "float32"), ("high", "tf32"), ("medium", "bfloat16")])
def test_kernels_read_it(word: str, numbers: str) -> None:
    dl.set_matmul_precision(word)
    assert dl.get_matmul_precision() == word
    assert precision.multiply_dtype("float32") == numbers
    assert precision.multiply_dtype("float64") == "float64"
    assert precision.multiply_dtype("float16") == "float16"


def test_block_nests_and_ends_on_errors() -> None:
    with dl.use_matmul_precision("high"):
        with dl.use_matmul_precision("medium"):
            assert dl.get_matmul_precision() == "medium"
        with pytest.raises(ZeroDivisionError), dl.use_matmul_precision("medium"):
            1 / 0  # noqa: B018
        assert dl.get_matmul_precision() == "high"
    assert dl.get_matmul_precision() == "highest"


def test_block_is_of_its_thread() -> None:
    seen = []
    with dl.use_matmul_precision("medium"):
        thread = threading.Thread(target=lambda: seen.append(dl.get_matmul_precision()))
        thread.start()
        thread.join()
    assert seen == ["highest"]


def test_other_words_are_refused() -> None:
    for function in (dl.set_matmul_precision, lambda word: dl.use_matmul_precision(word).__enter__()):
        with pytest.raises(dl.errors.ConfigError, match="unknown precision 'tf32'; expected one of highest, high, medium"):
            function("tf32")
    assert dl.get_matmul_precision() == "highest"


def test_cpu_backends_ignore_it() -> None:
    a, b = dl.asarray([[1 + 2.0**-20]]), dl.asarray([[1.0]])
    for backend in ("numpy", "numba"):
        with dl.use_backend(backend), dl.use_matmul_precision("medium"):
            assert float(dl.matmul(a, b)[0, 0]) == 1 + 2.0**-20
