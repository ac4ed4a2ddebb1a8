"""torch.autograd: grad, backward, Function, Variable and the derivatives of functions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

from ..names.core import is_tensor, own, refuse
from ..names.engine import dl
from ..names.modes import inference_mode as inference_mode
from ..names.modes import set_grad_enabled as set_grad_enabled
from ..names.tensor import Tensor as Tensor
from . import functional as functional
from .function import Function as Function
from .function import FunctionCtx as FunctionCtx

no_grad, enable_grad = dl.no_grad, dl.enable_grad


def _several(value: Any) -> list[Any]:
    return [value] if is_tensor(value) or value is None else list(value)


def Variable(data: Any, requires_grad: bool = False, volatile: Any = None) -> Any:  # noqa: N802 - PyTorch's name
    """The tensor itself, as since PyTorch 0.4."""
    found = data if is_tensor(data) else own(dl.asarray(data))
    if requires_grad:
        if found.requires_grad:
            return found
        found = own(found.detach())
        found.requires_grad_()
    return found


def _starts(outputs: list[Any], grads: Any) -> list[Any]:
    """One cotangent per output; ones for numbers."""
    given = [None] * len(outputs) if grads is None else _several(grads)
    found = []
    for y, g in zip(outputs, given, strict=True):
        if g is None:
            if y.array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            g = dl.ones_like(y)
        elif g.shape != y.shape:
            raise RuntimeError(f"Mismatch in shape: grad_output has a shape of {g.shape} and output has a shape of {y.shape}.")
        found.append(g.detach() if not g.requires_grad else g)
    return found


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: Any = None,
    create_graph: bool = False,
    allow_unused: Any = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
    only_inputs: bool = True,
) -> Any:
    """The derivatives of the sum of outputs for inputs, as a tuple."""
    if is_grads_batched:
        raise refuse("autograd.grad", "is_grads_batched is not supported; call it for each gradient")
    ys, xs = _several(outputs), _several(inputs)
    for x in xs:
        if not x.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    used = _behind(ys)
    found = dl.gradients(ys, xs, _starts(ys, grad_outputs), create_graph=create_graph, retain_graph=retain_graph)
    result = []
    for x, g in zip(xs, found, strict=True):
        if not used(x) and not materialize_grads:
            if not allow_unused:
                raise RuntimeError("One of the differentiated Tensors appears to not have been used in the graph. "
                                   "Set allow_unused=True if this is the desired behavior.")  # fmt: skip
            g = None
        result.append(None if g is None else own(g))
    return tuple(result)


def _behind(ys: list[Any]) -> Any:
    """Whether a tensor is among those that ys were computed from."""
    from ...autograd.base import graph

    nodes = graph([y.node for y in ys if y.node is not None])
    outputs = {id(n) for n in nodes}
    leaves = {id(s) for n in nodes for s in n.inputs if is_tensor(s)} | {id(y) for y in ys}
    return lambda x: id(x) in leaves if x.node is None else id(x.node) in outputs


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: Any = None, create_graph: bool = False,
             grad_variables: Any = None, inputs: Any = None) -> None:  # fmt: skip
    """Add derivatives to the grad of leaves."""
    ys = _several(tensors)
    starts = _starts(ys, grad_tensors if grad_tensors is not None else grad_variables)
    total = None
    for y, g in zip(ys, starts, strict=True):
        part = dl.sum(y * g)
        total = part if total is None else total + part
    if total is not None:
        own(total).backward(retain_graph=retain_graph, create_graph=create_graph, inputs=inputs)


@contextmanager
def detect_anomaly(check_nan: bool = True) -> Any:
    """Name the op whose gradient is NaN."""
    with dl.anomaly():
        yield


def set_detect_anomaly(mode: bool, check_nan: bool = True) -> Any:
    """As detect_anomaly in a with block."""
    if not mode:
        return detect_anomaly.__wrapped__ if False else _nothing()
    return detect_anomaly()


@contextmanager
def _nothing() -> Any:
    yield


def gradcheck(func: Any, inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
              **_: Any) -> bool:  # fmt: skip
    """Compare gradients with central differences."""
    xs = [x for x in _several(inputs) if is_tensor(x) and x.requires_grad]
    outs = _several(func(*_several(inputs)))
    for i, y in enumerate(outs):
        weights = dl.rand(*y.shape, dtype=y.dtype)
        found = grad(y, xs, weights, retain_graph=True, allow_unused=True)
        for x, g in zip(xs, found, strict=True):
            ok = _agrees(func, _several(inputs), i if len(outs) > 1 else None, x, g, weights, (eps, atol, rtol))
            if not ok:
                if raise_exception:
                    raise RuntimeError("gradcheck: the gradient differs from central differences")
                return False
    return True


def gradgradcheck(func: Any, inputs: Any, grad_outputs: Any = None, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  raise_exception: bool = True, **_: Any) -> bool:  # fmt: skip
    """Compare the derivatives of gradients with central differences."""
    xs = _several(inputs)
    ys = _several(func(*xs))
    given = _several(grad_outputs) if grad_outputs is not None else [own(dl.randn(*y.shape, dtype=y.dtype)) for y in ys]
    vs = [own(v.detach()).requires_grad_() for v in given]

    def slopes(*values: Any) -> Any:
        with dl.enable_grad():
            moved = [own(v.detach()).requires_grad_() if is_tensor(v) and x.requires_grad and not v.requires_grad else v
                     for v, x in zip(values[: len(xs)], xs, strict=True)]  # fmt: skip
            found = _several(func(*moved))
            asked = [v for v in moved if is_tensor(v) and v.requires_grad]
            return grad(found, asked, list(values[len(xs) :]), create_graph=True, allow_unused=True, materialize_grads=True)

    return gradcheck(slopes, (*xs, *vs), eps, atol, rtol, raise_exception)


def _agrees(func: Any, inputs: Any, place: Any, x: Any, g: Any, weights: Any, bounds: tuple[float, float, float]) -> bool:
    eps, atol, rtol = bounds
    values = x.numpy_copy()
    slope = values * 0.0
    with dl.no_grad():
        for i in range(values.size):
            ends = []
            for step in (eps, -eps):
                moved = values.copy()
                moved.reshape(-1)[i] += step
                x.array = dl.asarray(moved, device=x.device).array
                y = func(*inputs)
                y = y if place is None else y[place]
                y = y[0] if isinstance(y, tuple | list) else y
                ends.append(float(dl.sum(y * weights)))
            slope.reshape(-1)[i] = (ends[0] - ends[1]) / (2 * eps)
        x.array = dl.asarray(values, device=x.device).array
    g = dl.zeros_like(x) if g is None else g
    return bool(dl.all(dl.abs(g - dl.asarray(slope)) <= atol + rtol * dl.abs(dl.asarray(slope))))
