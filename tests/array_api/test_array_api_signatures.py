"""dlengine as an array API namespace, compared name by name with array_api_strict: names, signatures, values and dtypes.

Values on samples are compared with array_api_compat's NumPy, which has the same rules and takes more dtypes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import array_api_compat.numpy as host
import numpy as np
import pytest

import dlengine as dl

strict = pytest.importorskip("array_api_strict")

# What array_api_strict has for itself.
OWN = {"ArrayAPIStrictFlags", "Device", "__version__", "get_array_api_strict_flags", "reset_array_api_strict_flags"}
OWN |= {"set_array_api_strict_flags"}
NAMESPACES = {"": (dl, strict), "linalg": (dl.linalg, strict.linalg), "fft": (dl.fft, strict.fft)}
NAMES = [(part, name) for part, (_, theirs) in NAMESPACES.items() for name in theirs.__all__ if name not in OWN]
FUNCTIONS = [(part, name) for part, name in NAMES if inspect.isfunction(getattr(NAMESPACES[part][1], name))]
DUNDERS = [n for n in vars(type(strict.asarray(0))) if n.startswith("__") and n.endswith("__")]
# Python's own, or how array_api_strict is built.
NOT_STANDARD = {
    "__annotations__",
    "__array__",
    "__array_ufunc__",
    "__buffer__",
    "__class__",
    "__copy__",
    "__dict__",
    "__doc__",
    "__init__",
}
NOT_STANDARD |= {"__deepcopy__", "__module__", "__new__", "__slots__", "__weakref__", "__static_attributes__", "__firstlineno__"}


@pytest.mark.parametrize(("part", "name"), NAMES)
def test_name(part: str, name: str) -> None:
    assert hasattr(NAMESPACES[part][0], name)


@pytest.mark.parametrize(("part", "name"), FUNCTIONS)
def test_signature(part: str, name: str) -> None:
    """The same parameters in the same order and of the same kind, with the same defaults where those are plain values."""
    ours, theirs = (list(inspect.signature(getattr(space, name)).parameters.values()) for space in NAMESPACES[part])
    shared = [p for p in ours if p.name in {q.name for q in theirs}]
    assert [(p.name, p.kind) for p in shared] == [(p.name, p.kind) for p in theirs]
    optional = [p.default is not p.empty or p.kind is p.VAR_POSITIONAL for p in ours if p not in shared]
    assert all(optional), "a parameter of ours must have a default"
    for mine, other in zip(shared, theirs, strict=True):
        assert (mine.default is mine.empty) == (other.default is other.empty), mine
        if isinstance(other.default, (bool, int, float, str, type(None))):
            assert mine.default == other.default, mine


@pytest.mark.parametrize("name", [n for n in DUNDERS if n not in NOT_STANDARD])
def test_dunder(name: str) -> None:
    assert hasattr(dl.Tensor, name)


@pytest.mark.parametrize("name", ["T", "mT", "device", "dtype", "ndim", "shape", "size", "to_device"])
def test_attribute(name: str) -> None:
    assert hasattr(dl.Tensor, name)


# ---------------------------------------------------------------------- behaviour on samples
REAL = np.array([[0.5, -1.5, 2.0], [0.25, 3.0, -0.75]])
UNIT = np.array([[0.5, -0.5, 0.9], [0.25, 0.125, -0.75]])
ABOVE = np.array([1.5, 2.0, 7.0])
SAMPLES: dict[str, Any] = {"acos": UNIT, "asin": UNIT, "atanh": UNIT, "acosh": ABOVE, "log": ABOVE, "log2": ABOVE, "log10": ABOVE}
SAMPLES |= {"log1p": ABOVE, "sqrt": ABOVE}
UNARY = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "exp",
    "expm1",
    "floor",
    "isfinite",
    "isinf",
]
UNARY += [
    "isnan",
    "log",
    "log10",
    "log1p",
    "log2",
    "negative",
    "positive",
    "reciprocal",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
]
UNARY += ["sqrt", "square", "tan", "tanh", "trunc"]
BINARY = [
    "add",
    "atan2",
    "copysign",
    "divide",
    "equal",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "less",
    "less_equal",
]
BINARY += ["logaddexp", "maximum", "minimum", "multiply", "nextafter", "not_equal", "remainder", "subtract"]
INTEGER = [
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "add",
    "multiply",
    "floor_divide",
]
REDUCE = ["all", "any", "argmax", "argmin", "count_nonzero", "max", "mean", "min", "prod", "std", "sum", "var"]
MATRIX = [
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_norm",
    "matrix_rank",
    "pinv",
    "qr",
    "slogdet",
    "svd",
    "svdvals",
    "trace",
]
FLOATS = ["float32", "float64"]


def same(found: Any, wanted: Any) -> None:
    """Equal dtype and shape, and values up to rounding; tuples part by part."""
    if isinstance(wanted, tuple):
        assert isinstance(found, tuple)
        assert getattr(found, "_fields", None) == getattr(wanted, "_fields", None)
        for f, w in zip(found, wanted, strict=True):
            same(f, w)
        return
    wanted = np.asarray(wanted)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-5, atol=1e-6)


def agree(call: Callable[[ModuleType, Any], Any], x: Any) -> None:
    """A call with dlengine and its tensor does as with NumPy and its array."""
    with np.errstate(all="ignore"):
        wanted = call(host, x)
    same(call(dl, dl.asarray(x)), wanted)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, dtype: str) -> None:
    agree(lambda xp, x: getattr(xp, name)(x), SAMPLES.get(name, REAL).astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, dtype: str) -> None:
    agree(lambda xp, x: getattr(xp, name)(x, x[0]), REAL.astype(dtype))
    agree(lambda xp, x: getattr(xp, name)(x, 0.5), REAL.astype(dtype))
    agree(lambda xp, x: getattr(xp, name)(2, x), REAL.astype(dtype))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
@pytest.mark.parametrize("name", INTEGER)
def test_integer(name: str, dtype: str) -> None:
    agree(lambda xp, x: getattr(xp, name)(x, x[:1]), np.array([[3, 1, 4], [2, 5, 1]], dtype))
    agree(lambda xp, x: getattr(xp, name)(x, 2), np.array([3, 1, 4], dtype))


@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": (0, 1), "keepdims": True}])
@pytest.mark.parametrize("name", REDUCE)
def test_reduction(name: str, options: dict[str, Any]) -> None:
    if name.startswith("arg") and isinstance(options.get("axis"), tuple):
        options = {"axis": -1, "keepdims": True}
    agree(lambda xp, x: getattr(xp, name)(x, **options), REAL)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float32"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
def test_accumulating_dtypes(name: str, dtype: str) -> None:
    agree(lambda xp, x: getattr(xp, name)(x), np.array([1, 0, 1, 1]).astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS + ["complex64", "complex128"])
@pytest.mark.parametrize("name", MATRIX)
def test_matrix_function(name: str, dtype: str) -> None:
    x = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 1.0]], dtype)
    agree(lambda xp, a: getattr(xp.linalg, name)(a), x)


@pytest.mark.parametrize("dtype", FLOATS + ["complex64"])
def test_fourier_transforms(dtype: str) -> None:
    x = REAL.astype(dtype)
    names = ["fft", "ifft", "fftn", "ifftn"] if dtype == "complex64" else ["rfft", "rfftn"]
    names += ["irfft", "hfft"] if dtype == "complex64" else ["ihfft"]
    for name in names:
        agree(lambda xp, a, name=name: getattr(xp.fft, name)(a), x)  # type: ignore[misc]
    agree(lambda xp, a: xp.fft.fftshift(a), x)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "reshape": lambda xp, x: xp.reshape(x, (3, -1)),
    "permute_dims": lambda xp, x: xp.permute_dims(x, (1, 0)),
    "moveaxis": lambda xp, x: xp.moveaxis(x, 0, 1),
    "expand_dims": lambda xp, x: xp.expand_dims(x, axis=1),
    "squeeze": lambda xp, x: xp.squeeze(x[None, ...], axis=0),
    "flip": lambda xp, x: xp.flip(x, axis=0),
    "roll": lambda xp, x: xp.roll(x, (1, 2), axis=(0, 1)),
    "tile": lambda xp, x: xp.tile(x, (2, 1)),
    "repeat": lambda xp, x: xp.repeat(x, 2, axis=1),
    "concat": lambda xp, x: xp.concat([x, x], axis=None),
    "stack": lambda xp, x: xp.stack([x, x], axis=1),
    "unstack": lambda xp, x: tuple(xp.unstack(x, axis=1)),
    "tril": lambda xp, x: xp.tril(x, k=1),
    "triu": lambda xp, x: xp.triu(x),
    "sort": lambda xp, x: xp.sort(x, descending=True),
    "argsort": lambda xp, x: xp.argsort(x, axis=0),
    "searchsorted": lambda xp, x: xp.searchsorted(xp.sort(x[0, ...]), x),
    "unique_all": lambda xp, x: xp.unique_all(xp.floor(x)),
    "unique_counts": lambda xp, x: xp.unique_counts(xp.floor(x)),
    "unique_inverse": lambda xp, x: xp.unique_inverse(xp.floor(x)),
    "nonzero": lambda xp, x: tuple(xp.nonzero(x > 0)),
    "where": lambda xp, x: xp.where(x > 0, x, 0.5),
    "clip": lambda xp, x: xp.clip(x, -1.0, 1.0),
    "diff": lambda xp, x: xp.diff(x, axis=1),
    "take": lambda xp, x: xp.take(x, xp.asarray([1, 0, 1]), axis=1),
    "take_along_axis": lambda xp, x: xp.take_along_axis(x, xp.argsort(x), axis=1),
    "meshgrid": lambda xp, x: tuple(xp.meshgrid(x[0, ...], x[1, ...])),
    "broadcast_arrays": lambda xp, x: tuple(xp.broadcast_arrays(x, x[:1, ...])),
    "matmul": lambda xp, x: xp.matmul(x, xp.matrix_transpose(x)),
    "tensordot": lambda xp, x: xp.tensordot(x, x, axes=((1,), (1,))),
    "vecdot": lambda xp, x: xp.vecdot(x, x),
    "astype": lambda xp, x: xp.astype(x, xp.int64),
    "zeros_like": lambda xp, x: xp.zeros_like(x),
    "full_like": lambda xp, x: xp.full_like(x, 2),
    "eye": lambda xp, x: xp.eye(2, 3, k=1, dtype=x.dtype),
    "linspace": lambda xp, x: xp.linspace(0, 1, 5, dtype=x.dtype),
    "arange": lambda xp, x: xp.arange(1, 9, 3),
    "getitem": lambda xp, x: x[1, ::-1],
    "mask": lambda xp, x: x[x > 0],
    "power": lambda xp, x: x**2,
    "transpose": lambda xp, x: x.T @ x,
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str) -> None:
    agree(CALLS[name], REAL)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ["abs", "conj", "real", "imag", "exp", "sign", "square", "sum", "mean", "prod", "isnan"])
def test_complex(name: str, dtype: str) -> None:
    agree(lambda xp, x: getattr(xp, name)(x), (REAL + 1j * REAL[::-1]).astype(dtype))
