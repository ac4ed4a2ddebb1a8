"""@op: one function of a namespace and arrays that returns the value and a pullback per array.

    @op(needs="y")
    def tanh(xp, x, /):
        y = xp.tanh(x)
        return y, lambda gy: gy * (1 - y * y)

Such a function is the op's definition. Read with arrays, it computes; read with tensors (see walk.py), its pullback is itself
differentiable. No definition asks which.

Parameters before a `/` (all positional ones if there is none) are arrays: tensor, Python scalar, None, or a list of them.
The others are constants. Where the standard's signature puts the `/` elsewhere, @op(arrays=n) says that the first n are
arrays. With @op(save=True) the second parameter, before the arrays, says whether anything is recorded.
A pullback may be None: for an integer or boolean output it is not missed, for any other backward raises GradientError.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, Unpack, overload

from . import nvtx
from .call import caller
from .declaration import Op, Options
from .direct import direct

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

OPS: dict[str, Callable[..., Any]] = {}
"""Every op by name."""

LINEAR: set[str] = set()
"""Names of the ops that are kernels closed under differentiation: the tensor namespace uses these, not the reference kernel."""


class Decorator(Protocol):
    """What @op(...) is: it makes the function that users call, which is not given xp and returns the value."""

    def __call__(self, definition: Callable[Concatenate[Any, P], tuple[R, Any]], /) -> Callable[P, R]: ...


class SavingDecorator(Protocol):
    """What @op(save=True) is: the definition's second parameter is not the users' either."""

    def __call__(self, definition: Callable[Concatenate[Any, bool, P], tuple[R, Any]], /) -> Callable[P, R]: ...


class ResultDecorator(Protocol[R_co]):
    """What @op(result=...) is: the function returns that NamedTuple."""

    def __call__(self, definition: Callable[Concatenate[Any, P], Any], /) -> Callable[P, R_co]: ...


@overload
def op(definition: Callable[Concatenate[Any, P], tuple[R, Any]], /) -> Callable[P, R]: ...
@overload
def op(*, save: Literal[True], **options: Unpack[Options]) -> SavingDecorator: ...
@overload
def op(*, result: type[R], **options: Unpack[Options]) -> ResultDecorator[R]: ...
@overload
def op(**options: Unpack[Options]) -> Decorator: ...
def op(
    definition: Callable[..., Any] | None = None,
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
    save: bool = False,
    result: Any = None,
    tensors: Callable[..., Any] | None = None,
    adds: tuple[str, tuple[int, ...]] | None = None,
    fresh: bool = False,
    same: str = "",
) -> Any:
    """Make a differentiable function on tensors out of its definition on arrays.

    The definition is a function ``(xp, *arrays, *, constants)`` that returns the value and one pullback (vector-Jacobian
    product) per array. ``xp`` has the functions of the array API standard and the kernels. Positional parameters are arrays,
    keyword-only ones are constants.

    Parameters
    ----------
    definition : callable
        The definition. Left out where there are options: ``@op(needs="y")``.
    needs : str or sequence of str, optional
        Names of the arguments whose values the pullbacks use (and ``"y"``, the outputs, or ``"y1"``, output 1 of 0, 1 ...), one
        string for all pullbacks or one per array. Backward raises if such a value was overwritten. By default all of them.
    view : bool
        Whether the result may share the first argument's storage.
    promotes : {"join", "float"}, optional
        How arguments of an elementwise op promote: integers that meet floats take their dtype (``"join"``), or integers become
        floats in any case (``"float"``).
    linear : bool
        Whether the op is a kernel whose pullbacks are ops of its own kind, such as convolution.
    complex : bool
        Whether the pullbacks hold for complex values, in PyTorch's conjugate convention; otherwise these have no gradient.
    none_cotangents : bool
        Whether a missing cotangent of one of several outputs arrives as None instead of zeros.
    constants : sequence of int
        Positions of floating outputs that no gradient flows through.
    name : str, optional
        The op's name where it is not the definition's.
    arrays : int, optional
        How many leading parameters are arrays, where the ``/`` of the signature does not say it.
    save : bool
        Whether the definition has a second parameter, which is True where a gradient may be asked for.
    result : NamedTuple class, optional
        The class in which several outputs are returned.
    tensors : callable, optional
        A definition for the reading with tensors, where it cannot be the same; only its pullback is used.
    adds : tuple of str and tuple of int, optional
        A kernel that the pullbacks call last, and the positions of the arrays whose gradients it makes: where such a gradient
        would be added to a sum, the kernel may add to it itself (see `dlengine.kernels.totals`).
    fresh : bool
        Whether each gradient is an array that nothing else holds, unless it is the cotangent or a view: then it is added to in
        place.
    same : str
        Kinds of dtypes (of ``"bifc"``) for which the op, of one array, changes nothing: it then returns the tensor itself.

    Returns
    -------
    callable
        The function that users call, without ``xp``. It takes and returns tensors; its ``__wrapped__`` is the definition.

    Examples
    --------
    >>> @dl.op(needs="x")
    ... def cube(xp, x, /):
    ...     return x * x * x, lambda gy: gy * 3 * x * x
    >>> x = dl.tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])
    """

    def decorate(definition: Callable[..., Any]) -> Callable[..., Any]:
        own = name or definition.__name__
        text = nvtx.ranged(definition, own) if nvtx.ENABLED else definition
        declared = Op(
            text, needs=needs, view=view, promotes=promotes, complex=complex, none_cotangents=none_cotangents,
            constants=constants, name=own, arrays=arrays, save=save, result=result, tensors=tensors,
            adds=adds, fresh=fresh, same=same,
        )  # fmt: skip
        if linear:
            LINEAR.add(own)
        call = direct(declared, caller(declared))
        OPS[own] = documented(call, declared, definition)
        return call

    return decorate if definition is None else decorate(definition)


def documented(call: Callable[..., Any], op: Op, definition: Callable[..., Any]) -> Callable[..., Any]:
    """Give a caller its op's name, docstring, and signature without what users do not pass; __wrapped__ is the definition."""
    call.__name__ = op.name
    call.__qualname__ = op.name
    call.__doc__ = definition.__doc__
    call.__module__ = definition.__module__
    call.__wrapped__ = definition  # type: ignore[attr-defined]
    signature = inspect.signature(definition)
    shown = [p for p in list(signature.parameters.values())[2 if op.save_first else 1 :] if p.name != "save"]
    returns = op.returns or returned(signature.return_annotation)
    call.__signature__ = signature.replace(parameters=shown, return_annotation=returns)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in shown if p.annotation is not p.empty} | {"return": returns}
    call.op = op  # type: ignore[attr-defined]
    return call


def returned(annotation: Any) -> str:
    """What the function that users call returns, if its definition returns this: the value without the pullbacks."""
    text = annotation if isinstance(annotation, str) else "ValueAndVJP"
    return text.removeprefix("tuple[").removesuffix(", Any]") if text.startswith("tuple[") else "Tensor"
