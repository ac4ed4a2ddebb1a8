"""Ops that change nothing in a tensor give it back itself, as PyTorch's do."""

from __future__ import annotations

import pytest

import dlengine as dl

UNCHANGED = [(dl.real, "float32"), (dl.conj, "float64"), (dl.conj, "int32"), (dl.positive, "float32"), (dl.positive, "complex64")]


@pytest.mark.parametrize(("function", "dtype"), UNCHANGED, ids=lambda part: getattr(part, "__name__", part))
def test_they_give_back_their_argument(function, dtype):
    x = dl.ones(3, dtype=dtype)
    assert all(function(x) is x for _ in range(3))


def test_what_is_complex_has_a_part_and_a_conjugate_of_its_own():
    x = dl.tensor([1 + 2j, 3 - 1j])
    assert dl.real(x).tolist() == [1.0, 3.0]
    assert dl.conj(x).tolist() == [1 - 2j, 3 + 1j]
    assert x.tolist() == [1 + 2j, 3 - 1j]


def test_gradients_flow_through_what_is_given_back():
    x = dl.tensor([1.0, -2.0], requires_grad=True)
    ((+x) * x.real).sum().backward()
    assert x.grad.tolist() == [2.0, -4.0]


def test_a_boolean_has_no_sign():
    with pytest.raises(dl.DTypeError, match="positive"):
        dl.positive(dl.tensor([True]))
