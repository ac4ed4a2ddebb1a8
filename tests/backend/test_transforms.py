"""Long single Fourier transforms, which are made of short ones, are those of NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl

pytest.importorskip("scipy")


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", ["fft", "ifft"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((4096,), 0), ((6000,), -1), ((1, 4480, 1), 1), ((4099,), 0), ((2 * 4099,), 0), ((131_072,), 0), ((2, 5000), 1)],
)
def test_long_transforms(name: str, norm: str, shape: tuple[int, ...], axis: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    y = getattr(dl.fft, name)(dl.asarray(x.astype(np.complex64)), axis=axis, norm=norm).numpy()
    expected = getattr(np.fft, name)(x.astype(np.complex64).astype(np.complex128), axis=axis, norm=norm)
    assert y.dtype == np.complex64
    np.testing.assert_allclose(y, expected, atol=5e-7 * np.abs(expected).max(), rtol=0)


def test_a_size_and_the_gradient_of_a_long_transform() -> None:
    rng = np.random.default_rng(1)
    x = dl.tensor((rng.standard_normal(5000) + 1j * rng.standard_normal(5000)).astype(np.complex64), requires_grad=True)
    y = dl.fft.fft(x, n=8192)
    seed = (rng.standard_normal(8192) + 1j * rng.standard_normal(8192)).astype(np.complex64)
    y.backward(dl.asarray(seed))
    expected = (np.fft.ifft(seed.astype(np.complex128)) * 8192)[:5000]
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=5e-7 * np.abs(expected).max(), rtol=0)
    np.testing.assert_allclose(y.detach().numpy(), np.fft.fft(x.detach().numpy().astype(np.complex128), 8192), atol=5e-4)
