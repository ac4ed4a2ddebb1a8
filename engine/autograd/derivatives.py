"""Derivatives of tensors that were computed: backward, gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from dlengine.kernels import graph_capture

from .. import backend
from ..errors import DTypeError, GradientError, ShapeError
from . import walk
from .accumulate import take_ownership
from .base import TensorBase, wrap

if TYPE_CHECKING:
    from ..typing import Tensor

def xp_of(t: TensorBase) -> Any:
    return backend.space_of(t.array)


def _cotangent(y: Any, g: Any, who: str, create_graph: bool) -> Any:
    """The start of a walk at y: ones for a scalar, else what the caller gave, checked."""
    if g is None:
        if y.array.shape != ():
            raise ShapeError(
                f"{who}: y has shape {y.array.shape}; give the gradient of what follows it, or reduce y to a scalar first"
            )
        ones = xp_of(y).ones((), dtype=y.array.dtype)
        return wrap(ones) if create_graph else ones
    if not isinstance(g, TensorBase):
        raise DTypeError(f"{who}: gradient must be a tensor, got {type(g).__name__}")
    if g.array.shape != y.array.shape or g.array.dtype != y.array.dtype:
        raise ShapeError(
            f"{who}: gradient has shape {g.array.shape} and dtype {g.array.dtype}, "
            f"expected those of y: {y.array.shape} and {y.array.dtype}"
        )
    return g if create_graph else g.array


def backward(y: Tensor, gradient: Tensor | None = None, *, create_graph: bool = False, retain_graph: bool | None = None) -> None:
    """Add the derivative of a tensor for every leaf that it depends on to that leaf's ``grad``.

    Parameters
    ----------
    y : Tensor
        A scalar, or any tensor together with ``gradient``.
    gradient : Tensor, optional
        The gradient of what follows for ``y``, of its shape and dtype.
    create_graph : bool
        Whether the gradients can themselves be differentiated.
    retain_graph : bool, optional
        Whether what a second backward through this graph needs is kept; by default as ``create_graph``.

    Returns
    -------
    None
        Gradients are in the leaves.

    Raises
    ------
    GradientError
        If ``y`` does not depend on anything that requires a gradient.
    ShapeError
        If ``y`` is no scalar and ``gradient`` is missing.

    Notes
    -----
    Backward over shared leaves from several threads at once is not supported.

    Examples
    --------
    >>> x = dl.tensor([1.0, 2.0], requires_grad=True)
    >>> dl.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    if not y.needs_grad:
        raise GradientError("backward: y does not depend on a tensor that requires a gradient; set requires_grad_() on a leaf")
    g = _cotangent(y, gradient, "backward", create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    found = walk.run([(y, g)], None, create_graph=create_graph, retain_graph=retain)
    pairs = list(found.items()) if create_graph else take_ownership(found)
    found.clear()
    step = graph_capture.current_capture.get()
    for leaf, g in pairs:
        held = leaf._grad
        if step is not None:
            step.give_gradient(leaf, held)
        if held is None:  # a recorded gradient may be another leaf's too, or the caller's: .grad is this leaf's alone
            leaf._grad = g.clone() if create_graph else wrap(g)
        elif create_graph:
            leaf._grad = held + g
        else:
            xp = xp_of(held)
            total = held.array + g
            leaf._grad = wrap(total if type(total) is type(held.array) else xp.asarray(total))


@overload
def gradients(
    ys: Tensor | Sequence[Tensor], xs: Tensor, gradient: Any = None, *, create_graph: bool = False,
    retain_graph: bool | None = None,
) -> Tensor: ...  # fmt: skip
@overload
def gradients(
    ys: Tensor | Sequence[Tensor], xs: Sequence[Tensor], gradient: Any = None, *, create_graph: bool = False,
    retain_graph: bool | None = None,
) -> list[Tensor]: ...  # fmt: skip
def gradients(
    ys: Any, xs: Any, gradient: Any = None, *, create_graph: bool = False, retain_graph: bool | None = None
) -> Any:
    """Return the derivatives of the sum of some tensors for others; ``grad`` attributes are left alone.

    Parameters
    ----------
    ys : Tensor or sequence of Tensor
        What to differentiate.
    xs : Tensor or sequence of Tensor
        What for; these may be intermediate results.
    gradient : Tensor or sequence of Tensor, optional
        One cotangent per y that is no scalar.
    create_graph : bool
        Whether the gradients can themselves be differentiated.
    retain_graph : bool, optional
        Whether what a second backward through this graph needs is kept; by default as ``create_graph``.

    Returns
    -------
    Tensor or list of Tensor
        One for each x, zeros where no y depends on it; a list for a list.

    Raises
    ------
    GradientError
        If an x does not require a gradient.

    Examples
    --------
    >>> x = dl.tensor(3.0, requires_grad=True)
    >>> y = dl.gradients(x**3, x, create_graph=True)
    >>> dl.gradients(y, x)
    tensor(18.)
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
        if not isinstance(x, TensorBase) or not x.needs_grad:
            raise GradientError(f"gradients: xs[{i}] does not require a gradient; call requires_grad_() before the forward")
    roots = [
        (y, _cotangent(y, g, "gradients", create_graph))
        for y, g in zip(outputs, given, strict=True)
        if y.needs_grad
    ]  # fmt: skip
    retain = create_graph if retain_graph is None else retain_graph
    found = walk.run(roots, targets, create_graph=create_graph, retain_graph=retain)
    out: list[Any] = []
    arrays = found if create_graph else dict(take_ownership(found))
    for x in targets:
        g = arrays.get(x if x.node is None else (x.node, x._index))
        if g is not None and any(x is t for t in targets[: len(out)]):  # asked for twice: each gets its own
            g = g.clone() if create_graph else xp_of(x).asarray(g, copy=True)
        if g is None:
            g = xp_of(x).zeros(x.array.shape, dtype=x.array.dtype)
            g = wrap(g)
        elif not create_graph:
            g = wrap(g)
        out.append(g)
    return out if many else out[0]
