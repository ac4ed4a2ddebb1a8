"""Singular matrices: an error of ours that names the op and the matrix, forward and backward, and cofactors where they exist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DLEngineError, LinAlgError

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")
GOOD, FLAT = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 2.0], [2.0, 4.0]])


def must_be_seen_by_the_host() -> None:
    """A GPU gives Inf and NaN of a matrix that has no result: an error would have to wait for it."""
    if str(dl.ones(1).device) != "cpu":
        pytest.skip("on a GPU nobody waits for the answer")


def stack(*matrices: Any, grad: bool = False) -> Any:
    t = dl.asarray(np.stack(matrices))
    return t.requires_grad_() if grad else t


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("inv", dl.linalg.inv),
        ("solve", lambda x: dl.linalg.solve(x, dl.ones((2, 1), dtype="float64"))),
        ("cholesky", dl.linalg.cholesky),
        ("cholesky", lambda x: dl.linalg.cholesky(-x, upper=True)),
        ("inv", lambda x: dl.linalg.matrix_power(x, -2)),
    ],
)
def test_forward(backend: str, name: str, op: Any) -> None:
    must_be_seen_by_the_host()
    with pytest.raises(LinAlgError, match=f"^{name}: x") as caught:
        op(dl.asarray(FLAT))
    assert isinstance(caught.value, np.linalg.LinAlgError)
    assert isinstance(caught.value, DLEngineError)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(LinAlgError, match=rf"^{name}: x\[[01]\]") as caught:
        op(stack(GOOD, FLAT))
    with pytest.raises(LinAlgError, match=rf"^{name}: x\[1, 0\]" if "cholesky" != name else "cholesky"):
        op(dl.reshape(stack(GOOD, GOOD, FLAT, GOOD), (2, 2, 2, 2)))


def test_what_does_not_converge(backend: str) -> None:
    must_be_seen_by_the_host()
    bad = dl.asarray(np.array([[np.nan, 1.0], [1.0, 2.0]]))
    for name in ("svd", "svdvals", "pinv", "eig", "eigvals"):
        with pytest.raises(LinAlgError, match=f"^{name}: "):
            getattr(dl.linalg, name)(bad)


def test_backward(backend: str) -> None:
    must_be_seen_by_the_host()
    x = stack(GOOD, FLAT, grad=True)
    sign, size = dl.linalg.slogdet(x)
    assert size.detach().numpy_copy()[1] == -np.inf
    with pytest.raises(LinAlgError, match=r"^slogdet: x\[1\] is singular"):
        size.sum().backward()
    with pytest.raises(LinAlgError, match="^qr: the columns"):
        dl.sum(dl.linalg.qr(dl.asarray(np.zeros((3, 2))).requires_grad_()).R).backward()


def cofactors(x: Any) -> Any:
    n = len(x)
    return np.array([
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(n)] for i in range(n)
    ])  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 15])
@pytest.mark.parametrize("lost", [1, 2])
def test_the_determinant_of_a_singular_matrix_has_cofactors(backend: str, n: int, lost: int) -> None:
    rng = np.random.default_rng(n)
    x = np.round(rng.standard_normal((n, n)) * 3)
    x[:lost] = 0  # exactly singular, of rank n - lost
    y = np.round(rng.standard_normal((n, n)) * 3) + 9 * np.eye(n)
    t = stack(x, y, grad=True)
    d = dl.linalg.det(t)
    assert float(d[0]) == 0
    dl.sum(d).backward()
    for k, m in enumerate((x, y)):
        want = cofactors(m)
        size = np.prod(np.maximum(np.linalg.norm(m, axis=1), 1))  # Hadamard's bound
        assert np.allclose(t.grad.numpy_copy()[k], want, rtol=1e-9, atol=1e-13 * size), k


def test_products_of_rows_and_second_derivatives(backend: str) -> None:
    x = dl.asarray(FLAT).requires_grad_()
    dl.linalg.det(x).backward()
    assert np.allclose(x.grad.numpy_copy(), [[4, -2], [-2, 1]])
    for n in (2, 4):  # of the zero matrix of size 2 the second derivative is not 0, of size 4 it is
        h = dl.hessian(dl.linalg.det)(dl.asarray(np.zeros((n, n)))).numpy_copy()
        assert np.isfinite(h).all()
        want = np.zeros((n,) * 4)
        if n == 2:
            want[0, 0, 1, 1] = want[1, 1, 0, 0] = 1
            want[0, 1, 1, 0] = want[1, 0, 0, 1] = -1
        assert np.allclose(h, want)


def test_complex_and_single_precision(backend: str) -> None:
    z = np.array([[1.0, 1j], [1j, -1.0]])
    t = dl.asarray(z).requires_grad_()
    dl.real(dl.linalg.det(t)).backward()
    assert np.allclose(t.grad.numpy_copy(), np.conj(cofactors(z)))
    f = dl.asarray(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "f4")).requires_grad_()
    dl.linalg.det(f).backward()
    assert np.allclose(f.grad.numpy_copy(), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]], atol=1e-4)


def test_eigenvalues_of_what_is_no_number_are_none(backend: str) -> None:
    """LAPACK may give finite ones."""
    for bad in (np.nan, np.inf):
        x = np.stack([GOOD, np.array([[bad, 1.0], [1.0, 2.0]])])
        for values in (dl.linalg.eigvalsh(dl.asarray(x)), dl.linalg.eigh(dl.asarray(x).requires_grad_()).eigenvalues):
            got = values.detach().numpy_copy()
            assert np.allclose(got[0], np.linalg.eigvalsh(GOOD))
            assert np.isnan(got[1]).all()
