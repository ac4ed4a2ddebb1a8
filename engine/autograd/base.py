"""What every part of autograd shares: the tensor's autograd half, the node, and whether recording is on.

A tensor is an array and its place in the graph. A node is one recorded op. Neither knows any op.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from itertools import count
from typing import Any

from dlengine.kernels import graph_capture, kept

from ..errors import DTypeError
from ..scopes import Scope

Array = Any

recording: ContextVar[bool] = ContextVar("dlengine_recording", default=True)
"""Whether ops on tensors that require gradients are recorded."""

kept.recording[0] = recording.get

touched: ContextVar[dict[TensorBase, None] | None] = ContextVar("dlengine_touched", default=None)
"""While a checkpoint runs its function: the tensors requiring gradients that its ops and its inner gradients saw."""

next_sequence = count(1).__next__

_new = object.__new__


class TensorBase:
    """An array plus its place in the autograd graph.

    array holds the values: a numpy.ndarray or cupy.ndarray. Write to it through the tensor (t[k] = v), which counts writes.
    version is a list holding one integer, shared by all views of one storage: the sequence number of its last write in
    place. A node has a sequence number of the same count, so a value it needs was overwritten if its cell is the larger.
    node and _index say which output of which recorded op this is; a leaf has no node.
    needs_grad says whether gradients flow to it; requires_grad of a tensor is the same with checks.
    """

    __slots__ = ("__dict__", "__weakref__", "array", "node", "needs_grad", "version")

    array: Array
    node: Node | None
    needs_grad: bool
    version: list[int]
    # rarely set, so class attributes until then
    _index: int = 0
    _view: bool = False
    _grad: TensorBase | None = None
    _hooks: dict[int, Callable[[TensorBase], TensorBase | None]] | None = None


class Node:
    """One recorded op.

    inputs: one entry per array argument, list arguments flattened. A leaf is held itself, an intermediate as
    (its node, output index, weak reference), anything else (scalar, None) as it is.
    pull: a list of pullbacks (None where no gradient is needed), or one function (gy, need) for all; None once used.
    dtypes: of the outputs; None for one that no gradient flows through.
    guards: the version cells of the values that the pullbacks need.
    rare: whether it has several outputs, hooks, a refusal or a trace, which backward asks first.
    """

    # what only some nodes have is a class attribute until it is set, so that recording a tiny op stays cheap
    __slots__ = ("__dict__", "__weakref__", "consts", "dtypes", "guards", "inputs", "need", "op", "pull", "seq", "shapes", "xp")

    op: Any
    xp: Any
    inputs: list[Any]
    layout: tuple[int, ...] | None = None
    consts: Mapping[str, Any]
    pull: Any
    need: tuple[bool, ...]
    guards: Sequence[list[int]]
    single: bool = True
    rare: bool = False
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]
    seq: int
    hooks: dict[int, dict[int, Callable[[TensorBase], TensorBase | None]]] | None = None
    trace: str | None = None
    refusal: str | None = None  # why backward through this op must raise


class _Mode(Scope):
    """Sets `recording` for a block or a function; the same object may be entered again inside itself."""

    _on: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        # @no_grad without parentheses gives the decorated function
        return object.__new__(cls) if function is None else cls()(function)

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def renewed(self) -> _Mode:
        mode: _Mode = type(self)()
        return mode

    def __enter__(self) -> None:
        self._tokens.append(recording.set(self._on))

    def __exit__(self, *exc: object) -> None:
        recording.reset(self._tokens.pop())


class no_grad(_Mode):  # noqa: N801 - PyTorch's name
    """Record nothing inside a block, or in a decorated function.

    Parameters
    ----------
    function : callable, optional
        The function to decorate, where it is written ``@dl.no_grad`` without parentheses.

    Examples
    --------
    >>> x = dl.tensor([1.0], requires_grad=True)
    >>> with dl.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _on = False


class enable_grad(_Mode):  # noqa: N801 - PyTorch's name
    """Record again inside a block of `no_grad`, or in a decorated function.

    Parameters
    ----------
    function : callable, optional
        The function to decorate, where it is written ``@dl.enable_grad`` without parentheses.

    Examples
    --------
    >>> x = dl.tensor([1.0], requires_grad=True)
    >>> with dl.no_grad(), dl.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    _on = True


def is_grad_enabled() -> bool:
    """Return whether ops on tensors that require gradients are being recorded.

    Returns
    -------
    bool
        False inside `no_grad`.

    Examples
    --------
    >>> dl.is_grad_enabled()
    True
    """
    return recording.get()


tensor_class: list[type[TensorBase]] = [TensorBase]
"""The class that ops return, set once by dlengine._tensor (which autograd must not import)."""

Second = Callable[[TensorBase], Any]
_second_reading: list[Second] = []


def set_tensor_class(cls: type[TensorBase], second_reading: Second) -> None:
    """Name the class that ops return and the function from a tensor to the tensor namespace of its device."""
    tensor_class[0] = cls
    _second_reading[:] = [second_reading]


def second_reading(t: TensorBase) -> Any:
    """The tensor namespace that op texts are read with when their gradient must itself be differentiable."""
    return _second_reading[0](t)


def wrap(array: Array, requires_grad: bool = False) -> Any:
    """A new leaf tensor around an array that is already on its device."""
    t: TensorBase = _new(tensor_class[0])
    t.array = array
    t.node = None
    t.needs_grad = requires_grad
    t.version = [0]
    return t


def must_be_tensors(op: str, **arguments: Any) -> None:
    """Raise DTypeError for an argument that is no tensor, for what looks at arguments before an op does."""
    for name, a in arguments.items():
        if not isinstance(a, TensorBase):
            kind = type(a).__name__ if type(a).__module__ == "builtins" else f"{type(a).__module__}.{type(a).__name__}"
            raise DTypeError(f"{op}: {name} must be a tensor, got a {kind}; {tensor_of(a)}")


def tensor_of(given: Any) -> str:
    """How to come to a tensor from what was given in its place, for messages."""
    if isinstance(given, tuple):
        return "recurrent layers give (outputs, state): hand on the first of it"
    if isinstance(given, list) and given and isinstance(given[0], str):
        return "classes are numbers from 0: np.unique(labels, return_inverse=True)[1]"
    return "make one of it: dl.asarray(x)"


def written(t: TensorBase) -> None:
    """Note that the storage of a tensor, and so of all its views, was just overwritten."""
    t.version[0] = next_sequence()
    kept.forget(t.array)
    step = graph_capture.current_capture.get()
    if step is not None:
        step.note(t)


def graph(roots: Iterable[Node], stop: Collection[Any] = ()) -> list[Node]:
    """All nodes behind the roots, oldest first; not those beyond the outputs (node, index) in stop."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        for s in stack.pop().inputs:
            if type(s) is tuple and s[0] not in seen and (not stop or (s[0], s[1]) not in stop):
                seen.add(s[0])
                stack.append(s[0])
    return sorted(seen, key=lambda n: n.seq)


def flatten(args: tuple[Any, ...]) -> tuple[list[Any], tuple[int, ...] | None]:
    """Arguments with lists spread out, and the length of each (-1: not a list); None if there is no list."""
    if not any(isinstance(a, (list, tuple)) for a in args):
        return list(args), None
    flat: list[Any] = []
    layout = []
    for a in args:
        if isinstance(a, (list, tuple)):
            flat.extend(a)
            layout.append(len(a))
        else:
            flat.append(a)
            layout.append(-1)
    return flat, tuple(layout)


def unflatten(flat: list[Any], layout: tuple[int, ...] | None) -> list[Any]:
    """The inverse of flatten."""
    if layout is None:
        return flat
    rest: Iterator[Any] = iter(flat)
    return [next(rest) if n < 0 else [next(rest) for _ in range(n)] for n in layout]
