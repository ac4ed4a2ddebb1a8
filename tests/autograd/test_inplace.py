"""Writing in place, and the border to NumPy: seen by everything that shares the memory, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DTypeError, GradientError


def leaf(*values: float) -> Any:
    return dl.asarray(list(values), dtype=dl.float64).requires_grad_()


def values(t: Any) -> list[float]:
    return t.detach().numpy().tolist()


UPDATES: dict[str, Callable[[Any], Any]] = {
    "t[k] = v": lambda t: t.__setitem__(0, 7.0),
    "t += v": lambda t: t.__iadd__(1.0),
    "t -= v": lambda t: t.__isub__(1.0),
    "t *= v": lambda t: t.__imul__(2.0),
    "t /= v": lambda t: t.__itruediv__(2.0),
}


@pytest.mark.parametrize("name", UPDATES)
def test_a_needed_value_overwritten_stops_backward_naming_the_op(name: str) -> None:
    x = leaf(1.0, 2.0)
    y = dl.exp(x)
    z = y.sum()
    with dl.no_grad():
        UPDATES[name](y)
    with pytest.raises(GradientError, match="^exp: a value that its gradient needs was overwritten in place"):
        z.backward()


@pytest.mark.parametrize("name", UPDATES)
def test_an_unneeded_value_may_be_overwritten(name: str) -> None:
    x = leaf(1.0, 2.0)
    y = x + 1
    z = (y + 2).sum()
    with dl.no_grad():
        UPDATES[name](y)
    z.backward()
    assert values(x.grad) == [1.0, 1.0]


@pytest.mark.parametrize("name", UPDATES)
def test_a_leaf_that_requires_a_gradient_is_not_assigned(name: str) -> None:
    with pytest.raises(GradientError, match=r"leaf that requires a gradient; write under dl.no_grad\(\)"):
        UPDATES[name](leaf(1.0, 2.0))


@pytest.mark.parametrize("name", UPDATES)
def test_a_view_is_not_assigned_while_recording(name: str) -> None:
    x = leaf(1.0, 2.0) * 1
    with pytest.raises(GradientError, match="t is a view"):
        UPDATES[name](x[:])


@pytest.mark.parametrize("name", UPDATES)
def test_written_through_to_every_view_where_no_gradient_is_involved(name: str) -> None:
    x = dl.asarray([1.0, 2.0])
    view, other = x[:1], dl.reshape(x, (2, 1))
    UPDATES[name](view)
    assert values(other)[0] == [values(x)[0]]
    assert values(x)[0] == values(view)[0]
    assert values(x)[0] != 1.0


def test_a_write_through_a_view_is_seen_by_the_base_and_its_other_views() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    part, turned = h[1:], h[::-1]
    y = dl.exp(turned).sum() + (h * h).sum()
    with dl.no_grad():
        part[0] = 5.0
    with pytest.raises(GradientError, match="multiply: a value"):
        y.backward()


def test_a_write_before_the_use_is_harmless() -> None:
    x = leaf(1.0, 2.0)
    with dl.no_grad():
        x *= 3.0
    (x * x).sum().backward()
    assert values(x.grad) == [6.0, 12.0]


def test_recorded_assignment_is_followed() -> None:
    x, v = leaf(1.0, 2.0, 3.0), leaf(10.0)
    h = x * 2
    old = h
    h[1] = v[0] * v[0]
    assert h is old
    h *= 2
    (h * dl.asarray([1.0, 10.0, 100.0], dtype=dl.float64)).sum().backward()
    assert values(x.grad) == [4.0, 0.0, 400.0]
    assert values(v.grad) == [400.0]


def test_an_assigned_tensor_starts_to_require_a_gradient() -> None:
    t, v = dl.zeros((3,), dtype=dl.float64), leaf(2.0)
    t[1:] = v
    assert t.requires_grad
    t.sum().backward()
    assert values(v.grad) == [2.0]


def test_earlier_uses_keep_the_earlier_value() -> None:
    x = leaf(3.0)
    h = x * 1
    before = h * h
    h += 1
    (before + h * h).sum().backward()
    assert values(x.grad) == [6.0 + 8.0]


def test_an_assignment_that_would_change_shape_or_dtype_is_refused() -> None:
    h = leaf(1.0, 2.0) * 1
    with pytest.raises(DTypeError, match="assign to a new name"):
        h += dl.ones((3, 2), dtype=dl.float64)
    t = dl.arange(3)
    with pytest.raises(DTypeError, match="assign to a new name"):
        t /= 2


def test_create_graph_after_a_write_raises_or_is_right() -> None:
    x = leaf(2.0)
    y = (dl.tanh(x) * x).sum()
    with dl.no_grad():
        x[...] = 9.0
    with pytest.raises(GradientError, match="overwritten in place"):
        dl.gradients(y, x, create_graph=True)


def test_optimizer_style_update_between_steps() -> None:
    w = leaf(1.0)
    for _ in range(3):
        w.grad = None
        (w * w).sum().backward()
        with dl.no_grad():
            w -= 0.1 * w.grad
    np.testing.assert_allclose(values(w), [0.8**3])


# ---------------------------------------------------------------------- NumPy
def test_leaving_for_numpy_needs_detach() -> None:
    x = leaf(1.0)
    for leave in (np.asarray, lambda t: t.numpy(), lambda t: t.__dlpack__(), np.array, np.from_dlpack):
        with pytest.raises(GradientError, match=r"use x.detach\(\) first"):
            leave(x)
    assert np.asarray(x.detach()).tolist() == [1.0]


def test_numpy_views_are_read_only_and_share() -> None:
    x = dl.asarray([1.0, 2.0])
    view = x.numpy()
    assert np.shares_memory(view, x.array)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5.0
    x[0] = 7.0
    assert view[0] == 7.0


def test_asarray_copies_unless_told_not_to() -> None:
    source = np.array([1.0, 2.0])
    copied, shared = dl.asarray(source), dl.asarray(source, copy=False)
    source[0] = 9.0
    assert values(copied) == [1.0, 2.0]
    assert values(shared) == [9.0, 2.0]
    with pytest.raises(ValueError, match="copy=False"):
        dl.asarray([1.0], copy=False)


def test_numpy_leaves_mixed_operators_to_us() -> None:
    with pytest.raises(TypeError):
        np.add(np.ones(2), dl.ones((2,)))
    with pytest.raises(TypeError):
        np.ones(2) * dl.ones((2,))


def test_no_warning_for_nan_and_inf() -> None:
    """Values here, as on every other backend; warnings are errors in this suite."""
    x = leaf(0.0, -1.0)
    y = dl.log(x) + 1 / x
    y.sum().backward()
    assert not np.isfinite(values(y)).all()
