"""Dtypes, operators beside other classes, and exchange by DLPack follow the array API standard."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as host
import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import GradientError


def test_dtypes_are_those_of_numpy() -> None:
    info = dl.__array_namespace_info__()
    assert info.dtypes() == host.__array_namespace_info__().dtypes()
    assert all(getattr(dl, name) == d for name, d in info.dtypes().items())
    assert info.default_dtypes() == {
        "real floating": dl.float32,
        "complex floating": dl.complex64,
        "integral": dl.int64,
        "indexing": dl.int64,
    }


def test_constants() -> None:
    assert (dl.e, dl.pi, dl.inf, dl.newaxis) == (host.e, host.pi, host.inf, None)
    assert dl.nan != dl.nan
    assert dl.__array_api_version__ == "2025.12"


@pytest.mark.parametrize("kinds", ["bool", "integral", "real floating", "complex floating"])
def test_result_type_within_a_kind(kinds: str) -> None:
    dtypes = list(dl.__array_namespace_info__().dtypes(kind=kinds).values())
    for a in dtypes:
        for b in dtypes:
            if {a.kind, b.kind} == {"i", "u"} and "uint64" in (a.name, b.name):
                with pytest.raises(TypeError, match="no common dtype"):
                    dl.result_type(a, b)
            else:
                assert dl.result_type(a, b) == np.result_type(a, b)


def test_result_type_across_kinds() -> None:
    assert dl.result_type(dl.float32, dl.complex64) == dl.complex64
    assert dl.result_type(dl.float32, 1) == dl.float32
    assert dl.result_type(dl.float32, 1j) == dl.complex64
    assert dl.result_type(dl.int8, 1) == dl.int8
    with pytest.raises(TypeError, match="no common dtype"):
        dl.result_type(dl.int32, dl.float32)


def test_integers_become_the_default_floating_dtype() -> None:
    n = dl.asarray([1, 2, 3])
    assert (n / n).dtype == (n * 0.5).dtype == dl.exp(n).dtype == dl.mean(n).dtype == dl.float32
    assert (n * dl.asarray([1.0, 2.0, 3.0], dtype=dl.float64)).dtype == dl.float64
    assert (n * dl.ones(3)).dtype == dl.float32


def test_finfo_and_iinfo() -> None:
    f, i = dl.finfo(dl.float32), dl.iinfo(dl.ones(2, dtype=dl.int8))
    assert (f.bits, f.eps, f.max, f.smallest_normal) == (32, 2.0**-23, float(np.finfo("float32").max), 2.0**-126)
    assert all(type(v) is float for v in (f.eps, f.max, f.min, f.smallest_normal))
    assert (i.bits, i.min, i.max) == (8, -128, 127)
    with pytest.raises(TypeError, match="floating dtype"):
        dl.finfo(dl.int8)


# ---------------------------------------------------------------------- operators and other classes
def test_other_classes_may_answer() -> None:
    class Other:
        def __radd__(self, other: Any) -> str:
            return "other"

        def __eq__(self, other: object) -> Any:
            return "equal"

        __hash__ = None  # type: ignore[assignment]

    x = dl.ones(2)
    assert x + Other() == "other"
    assert (x == Other()) == "equal"
    assert (x == None) is False  # noqa: E711 - what an == of None gives is the point
    with pytest.raises(TypeError, match="unsupported operand"):
        x - "a"
    with pytest.raises(TypeError, match="dl.asarray"):
        x + np.ones(2)
    with pytest.raises(TypeError, match="dl.asarray"):
        np.ones(2) + x


def test_operators_that_assign() -> None:
    x = dl.asarray([5, 6, 7])
    same_object = x
    x += 1
    x *= 2
    x //= 3
    x %= 4
    x **= 2
    x <<= 2
    x >>= 1
    x |= 1
    x &= 7
    x ^= 2
    assert x is same_object
    n = np.array([5, 6, 7])
    assert x.tolist() == (((((((n + 1) * 2 // 3 % 4) ** 2 << 2) >> 1) | 1) & 7) ^ 2).tolist()
    y = dl.ones((2, 2))
    y @= y
    y /= 4
    y -= 0.5
    assert y.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(TypeError, match="assign to a new name"):
        x /= 2


# ---------------------------------------------------------------------- exchange
def test_dlpack_out_is_read_only() -> None:
    x = dl.asarray([1.0, 2.0])
    view = np.from_dlpack(x)
    assert view.tolist() == [1.0, 2.0]
    assert not view.flags.writeable
    with pytest.raises(GradientError, match="detach"):
        np.from_dlpack(x.requires_grad_())


def test_dlpack_of_a_read_only_view() -> None:
    x = dl.broadcast_to(dl.asarray([1.0]), (3,))
    assert np.from_dlpack(x).tolist() == [1.0, 1.0, 1.0]
    assert dl.from_dlpack(x).tolist() == [1.0, 1.0, 1.0]


def test_dlpack_to_a_consumer_that_knows_no_flag() -> None:
    """Before version 1.0 a consumer cannot be told not to write, so it gets a copy."""
    x = dl.asarray([1.0, 2.0])

    class Old:
        def __dlpack__(self, **options: Any) -> Any:
            return x.__dlpack__()

        def __dlpack_device__(self) -> Any:
            return x.__dlpack_device__()

    y = np.from_dlpack(Old())
    assert y.tolist() == [1.0, 2.0]
    assert not np.shares_memory(y, x.numpy())
    x.__dlpack__(copy=False)
    with pytest.raises(BufferError, match="readonly"):
        dl.broadcast_to(x, (2, 2)).__dlpack__(copy=False)


def test_dlpack_in_shares_memory() -> None:
    a = np.array([1.0, 2.0])
    x = dl.from_dlpack(a)
    x[0] = 9.0
    assert a[0] == 9.0
    y = dl.from_dlpack(a, copy=True)
    y[0] = 1.0
    assert a[0] == 9.0
    a.flags.writeable = False
    z = dl.from_dlpack(a)
    z[0] = 1.0
    assert a[0] == 9.0


def test_asarray_keeps_and_defaults_dtypes() -> None:
    assert dl.asarray([1.0, 2.0]).dtype == dl.float32
    assert dl.asarray([1, 2]).dtype == dl.int64
    assert dl.asarray([True]).dtype == dl.bool
    assert dl.asarray(1j).dtype == dl.complex64
    assert dl.asarray(np.float64(1.0)).dtype == dl.float64
    assert dl.asarray([np.float64(1.0)]).dtype == dl.float64
    assert dl.asarray(memoryview(np.ones(2))).dtype == dl.float64
    assert dl.asarray(np.ones(2, ">f4")).dtype == dl.float32
    for wrong in ("text", [[1, 2], [3]], {"a": 1}, np.array(["a"])):
        with pytest.raises((TypeError, ValueError)):
            dl.asarray(wrong)
    with pytest.raises(OverflowError):
        dl.asarray(300, dtype=dl.uint8)
    with pytest.raises(ValueError, match="copy=False"):
        dl.asarray([1.0], copy=False)
    a = np.ones(2)
    dl.asarray(a, copy=False)[0] = 5.0
    dl.asarray(a)[1] = 5.0
    assert a.tolist() == [5.0, 1.0]
