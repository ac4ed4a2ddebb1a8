"""Kernels become machine code once, as a whole, and Numba is left as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit, prange
from numba.core.errors import TypingError
from numba.core.registry import cpu_target

from dlengine.kernels.jit.machine import whole
from dlengine.kernels.jit.machine.compile import inner, jit


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is compiled, nothing found."""
    monkeypatch.setenv("DLENGINE_CACHE", str(tmp_path))


@inner()
def halved(x: Any) -> Any:
    return x / 2


def make() -> Any:
    @jit()
    def half_of_each(x: Any, y: Any, threads: int) -> None:
        for t in prange(threads):
            for i in range(t * x.size // threads, (t + 1) * x.size // threads):
                y[i] = halved(x[i]) + np.zeros(1)[0]

    return half_of_each


def test_only_the_kernel_becomes_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[str] = []
    emit = whole.LIBRARY._finalize_specific

    def counted(library: Any) -> None:
        if isinstance(library, whole.KernelLibrary):  # not Numba's own runtime, which the first compilation brings along
            emitted.append(library.name)
        emit(library)

    assert whole.SUPPORTED
    monkeypatch.setattr(whole.LIBRARY, "_finalize_specific", counted)
    x, y = np.arange(7.0), np.zeros(7)
    half_of_each = make()
    for threads in (2, 1):  # for which there is one form of the kernel
        half_of_each(x, y, threads)
        np.testing.assert_array_equal(y, x / 2)
        assert [name.rpartition(".")[2] for name in emitted] == ["half_of_each"]


def test_numba_is_left_as_it_was_and_shares_what_lies_inside() -> None:
    make()(np.ones(3, np.float32), np.ones(3, np.float32), 1)

    @jit(parallel=False)
    def wrong(x: Any) -> None:
        x.nothing_of_this_name()

    with pytest.raises(TypingError):
        wrong(np.ones(3))
    codegen = cpu_target.target_context.codegen()
    assert "_library_class" not in vars(codegen)
    assert "set_env" not in vars(codegen)

    @njit
    def users_own(x: Any) -> Any:
        return np.zeros(1)[0] + x

    assert users_own(2.5) == 2.5
