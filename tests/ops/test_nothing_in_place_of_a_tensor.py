"""None where an op takes a tensor or a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import pytest

import dlengine as dl
from dlengine.autograd.op import op
from dlengine.errors import DTypeError

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")


@pytest.mark.parametrize("name", ["add", "maximum", "equal", "less", "logical_and", "fmod", "matmul", "atan2"])
@pytest.mark.parametrize("first", [False, True])
def test_of_two(backend: str, name: str, first: bool) -> None:
    x = dl.asarray(np.ones((2, 2), np.bool_ if name.startswith("logical") else np.float32))
    with pytest.raises(DTypeError, match=rf"{name}: expected a tensor or a Python number \(x1, x2\), got builtins.NoneType"):
        getattr(dl, name)(*((None, x) if first else (x, None)))


CHOICES: list[Callable[..., Any]] = [
    lambda c, x: dl.where(c, x, None), lambda c, x: dl.where(c, None, x), lambda c, x: dl.where(None, x, x),
]  # fmt: skip


@pytest.mark.parametrize("call", CHOICES)
def test_where(backend: str, call: Callable[..., Any]) -> None:
    x = dl.asarray([1.0, 2.0])
    with pytest.raises(DTypeError, match="where: expected a tensor or a Python number .* got builtins.NoneType"):
        call(x > 1, x)


def test_operators_leave_it_to_python(backend: str) -> None:
    x = dl.asarray([1.0, 2.0])
    assert (x == None) is False  # noqa: E711 - what is asked
    with pytest.raises(TypeError, match="unsupported operand"):
        x + None  # pyright: ignore[reportOperatorIssue]


OLD: Any = Optional[dl.Tensor]  # noqa: UP045 - users write it so


@pytest.mark.parametrize("annotation", ["Optional[dl.Tensor]", OLD, "dl.Tensor | None", "Shift", object, None])
def test_where_a_definition_allows_it(backend: str, annotation: Any) -> None:
    def text(xp: Any, x: Any, by: Any, /) -> Any:
        return x if by is None else x + by, (lambda gy: gy, lambda gy: gy)

    text.__annotations__ = {} if annotation is None else {"by": annotation}
    shifted: Any = op(needs="", name="shifted")(text)
    x = dl.asarray([1.0, 2.0])
    assert shifted(x, None).numpy_copy().tolist() == [1, 2]
    assert shifted(x, x).numpy_copy().tolist() == [2, 4]
    assert dl.clip(x, None, 1.5).numpy_copy().tolist() == [1, 1.5]
