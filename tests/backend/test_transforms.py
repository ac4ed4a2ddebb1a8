"""Long single Fourier transforms, which are made of short ones, are those of NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.backend.transforms import Transforms

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


@pytest.mark.parametrize("name", ["fft", "ifft", "fftn", "ifftn", "rfft", "irfft", "rfftn", "irfftn"])
def test_the_machine_code_called_at_once_gives_what_scipy_gives(name):
    public = getattr(pytest.importorskip("scipy.fft"), name)
    rng, ours = np.random.default_rng(0), getattr(Transforms(), name)
    several = name.endswith("n")
    overs = [{"axes": (0, 2)}, {"axes": (-1, 0)}, {"axes": (2, 1), "s": (4, 5)}, {"axes": [0, 1]}, {}] if several else [
        {}, {"axis": 0}, {"n": 5}, {"axis": 1, "n": 12}, {"n": 16}, {"n": 17}
    ]  # fmt: skip
    for dtype in ("float32", "float64"):
        x = rng.standard_normal((4, 6, 9)).astype(dtype)
        x = x if name.startswith("r") else x + x[::-1] * x.dtype.type(0.5) * 1j
        for norm in ("backward", "ortho", "forward"):
            for over in overs:
                for part in (x, x[::2, ::-1]):
                    y, wanted = ours(part, norm=norm, **over), public(part, norm=norm, **over)
                    assert y.dtype == wanted.dtype
                    assert y.tobytes() == wanted.tobytes()
    with pytest.raises((ValueError, IndexError)):  # noqa: PT011 - SciPy's own
        ours(x, **({"axes": (3,)} if several else {"axis": 3}))
