"""lerp, addcmul and addcdiv: a tensor plus something weighted.

Large tensors of one floating dtype are computed in one pass each. A number is an argument of that like the tensors, so that a
weight that changes at every step, as optimizers have it, is no other formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...autograd.promotion import REAL_FLOATS
from .core import define, in_place, is_tensor
from .engine import dl

__all__: list[str] = []

LARGE = 2048
"""Elements from which on one pass takes less time than three calls of small ops."""


def _lerp_text(xp: Any, x: Any, end: Any, weight: Any, /) -> Any:
    way = end - x
    y = xp.where(xp.abs(weight) < 0.5, x + weight * way, end - way * (1 - weight))  # from the nearer end
    return y, (
        lambda gy: gy * (1 - weight),
        lambda gy: gy * weight,
        lambda gy: gy * (end - x),
    )


def _addcmul_text(xp: Any, x: Any, a: Any, b: Any, value: Any, /) -> Any:
    return x + a * b * value, (
        lambda gy: gy,
        lambda gy: gy * value * b,
        lambda gy: gy * value * a,
        lambda gy: gy * (a * b),
    )


def _addcdiv_text(xp: Any, x: Any, a: Any, b: Any, value: Any, /) -> Any:
    return x + a / b * value, (
        lambda gy: gy,
        lambda gy: gy * value / b,
        lambda gy: -(gy * value) * (a / b) / b,
        lambda gy: gy * (a / b),
    )


_lerp_op, _addcmul_op, _addcdiv_op = [
    dl.op(name=name, needs=None, promotes="join")(text)
    for name, text in (("_lerp", _lerp_text), ("_addcmul", _addcmul_text), ("_addcdiv", _addcdiv_text))
]


def _at_once(op: Callable[..., Any], tensors: tuple[Any, ...], weight: Any) -> Any:
    """An op of tensors of one floating dtype, the first one large, and a weight; None of others."""
    x = tensors[0]
    dtype = x.array.dtype
    if x.array.size < LARGE or dtype not in REAL_FLOATS:
        return None
    if not all([is_tensor(t) and t.array.dtype == dtype for t in tensors]):
        return None
    if is_tensor(weight):
        return op(*tensors, weight) if weight.array.dtype == dtype else None
    if type(weight) is not float and type(weight) is not int:
        return None
    return op(*tensors, dl.asarray(weight, dtype=dtype, device=x.device))


@define("lerp")
def _lerp(input: Any, end: Any, weight: Any) -> Any:
    y = _at_once(_lerp_op, (input, end), weight)
    if y is not None:
        return y
    if is_tensor(weight):
        if "c" not in input.dtype.kind + weight.dtype.kind:
            return _lerp_op(input, end, weight)
        return dl.where(dl.abs(weight) < 0.5, input + weight * (end - input), end - (end - input) * (1 - weight))
    return input + weight * (end - input) if abs(weight) < 0.5 else end - (end - input) * (1 - weight)


@define("addcmul")
def _addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    y = _at_once(_addcmul_op, (input, tensor1, tensor2), value)
    return y if y is not None else input + (tensor1 * tensor2 if value == 1 else tensor1 * tensor2 * value)


@define("addcdiv")
def _addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    y = _at_once(_addcdiv_op, (input, tensor1, tensor2), value)
    return y if y is not None else input + (tensor1 / tensor2 if value == 1 else tensor1 / tensor2 * value)


in_place("lerp", "addcmul", "addcdiv")
