"""torch.testing: comparisons that raise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .names.core import is_tensor

_BOUNDS = {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "float16": (1e-3, 1e-5), "complex128": (1e-7, 1e-7),
           "complex64": (1.3e-6, 1e-5)}  # fmt: skip


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: Any = None,
    atol: Any = None,
    equal_nan: bool = False,
    check_dtype: bool = True,
    check_device: bool = True,
    check_stride: bool = False,
    msg: Any = None,
    **_: Any,
) -> None:
    """Raise AssertionError unless two values, or structures of them, are close."""
    if isinstance(actual, dict):
        if set(actual) != set(expected):
            raise AssertionError(f"The keys differ: {sorted(actual)} and {sorted(expected)}")
        for k in actual:
            assert_close(actual[k], expected[k], rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype)
        return
    if isinstance(actual, tuple | list):
        if len(actual) != len(expected):
            raise AssertionError(f"The lengths differ: {len(actual)} and {len(expected)}")
        for a, b in zip(actual, expected, strict=True):
            assert_close(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype)
        return
    a, b = (v.numpy_copy() if is_tensor(v) else np.asarray(v) for v in (actual, expected))
    if a.shape != b.shape:
        raise AssertionError(f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}.")
    if check_dtype and is_tensor(actual) and is_tensor(expected) and a.dtype != b.dtype:
        raise AssertionError(f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}.")
    loose = max(_BOUNDS.get(v.dtype.name, (0.0, 0.0)) for v in (a, b))
    if not np.allclose(a, b, loose[0] if rtol is None else rtol, loose[1] if atol is None else atol, equal_nan=equal_nan):
        raise AssertionError(msg if isinstance(msg, str) else f"Tensor-likes are not close!\n{actual}\n{expected}")


def assert_allclose(
    actual: Any, expected: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = True, msg: Any = None
) -> None:
    """assert_close under its old name."""
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg)
