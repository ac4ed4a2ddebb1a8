"""torch.func: functions that compute the derivatives of functions."""

from __future__ import annotations

from typing import Any

from .names.core import is_tensor, own
from .names.engine import dl


def _chosen(argnums: Any) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def _tree(value: Any, f: Any) -> Any:
    """A structure of tuples, lists and dicts with f at its tensors."""
    if is_tensor(value):
        return f(value)
    if isinstance(value, dict):
        return {k: _tree(v, f) for k, v in value.items()}
    return type(value)(_tree(v, f) for v in value) if isinstance(value, tuple | list) else value


def grad_and_value(func: Any, argnums: Any = 0, has_aux: bool = False) -> Any:
    """A function that returns the gradients of func for chosen arguments, and its value."""

    def call(*args: Any, **options: Any) -> Any:
        leaves: list[Any] = []
        outside = any(is_tensor(a) and a.requires_grad for a in args) and dl.is_grad_enabled()

        def track(t: Any) -> Any:
            leaf = t * 1 if t.requires_grad else own(t.detach()).requires_grad_()
            leaves.append(leaf)
            return own(leaf)

        given = list(args)
        for n in _chosen(argnums):
            given[n] = _tree(args[n], track)
        with dl.enable_grad():
            found = func(*given, **options)
            y, aux = found if has_aux else (found, None)
            grads = iter(dl.gradients([y], leaves, create_graph=True))
        keep = (lambda t: t) if outside else (lambda t: t.detach())
        parts = tuple(_tree(args[n], lambda _: own(keep(next(grads)))) for n in _chosen(argnums))
        slope = parts[0] if isinstance(argnums, int) else parts
        value = own(keep(y))
        return (slope, (value, aux)) if has_aux else (slope, value)

    return call


def grad(func: Any, argnums: Any = 0, has_aux: bool = False) -> Any:
    """A function that returns the gradients of func for chosen arguments."""
    both = grad_and_value(func, argnums, has_aux)

    def call(*args: Any, **options: Any) -> Any:
        slope, value = both(*args, **options)
        return (slope, value[1]) if has_aux else slope

    return call


def jacrev(func: Any, argnums: int = 0, **_: Any) -> Any:
    """A function that returns the Jacobian of func."""

    def call(*args: Any) -> Any:
        from .autograd.functional import jacobian

        return jacobian(lambda x: func(*args[:argnums], x, *args[argnums + 1 :]), args[argnums])

    return call


jacfwd = jacrev


def hessian(func: Any, argnums: int = 0) -> Any:
    """A function that returns the second derivatives of func."""

    def call(*args: Any) -> Any:
        from .autograd.functional import hessian as of

        return of(lambda x: func(*args[:argnums], x, *args[argnums + 1 :]), args[argnums])

    return call


def vjp(func: Any, *primals: Any, has_aux: bool = False) -> Any:
    """The value, and a function from a cotangent to the gradients."""
    xs = [own(x.detach()).requires_grad_() for x in primals]
    y = func(*xs)

    def back(v: Any) -> Any:
        return tuple(own(g) for g in dl.gradients([y], xs, [v], retain_graph=True))

    return own(y.detach()), back


def jvp(func: Any, primals: Any, tangents: Any) -> Any:
    """The value, and its change along tangents."""
    from .autograd.functional import jvp as of

    return of(func, tuple(primals), tuple(tangents))


def linearize(func: Any, *primals: Any) -> Any:
    """The value, and a function from tangents to the change along them."""
    held = tuple(own(x.detach()) for x in primals)

    def push(*tangents: Any) -> Any:
        return jvp(func, held, tangents)[1]

    value = func(*held)
    return own(value.detach()) if is_tensor(value) else value, push


def vmap(func: Any, in_dims: Any = 0, out_dims: int = 0, **_: Any) -> Any:
    """A function that maps func over an axis, one element after another."""

    def call(*args: Any) -> Any:
        dims = (in_dims,) * len(args) if isinstance(in_dims, int) else in_dims
        n = next(_first(a).shape[d] for a, d in zip(args, dims, strict=True) if d is not None)
        rows = [func(*(a if d is None else _selected(a, d, i) for a, d in zip(args, dims, strict=True))) for i in range(n)]
        return _stacked(rows, out_dims)

    return call


def _first(tree: Any) -> Any:
    """The first tensor of an argument: a tensor, or dicts, lists and tuples of them."""
    while not is_tensor(tree):
        tree = next(iter(tree.values() if isinstance(tree, dict) else tree))
    return tree


def _selected(tree: Any, dim: int, i: int) -> Any:
    """The same with every tensor at place i of an axis."""
    if is_tensor(tree):
        return tree.select(dim, i)
    if isinstance(tree, dict):
        return {k: _selected(v, dim, i) for k, v in tree.items()}
    return type(tree)(_selected(v, dim, i) for v in tree)


def _stacked(rows: Any, dim: int) -> Any:
    """Results of one form, each of their tensors stacked."""
    if is_tensor(rows[0]):
        return own(dl.stack(list(rows), axis=dim))
    if isinstance(rows[0], dict):
        return {k: _stacked([row[k] for row in rows], dim) for k in rows[0]}
    return type(rows[0])(_stacked(part, dim) for part in zip(*rows, strict=True))


def functional_call(module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None, **_: Any) -> Any:
    """A module's output with other values of its parameters."""
    given = parameter_and_buffer_dicts
    merged = {k: v for d in (given if isinstance(given, tuple | list) else (given,)) for k, v in d.items()}
    kept: list[tuple[Any, str, Any]] = []
    for name, value in merged.items():
        path, _, last = name.rpartition(".")
        owner = module.get_submodule(path)
        kept.append((owner, last, owner.__dict__[last]))
        owner.__dict__[last] = value
    try:
        return module(*(args if isinstance(args, tuple) else () if args is None else (args,)), **(kwargs or {}))
    finally:
        for owner, last, value in kept:
            owner.__dict__[last] = value


def stack_module_state(models: Any) -> Any:
    """The parameters and the buffers of models of one form, stacked by name."""
    found = []
    for named in ("named_parameters", "named_buffers"):
        rows = [{k: own(v.detach()) for k, v in getattr(m, named)()} for m in models]
        stacked = _stacked(rows, 0)
        found.append({k: v.requires_grad_(named == "named_parameters") for k, v in stacked.items()})
    return tuple(found)
