"""@op: one function of a namespace and arrays that returns the value and a pullback per array.

    @op(needs="y")
    def tanh(xp, x, /):
        y = xp.tanh(x)
        return y, lambda gy: gy * (1 - y * y)

Read with arrays, it computes; read with tensors (see walk.py), its pullback is itself differentiable. No text asks which.

Parameters before a `/` (all positional ones if there is none) are arrays: tensor, Python scalar, None, or a list of them.
The others are constants. Where the standard's signature puts the `/` elsewhere, @op(arrays=n) says that the first n are
arrays. A text with a parameter `save` is told whether anything is recorded.
A pullback may be None: for an integer or boolean output it is not missed, for any other backward raises GradientError.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, overload

from . import ranges
from .call import caller, unrolled
from .declaration import Op

OPS: dict[str, Callable[..., Any]] = {}
"""Every op by name."""

LINEAR: set[str] = set()
"""Names of the ops that are kernels closed under differentiation: the tensor namespace uses these, not the reference kernel."""


@overload
def op(text: Callable[..., Any], /) -> Callable[..., Any]: ...
@overload
def op(
    *,
    needs: str | Sequence[str] | None = None,
    view: bool = False,
    promotes: str | None = None,
    linear: bool = False,
    complex: bool = False,
    none_cotangents: bool = False,
    constants: Sequence[int] = (),
    name: str | None = None,
    arrays: int | None = None,
    result: Any = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
def op(
    text: Callable[..., Any] | None = None,
    *,
    needs: str | Sequence[str] | None = None,
    view: bool = False,
    promotes: str | None = None,
    linear: bool = False,
    complex: bool = False,
    none_cotangents: bool = False,
    constants: Sequence[int] = (),
    name: str | None = None,
    arrays: int | None = None,
    result: Any = None,
) -> Any:
    """Make a differentiable function on tensors out of an op text (see the module's docstring).

    needs: names of the arguments (and "y", the outputs, or "y1", output 1 of 0, 1 ...) whose values the pullbacks use, one
    string for all or one per array; the default guards everything. view: the result may share the first argument's
    storage. promotes: "join"
    (integers meeting floats take their dtype) or "float" (integers become floats in any case). complex: the pullbacks
    hold for complex values too, in PyTorch's conjugate convention; otherwise their gradients are refused. linear: a kernel
    closed under differentiation. none_cotangents: a missing cotangent of one of several outputs arrives as None instead of
    zeros. constants: positions of outputs that no gradient flows through (integer and boolean ones need not be named).
    name: where it is not the text's own. arrays: how many leading parameters are arrays, where the `/` does not say it.
    result: the NamedTuple of the outputs.
    """

    def decorate(text: Callable[..., Any]) -> Callable[..., Any]:
        if ranges.ENABLED:
            text = ranges.ranged(text, name or text.__name__)
        declared = Op(text, needs, view, promotes, complex, none_cotangents, constants, name, arrays, result)
        if linear:
            LINEAR.add(declared.name)
        call = caller(declared)
        if promotes is not None and len(declared.arrays) == 2 and not (declared.consts or view or linear):
            call = unrolled(declared, call)
        OPS[declared.name] = documented(call, declared, text)
        return call

    return decorate if text is None else decorate(text)


def documented(call: Callable[..., Any], op: Op, text: Callable[..., Any]) -> Callable[..., Any]:
    """Give a caller its op's name, docstring and signature."""
    call.__name__ = op.name
    call.__qualname__ = op.name
    call.__doc__ = text.__doc__
    call.__module__ = text.__module__
    signature = inspect.signature(text)
    shown = [p for p in list(signature.parameters.values())[1:] if p.name != "save"]
    call.__signature__ = signature.replace(parameters=shown, return_annotation=inspect.Signature.empty)  # type: ignore[attr-defined]
    call.op = op  # type: ignore[attr-defined]
    return call
