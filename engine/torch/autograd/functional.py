"""torch.autograd.functional: derivatives of functions at points."""

from __future__ import annotations

from typing import Any

from ..names.core import is_tensor, own
from ..names.engine import dl


def _fresh(inputs: Any) -> tuple[list[Any], bool]:
    one = is_tensor(inputs)
    return [own(x.detach()).clone().requires_grad_() for x in ([inputs] if one else inputs)], one


def _kept(value: Any, create_graph: bool) -> Any:
    return own(value if create_graph else value.detach())


def jacobian(func: Any, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
             strategy: str = "reverse-mode") -> Any:  # fmt: skip
    """The derivative of every element of the output for every element of the inputs."""
    xs, one = _fresh(inputs) if not create_graph else (list([inputs] if is_tensor(inputs) else inputs), is_tensor(inputs))
    ys = func(*xs)
    single = is_tensor(ys)
    rows = tuple(_rows(y, xs, create_graph) for y in ([ys] if single else ys))
    found = tuple(row[0] for row in rows) if one else rows
    return found[0] if single else found


def _rows(y: Any, xs: list[Any], create_graph: bool) -> tuple[Any, ...]:
    flat = dl.reshape(y, (-1,))
    parts: list[list[Any]] = [[] for _ in xs]
    for i in range(flat.shape[0]):
        grads = dl.gradients([flat[i]], xs, create_graph=create_graph, retain_graph=True) if flat.requires_grad else [
            dl.zeros_like(x) for x in xs]  # fmt: skip
        for part, g in zip(parts, grads, strict=True):
            part.append(g)
    return tuple(
        _kept(dl.reshape(dl.stack(part, axis=0), (*y.shape, *x.shape)), create_graph) for part, x in zip(parts, xs, strict=True)
    )


def hessian(func: Any, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False, **_: Any) -> Any:
    """The second derivatives of a function with one value."""
    one = is_tensor(inputs)

    def slope(*xs: Any) -> Any:
        grads = dl.gradients([func(*xs)], list(xs), create_graph=True)
        return own(grads[0]) if one else tuple(own(g) for g in grads)

    return jacobian(slope, inputs, create_graph)


def vjp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The values, and the gradient of their product with v."""
    xs, one = _fresh(inputs)
    ys = func(*xs)
    total = ys if v is None else sum((dl.sum(y * w) for y, w in zip([ys] if is_tensor(ys) else ys, [v] if is_tensor(v) else v,
                                                                    strict=True)), start=0)  # fmt: skip
    grads = dl.gradients([total], xs, create_graph=create_graph)
    found = tuple(_kept(g, create_graph) for g in grads)
    return _detached(ys), found[0] if one else found


def jvp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The values, and their change along v: two gradients, the second through the first."""
    xs, one = _fresh(inputs)
    ys = func(*xs)
    outs = [ys] if is_tensor(ys) else list(ys)
    ws = [dl.ones_like(y).requires_grad_() for y in outs]
    total = sum((dl.sum(y * w) for y, w in zip(outs, ws, strict=True)), start=0)
    grads = dl.gradients([total], xs, create_graph=True)
    directions = [dl.ones_like(x) for x in xs] if v is None else [v] if is_tensor(v) else list(v)
    along: Any = sum((dl.sum(g * d) for g, d in zip(grads, directions, strict=True)), start=0)
    found = dl.gradients([along], ws, create_graph=create_graph) if along.requires_grad else [dl.zeros_like(w) for w in ws]
    changed = tuple(_kept(g, create_graph) for g in found)
    return _detached(ys), changed[0] if is_tensor(ys) else changed


def hvp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The value, and the product of the second derivatives with v."""
    xs, one = _fresh(inputs)
    y = func(*xs)
    grads = dl.gradients([y], xs, create_graph=True)
    directions = [dl.ones_like(x) for x in xs] if v is None else [v] if is_tensor(v) else list(v)
    along: Any = sum((dl.sum(g * d) for g, d in zip(grads, directions, strict=True)), start=0)
    found = tuple(_kept(g, create_graph) for g in dl.gradients([along], xs, create_graph=create_graph))
    return _detached(y), found[0] if one else found


vhp = hvp


def _detached(ys: Any) -> Any:
    return own(ys.detach()) if is_tensor(ys) else tuple(own(y.detach()) for y in ys)
