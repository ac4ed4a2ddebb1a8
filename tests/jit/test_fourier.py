"""Fourier transforms by machine code are those of NumPy in float64, whatever the sizes, axes, threads and places in memory."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine import backend
from dlengine.backend.transforms import Transforms
from dlengine.kernels.jit import SET, fourier, transforms
from dlengine.kernels.jit.machine.compile import interpreted

RNG = np.random.default_rng(0)
NORMS = ("backward", "ortho", "forward")
MODES = {"machine": nullcontext, "python": interpreted}


def drawn(*shape: int) -> np.ndarray:
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(np.complex64)


def agree(y: np.ndarray | None, expected: np.ndarray) -> None:
    assert y is not None
    assert y.dtype == (np.complex64 if expected.dtype.kind == "c" else np.float32)
    np.testing.assert_allclose(y, expected, atol=4e-7 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((17, 64), 1), ((33, 8 * 3 * 5), 1), ((8, 49), 1), ((64, 40), 0), ((2, 16, 19), 1), ((2, 3, 35, 24), 2), ((5, 2, 33), 1),
        ((1, 16 * 49), 0), ((2, 16 * 16 * 3), 1), ((3, 1, 2048), 2),
    ],
)  # fmt: skip
def test_complex(shape: tuple[int, ...], axis: int, inverse: bool, mode: str) -> None:
    """In rows, in columns, and a few long ones; whole blocks and not."""
    x = drawn(*shape)
    library = np.fft.ifft if inverse else np.fft.fft
    with MODES[mode]():
        found = [(fourier.transform(x, axis, inverse, norm), norm) for norm in NORMS]
    if shape == (1, 16 * 49):
        assert [y for y, _ in found] == [None] * 3  # one column
        return
    for y, norm in found:
        agree(y, library(x.astype(np.complex128), axis=axis, norm=norm))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(16, 48), (70, 45), (3, 20, 16), (37, 64)])
def test_real(shape: tuple[int, ...], mode: str) -> None:
    x, n = RNG.standard_normal(shape).astype(np.float32), shape[-1]
    half = drawn(*shape[:-1], n // 2 + 1)
    with MODES[mode]():
        there = fourier.real_transform(x, "ortho")
        back = fourier.real_inverse(half, n, "backward")
    agree(there, np.fft.rfft(x.astype(np.float64), norm="ortho"))
    agree(back, np.fft.irfft(half.astype(np.complex128), n))  # the first and the last coefficient have imaginary parts


def test_what_is_left_to_the_library() -> None:
    assert fourier.transform(drawn(16, 11 * 8), 1, False, "backward") is None
    assert fourier.transform(drawn(16, 2 * fourier.LONGEST), 1, False, "backward") is None
    assert fourier.transform(drawn(64, fourier.LANES - 1), 0, False, "backward") is None
    assert fourier.transform(drawn(1, 4099), 1, False, "backward") is None
    assert fourier.real_transform(np.zeros((fourier.LANES - 1, 64), np.float32), "backward") is None
    assert fourier.real_transform(np.zeros((64, 13), np.float32), "backward") is None
    assert fourier.real_inverse(drawn(64, 9), 18, "backward") is None


def test_any_number_of_threads_and_any_place(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    memory = np.zeros(8 * 80 * 64 + 64, np.uint8)
    x, r = drawn(80, 64), RNG.standard_normal((80, 64)).astype(np.float32)
    for threads in (1, 2, 3):
        monkeypatch.setattr(fourier, "threads_for", lambda units, _, threads=threads: min(threads, units))
        for offset in (0, 4, 16, 40):
            moved = memory[offset : offset + x.nbytes].view(np.complex64).reshape(x.shape)
            moved[...] = x
            results = [fourier.transform(moved, axis, True, "ortho") for axis in (0, 1)]
            results += [fourier.transform(moved.reshape(1, -1), 1, False, "backward"), fourier.real_transform(r, "backward")]
            results.append(fourier.real_inverse(drawn(40, 33) * 0 + x[:40, :33], 64, "backward"))
            found.add(b"".join(y.tobytes() for y in results if y is not None))
    assert len(found) == 1


@pytest.mark.parametrize("name", ["fft", "ifft", "fftn", "ifftn", "rfft", "irfft", "rfftn", "irfftn"])
@pytest.mark.parametrize("shape", [(32, 64), (32, 33), (26, 64), (64, 26), (22, 52)])
def test_ops(name: str, shape: tuple[int, int]) -> None:
    """Every axis by machine code, one of them, or none; of values that do not lie one after the other."""
    x = drawn(*shape) if "r" not in name or "i" in name else RNG.standard_normal(shape).astype(np.float32)
    several = {"axes": (1, 0)} if name[-1] == "n" else {}
    with dl.use_backend("numba"):
        label = f"library:fft.{name}"
        before = SET.launches[label]
        found = getattr(dl.fft, name)(dl.asarray(x.T), **several).numpy()
        counted = SET.launches[label] - before
        again = getattr(dl.fft, name)(dl.asarray(x.T), **several, norm="forward").numpy()
    wide = x.T.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    agree(found, getattr(np.fft, name)(wide, **several))
    agree(again, getattr(np.fft, name)(wide, **several, norm="forward"))
    rows, columns = x.T.shape
    last, first = (fourier._passes(n) is not None for n in (rows if several else columns, columns))
    if "r" in name:
        # Along the last axis, which is the first of several: real values that do not lie in rows are the library's.
        long = 2 * (columns - 1) if "i" in name else columns
        expected = first if several else fourier._passes(long) is not None
    else:
        expected = last or first
    assert counted == expected


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_sizes_and_repeated_axes_are_the_librarys(name: str) -> None:
    x = drawn(40, 64) if name != "rfftn" else RNG.standard_normal((40, 64)).astype(np.float32)
    wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    with dl.use_backend("numba"):
        before = SET.launches.copy()
        agree(getattr(dl.fft, name)(dl.asarray(x), s=(48, 32)).numpy(), getattr(np.fft, name)(wide, s=(48, 32), axes=(0, 1)))
        assert SET.launches[f"library:fft.{name}"] == before[f"library:fft.{name}"]


def test_axes_that_are_no_integers_are_refused_alike() -> None:
    x = dl.asarray(drawn(64, 64))
    for name in ("fftn", "ifftn", "irfftn"):
        with dl.use_backend("numba"), pytest.raises(dl.errors.ShapeError, match="integers"):
            getattr(dl.fft, name)(dl.asarray(np.asarray(x)), axes=(0.0, 1))


@pytest.mark.parametrize("name", ["fft", "ifft", "fftn", "ifftn", "rfft", "irfft", "rfftn", "irfftn", "hfft", "ihfft"])
def test_the_library_shares_what_it_is_left(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Sizes with a large prime factor: SciPy is told how many threads, and every bit is as with one."""
    pytest.importorskip("scipy")
    real = np.random.default_rng(6).standard_normal((138, 3 * 79)).astype(np.float32)
    x = real if name in ("rfft", "rfftn", "ihfft") else (real + 1j * real[::-1]).astype(np.complex64)
    xp = backend.namespace_of(backend.NUMPY, SET)
    asked: list[int] = []
    found = {}
    for threads in (1, 2, 5):
        monkeypatch.setattr(transforms, "thread_count", lambda units, threads=threads: asked.append(units) or threads)
        y = getattr(xp.fft, name)(x, **({"axes": (0, 1)} if name.endswith("n") else {}))
        found[threads] = y.tobytes()
    assert asked
    assert set(found.values()) == {found[1]}
    told: list[int] = []
    library = transforms.FourierTransforms(_Told(told), Counter())
    getattr(library, name)(x, **({"axes": (0, 1)} if name.endswith("n") else {}))
    assert set(told) == {5}


class _Told:
    """Transforms that note how many threads they are given."""

    def __init__(self, told: list[int]) -> None:
        self.told = told

    def __getattr__(self, name: str) -> Any:
        own = getattr(Transforms(), name)

        def function(x: Any, **options: Any) -> Any:
            return own(x, **options)

        def shared(x: Any, threads: int, **options: Any) -> Any:
            self.told.append(threads)
            return own.shared(x, threads, **options)

        function.shared = shared  # type: ignore[attr-defined]
        return function
