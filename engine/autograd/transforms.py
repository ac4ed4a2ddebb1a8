"""Functions of functions: grad, value_and_grad, vjp, jvp, jacobian, hessian; and the search for the op that makes a NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ..errors import DTypeError, GradientError, ShapeError
from ..scopes import scope
from .base import TensorBase, enable_grad, graph, recording, second_reading, wrap
from .derivatives import gradients, xp_of
from .promotion import is_inexact
from .record import anomaly as anomalous

if TYPE_CHECKING:
    from ..typing import Tensor


_within: ContextVar[bool] = ContextVar("dlengine_within_transform", default=False)


@contextmanager
def _inside() -> Iterator[None]:
    """While a transform runs its function: transforms inside it must stay differentiable, whatever they close over."""
    token = _within.set(True)
    try:
        yield
    finally:
        _within.reset(token)


def _tracked(values: Sequence[Any]) -> bool:
    return _within.get() or any(isinstance(v, TensorBase) and v.needs_grad for v in values)


def _closes_over(y: Any, inner: Sequence[Any]) -> bool:
    """Whether y also depends on a leaf that a function closed over: its derivatives must then stay differentiable.

    Only where the caller records; under no_grad() nothing is kept.
    """
    own = {id(t) for t in inner}
    return isinstance(y, TensorBase) and any(
        isinstance(a, TensorBase) and a.needs_grad and id(a) not in own
        for node in graph([y.node] if y.node is not None else [])
        for a in node.inputs
    )


def _argnums(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def _fresh_args(args: tuple[Any, ...], nums: tuple[int, ...], who: str) -> list[Any]:
    """The arguments, those in nums replaced by fresh ones that track gradients (still tied to the caller's graph)."""
    out = list(args)
    for n in nums:
        if n >= len(args):
            raise GradientError(f"{who}: argnums names argument {n}, but the function got {len(args)}")
        if not isinstance(args[n], TensorBase) or not is_inexact(args[n].array):
            raise DTypeError(f"{who}: argument {n} must be a floating tensor to be differentiated")
        out[n] = args[n] * 1 if args[n].needs_grad else wrap(args[n].array, True)
    return out


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """Return a function that gives a scalar function's value and its gradient.

    Parameters
    ----------
    f : callable
        From tensors to a scalar tensor.
    argnums : int or sequence of int
        The arguments to differentiate for.

    Returns
    -------
    callable
        It returns the value and the gradient, a tuple of gradients for several ``argnums``. The gradient can be
        differentiated where the arguments, or what ``f`` closes over, require gradients, so that calls can be nested.

    Examples
    --------
    >>> value, gradient = dl.value_and_grad(lambda x: (x * x).sum())(dl.asarray([1.0, 2.0]))
    >>> value, gradient
    (tensor(5.), tensor([2., 4.]))
    """
    nums = _argnums(argnums)

    def call(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        deeper, outside = _tracked(args), recording.get()
        with enable_grad(), _inside():
            inner = _fresh_args(args, nums, "grad")
            y: Any = f(*inner, **kwargs)
            deeper = deeper or (outside and _closes_over(y, inner))
            if not isinstance(y, TensorBase) or y.array.shape != ():
                raise ShapeError(f"grad: f must return a scalar tensor, got {getattr(y, 'shape', type(y).__name__)}")
            scalar: Any = y
            gs = gradients(scalar, [inner[n] for n in nums], create_graph=deeper)
        return (y if deeper else y.detach()), (gs[0] if isinstance(argnums, int) else tuple(gs))  # type: ignore[attr-defined]

    return call


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the gradient function of a scalar function.

    Parameters
    ----------
    f : callable
        From tensors to a scalar tensor.
    argnums : int or sequence of int
        The arguments to differentiate for.

    Returns
    -------
    callable
        It returns the gradient, a tuple of gradients for several ``argnums``.

    See Also
    --------
    value_and_grad : The value as well.

    Examples
    --------
    >>> f = lambda x: x**3
    >>> dl.grad(f)(dl.asarray(2.0))
    tensor(12.)
    >>> dl.grad(dl.grad(f))(dl.asarray(2.0))
    tensor(12.)
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def vjp(f: Callable[..., Any], *args: Tensor) -> tuple[Tensor, Callable[..., Any]]:
    """Return a function's value and its vector-Jacobian product.

    Parameters
    ----------
    f : callable
        From tensors to a tensor.
    *args : Tensor
        Its arguments, floating.

    Returns
    -------
    value : Tensor
        ``f(*args)``.
    pullback : callable
        From a cotangent of the value to the cotangents of all arguments.

    Examples
    --------
    >>> value, pullback = dl.vjp(lambda x: x * 3, dl.asarray([1.0, 2.0]))
    >>> pullback(dl.ones(2))
    (tensor([3., 3.]),)
    """
    deeper, outside = _tracked(args), recording.get()
    with enable_grad(), _inside():
        inner = _fresh_args(args, tuple(range(len(args))), "vjp")
        y = f(*inner)
    deeper = deeper or (outside and _closes_over(y, inner))

    def pull(gy: Any) -> tuple[Any, ...]:
        return tuple(gradients(y, inner, gy, create_graph=deeper or _tracked((gy,)), retain_graph=True))

    return (y if deeper else y.detach()), pull


def jvp(f: Callable[..., Any], primals: Sequence[Tensor], tangents: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return a function's value and its derivative along tangents, the Jacobian-vector product.

    Parameters
    ----------
    f : callable
        From tensors to a tensor.
    primals : sequence of Tensor
        The arguments, floating.
    tangents : sequence of Tensor
        A direction for each argument.

    Returns
    -------
    value : Tensor
        ``f(*primals)``.
    derivative : Tensor
        Its derivative along the tangents, computed as a pullback of a pullback.

    Raises
    ------
    ShapeError
        If there are not equally many primals and tangents.

    Examples
    --------
    >>> dl.jvp(lambda x: x * x, [dl.asarray(3.0)], [dl.asarray(1.0)])
    (tensor(9.), tensor(6.))
    """
    if not all(isinstance(v, (list, tuple)) for v in (primals, tangents)) or len(primals) != len(tangents):
        shown = [f"{len(v)}" if isinstance(v, (list, tuple)) else type(v).__name__ for v in (primals, tangents)]
        raise ShapeError(f"jvp: primals and tangents must be sequences of one length, got {shown[0]} and {shown[1]}")
    deeper, outside = _tracked((*primals, *tangents)), recording.get()
    with enable_grad():
        inner = _fresh_args(tuple(primals), tuple(range(len(primals))), "jvp")
        with _inside():
            y = f(*inner)
        deeper = deeper or (outside and _closes_over(y, inner))
        u = wrap(xp_of(y).zeros(y.array.shape, dtype=y.array.dtype), True)
        gs = gradients(y, inner, u, create_graph=True)
        linear = [g for g in gs if g.needs_grad]
        if not linear:
            return y.detach(), wrap(xp_of(y).zeros(y.array.shape, dtype=y.array.dtype))
        used = [t for g, t in zip(gs, tangents, strict=True) if g.needs_grad]
        dy = gradients(linear, u, used, create_graph=deeper)
    return (y if deeper else y.detach()), dy


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the function that gives a function's Jacobian.

    Parameters
    ----------
    f : callable
        From tensors to a tensor y.
    argnums : int or sequence of int
        The arguments x to differentiate for.

    Returns
    -------
    callable
        It returns the derivatives, of shape ``y.shape + x.shape`` for each of ``argnums``, by one pullback for each
        element of y.

    Examples
    --------
    >>> dl.jacobian(lambda x: x * x)(dl.asarray([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    nums = _argnums(argnums)

    def call(*args: Any) -> Any:
        deeper, outside = _tracked(args), recording.get()
        with enable_grad():
            inner = _fresh_args(args, nums, "jacobian")
            with _inside():
                y = f(*inner)
            deeper = deeper or (outside and _closes_over(y, inner))
            ns = second_reading(y)
            flat = ns.reshape(y, (-1,))
            rows: list[list[Any]] = [[] for _ in nums]
            for i in range(flat.array.shape[0]):
                gs = gradients(flat[i], [inner[n] for n in nums], create_graph=deeper, retain_graph=True)
                for row, g in zip(rows, gs, strict=True):
                    row.append(g)
            out = []
            for n, row in zip(nums, rows, strict=True):
                shape = (*y.array.shape, *args[n].array.shape)
                if row:
                    out.append(ns.reshape(ns.stack(row), shape))
                else:
                    out.append(wrap(xp_of(y).zeros(shape, dtype=y.array.dtype)))
        return out[0] if isinstance(argnums, int) else tuple(out)

    return call


def hessian(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that gives the second derivatives of a scalar function of one tensor.

    Parameters
    ----------
    f : callable
        From a tensor x to a scalar tensor.

    Returns
    -------
    callable
        It returns a tensor of shape ``x.shape + x.shape``.

    Examples
    --------
    >>> dl.hessian(lambda x: (x**3).sum())(dl.asarray([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def call(x: Any) -> Any:
        if not isinstance(x, TensorBase) or not is_inexact(x.array):
            raise DTypeError("hessian: the argument must be a floating tensor to be differentiated")
        start = x if x.needs_grad else wrap(x.array, True)
        out = jacobian(grad(f))(start)
        return out if x.needs_grad else out.detach()

    return call


@scope
def anomaly() -> Iterator[None]:
    """Find the op that first makes a NaN, inside a block or a decorated function.

    Returns
    -------
    context manager
        An op whose forward or gradient makes a NaN raises GradientError with the source line of its call.

    Examples
    --------
    >>> with dl.anomaly():
    ...     y = dl.ones(2) * 2
    >>> y
    tensor([2., 2.])
    """
    token = anomalous.set(True)
    try:
        yield
    finally:
        anomalous.reset(token)
