"""Ways to ask for derivatives: backward, gradients, grad, value_and_grad, vjp, jvp, jacobian, hessian."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dlengine.kernels import live

from .. import backend
from ..errors import DTypeError, GradientError, ShapeError
from ..scopes import scope
from . import walk
from .base import TensorBase, enable_grad, graph, recording, second_reading, wrap
from .promotion import is_inexact
from .record import anomaly as anomalous


def _space(t: TensorBase) -> Any:
    return backend.space_of(t._array)


def _cotangent(y: Any, g: Any, who: str, create_graph: bool) -> Any:
    """The start of a walk at y: ones for a scalar, else what the caller gave, checked."""
    if g is None:
        if y._array.shape != ():
            raise ShapeError(
                f"{who}: y has shape {y._array.shape}; give the gradient of what follows it, or reduce y to a scalar first"
            )
        ones = _space(y).ones((), dtype=y._array.dtype)
        return wrap(ones) if create_graph else ones
    if not isinstance(g, TensorBase):
        raise DTypeError(f"{who}: gradient must be a tensor, got {type(g).__name__}")
    if g._array.shape != y._array.shape or g._array.dtype != y._array.dtype:
        raise ShapeError(
            f"{who}: gradient has shape {g._array.shape} and dtype {g._array.dtype}, "
            f"expected those of y: {y._array.shape} and {y._array.dtype}"
        )
    return g if create_graph else g._array


def backward(y: Any, gradient: Any = None, *, create_graph: bool = False, retain_graph: bool | None = None) -> None:
    """Accumulate dy/dleaf into `.grad` of every leaf that y depends on.

    y: a scalar, or any tensor with gradient, the cotangent of y's shape and dtype. create_graph makes the gradients
    differentiable; retain_graph (default: create_graph) keeps what a second backward through this graph needs.
    Raises GradientError if y does not depend on anything that requires a gradient.
    Backward over shared leaves from several threads at once is not supported.
    """
    if not y._requires_grad:
        raise GradientError("backward: y does not depend on a tensor that requires a gradient; set requires_grad_() on a leaf")
    g = _cotangent(y, gradient, "backward", create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    found = walk.run([(y, g)], None, create_graph=create_graph, retain_graph=retain)
    pairs = list(found.items()) if create_graph else walk.own(found)
    found.clear()
    step = live.recording.get()
    for leaf, g in pairs:
        held = leaf._grad
        if step is not None:
            step.give_gradient(leaf, held)
        if held is None:  # a recorded gradient may be another leaf's too, or the caller's: .grad is this leaf's alone
            leaf._grad = second_reading(g).clone(g) if create_graph else wrap(g)
        elif create_graph:
            leaf._grad = held + g
        else:
            xp = _space(held)
            total = held._array + g
            leaf._grad = wrap(total if type(total) is type(held._array) else xp.asarray(total))


def gradients(
    ys: Any, xs: Any, gradient: Any = None, *, create_graph: bool = False, retain_graph: bool | None = None
) -> Any:
    """d(sum of ys)/dxs as tensors, leaving `.grad` alone; a list for a list of xs, else one tensor.

    ys, xs: a tensor or a sequence of tensors; xs may be intermediates. gradient: one cotangent per y that is no scalar.
    An x that no y depends on gets zeros. Raises GradientError if an x does not require a gradient.
    """
    many = isinstance(xs, (list, tuple))
    targets = list(xs) if many else [xs]
    outputs = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    given = list(gradient) if isinstance(gradient, (list, tuple)) else [gradient] * len(outputs)
    for i, y in enumerate(outputs):
        if not isinstance(y, TensorBase):
            raise DTypeError(f"gradients: ys[{i}] must be a tensor, got {type(y).__name__}")
    if len(given) != len(outputs):
        raise ShapeError(f"gradients: gradient must have one entry for each of {len(outputs)} ys, got {len(given)}")
    for i, x in enumerate(targets):
        if not isinstance(x, TensorBase) or not x._requires_grad:
            raise GradientError(f"gradients: xs[{i}] does not require a gradient; call requires_grad_() before the forward")
    roots = [
        (y, _cotangent(y, g, "gradients", create_graph))
        for y, g in zip(outputs, given, strict=True)
        if y._requires_grad
    ]  # fmt: skip
    retain = create_graph if retain_graph is None else retain_graph
    found = walk.run(roots, targets, create_graph=create_graph, retain_graph=retain)
    out: list[Any] = []
    arrays = found if create_graph else dict(walk.own(found))
    for x in targets:
        g = arrays.get(x if x._node is None else (x._node, x._index))
        if g is not None and any(x is t for t in targets[: len(out)]):  # asked for twice: each gets its own
            g = second_reading(g).clone(g) if create_graph else _space(x).asarray(g, copy=True)
        if g is None:
            g = _space(x).zeros(x._array.shape, dtype=x._array.dtype)
            g = wrap(g)
        elif not create_graph:
            g = wrap(g)
        out.append(g)
    return out if many else out[0]


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
    return _within.get() or any(isinstance(v, TensorBase) and v._requires_grad for v in values)


def _closes_over(y: Any, inner: Sequence[Any]) -> bool:
    """Whether y also depends on a leaf that a function closed over: its derivatives must then stay differentiable.

    Only where the caller records; under no_grad() nothing is kept.
    """
    own = {id(t) for t in inner}
    return isinstance(y, TensorBase) and any(
        isinstance(a, TensorBase) and a._requires_grad and id(a) not in own
        for node in graph([y._node] if y._node is not None else [])
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
        if not isinstance(args[n], TensorBase) or not is_inexact(args[n]._array):
            raise DTypeError(f"{who}: argument {n} must be a floating tensor to be differentiated")
        out[n] = args[n] * 1 if args[n]._requires_grad else wrap(args[n]._array, True)
    return out


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function returning f's scalar value and its gradient with respect to the arguments argnums.

    The gradient is itself differentiable where the arguments, or what f closes over, require gradients (not under
    no_grad), so calls can be nested.
    """
    nums = _argnums(argnums)

    def call(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        deeper, outside = _tracked(args), recording.get()
        with enable_grad(), _inside():
            inner = _fresh_args(args, nums, "grad")
            y = f(*inner, **kwargs)
            deeper = deeper or (outside and _closes_over(y, inner))
            if not isinstance(y, TensorBase) or y._array.shape != ():
                raise ShapeError(f"grad: f must return a scalar tensor, got {getattr(y, 'shape', type(y).__name__)}")
            gs = gradients(y, [inner[n] for n in nums], create_graph=deeper)
        return (y if deeper else y.detach()), (gs[0] if isinstance(argnums, int) else tuple(gs))  # type: ignore[attr-defined]

    return call


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The gradient function of a scalar function: grad(f)(x) = df/dx. See value_and_grad."""
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[..., Any]]:
    """f(*args), and the function from a cotangent of it to the cotangents of all args (the vector-Jacobian product)."""
    deeper, outside = _tracked(args), recording.get()
    with enable_grad(), _inside():
        inner = _fresh_args(args, tuple(range(len(args))), "vjp")
        y = f(*inner)
    deeper = deeper or (outside and _closes_over(y, inner))

    def pull(gy: Any) -> tuple[Any, ...]:
        return tuple(gradients(y, inner, gy, create_graph=deeper or _tracked((gy,)), retain_graph=True))

    return (y if deeper else y.detach()), pull


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and its derivative along tangents (the Jacobian-vector product), as a pullback of a pullback."""
    if not all(isinstance(v, (list, tuple)) for v in (primals, tangents)) or len(primals) != len(tangents):
        shown = [f"{len(v)}" if isinstance(v, (list, tuple)) else type(v).__name__ for v in (primals, tangents)]
        raise ShapeError(f"jvp: primals and tangents must be sequences of one length, got {shown[0]} and {shown[1]}")
    deeper, outside = _tracked((*primals, *tangents)), recording.get()
    with enable_grad():
        inner = _fresh_args(tuple(primals), tuple(range(len(primals))), "jvp")
        with _inside():
            y = f(*inner)
        deeper = deeper or (outside and _closes_over(y, inner))
        u = wrap(_space(y).zeros(y._array.shape, dtype=y._array.dtype), True)
        gs = gradients(y, inner, u, create_graph=True)
        linear = [g for g in gs if g._requires_grad]
        if not linear:
            return y.detach(), wrap(_space(y).zeros(y._array.shape, dtype=y._array.dtype))
        used = [t for g, t in zip(gs, tangents, strict=True) if g._requires_grad]
        dy = gradients(linear, u, used, create_graph=deeper)
    return (y if deeper else y.detach()), dy


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function returning df/dx of shape y.shape + x.shape for each of argnums; one pullback per element of y."""
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
            for i in range(flat._array.shape[0]):
                gs = gradients(flat[i], [inner[n] for n in nums], create_graph=deeper, retain_graph=True)
                for row, g in zip(rows, gs, strict=True):
                    row.append(g)
            out = []
            for n, row in zip(nums, rows, strict=True):
                shape = (*y._array.shape, *args[n]._array.shape)
                if row:
                    out.append(ns.reshape(ns.stack(row), shape))
                else:
                    out.append(wrap(_space(y).zeros(shape, dtype=y._array.dtype)))
        return out[0] if isinstance(argnums, int) else tuple(out)

    return call


def hessian(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function returning the second derivatives of a scalar function of one tensor, shape x.shape + x.shape."""

    def call(x: Any) -> Any:
        if not isinstance(x, TensorBase) or not is_inexact(x._array):
            raise DTypeError("hessian: the argument must be a floating tensor to be differentiated")
        start = x if x._requires_grad else wrap(x._array, True)
        out = jacobian(grad(f))(start)
        return out if x._requires_grad else out.detach()

    return call


@scope
def anomaly() -> Iterator[None]:
    """Inside the block, the op whose forward or gradient first makes a NaN raises GradientError with its source line."""
    token = anomalous.set(True)
    try:
        yield
    finally:
        anomalous.reset(token)
