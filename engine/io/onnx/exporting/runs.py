"""Running a network on recorded arrays: its calls of the array namespace, and which of its modules made them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlengine.kernels.graph_capture import NotCapturable

from .... import backend
from ...._tensor import Tensor
from ....autograd.base import TensorBase, flatten, no_grad, wrap
from ....backend import use_backend
from ....errors import OnnxError
from ....nn import Module
from ....recording.instructions import Call, Value
from ....recording.recorded import Noted
from ....recording.recorder import Recorder
from ....recording.space import recording_to


@dataclass
class Span:
    """The calls of one module: from number begin to before number end."""

    path: str
    module: Module
    inputs: tuple[Any, ...]
    result: Any
    begin: int
    end: int


@dataclass
class Run:
    """What a network did with one set of inputs.

    Attributes
    ----------
    calls : list of Call
        In the order in which they were made.
    inputs : list of Value
        The arguments.
    outputs : list
        For each result its value, and its array.
    spans : list of Span
        The modules that were called, inner ones after the modules they are in.
    """

    calls: list[Call]
    inputs: list[Value]
    outputs: list[tuple[Any, Any]]
    spans: list[Span] = field(default_factory=list)


class _Recorder(Recorder):
    """A recorder that refuses what a graph cannot say: Python that reads values."""

    def read(self, noted: Noted) -> Any:
        if _reader_is_users():
            raise OnnxError(
                f"{self.last_line()}: Python reads a computed value (bool, int, float or numpy of it), on which the network then "
                "depends; a graph has the path of the example only"
            )
        return super().read(noted)

    def last_line(self) -> str:
        from ....recording.callers import where

        return where() or "the network"


def _reader_is_users() -> bool:
    """Whether the code that reads is not an op's or a kernel's, which choose between ways to the same result."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(("dlengine.recording", "dlengine._tensor", "dlengine.io")):
            return not name.startswith(("dlengine.ops", "dlengine.kernels", "dlengine.autograd", "dlengine.backend"))
        frame = frame.f_back
    return True


def run(model: Callable[..., Any], arrays: Sequence[np.ndarray[Any, Any]], call: Callable[..., Any] | None = None) -> Run:
    """Run a network without gradients on the backend numpy and note its calls; call calls it with the tensors in their places.

    Raises OnnxError where it does something that no graph can repeat.
    """
    with use_backend("numpy"), no_grad():
        recorder = _Recorder(backend.space_of(np.empty(0)))
        adopted: dict[Any, Any] = {}

        def adopt(tensors: Any) -> None:
            for t in flatten(tuple(tensors))[0]:
                if isinstance(t, TensorBase) and type(t.array) is np.ndarray:
                    adopted[t] = t.array
                    t.array = recorder.held(t.array)

        recorder.adopt = adopt
        spans: list[Span] = []
        handles = _hooks(model, recorder, spans)
        try:
            given = [wrap(recorder.input(a)) for a in arrays]
            with recording_to(recorder):
                result = (call or model)(*given)
                outputs = [_output(t, recorder) for t in _leaves(result)]
            return Run(list(recorder.calls), list(recorder.inputs), outputs, spans)
        except NotCapturable as error:
            raise OnnxError(f"the network cannot be written as a graph: {error}") from None
        finally:
            recorder.on = False
            for handle in handles:
                handle.remove()
            for t, array in adopted.items():
                t.array = array
            _restore(recorder)


def _restore(recorder: Recorder) -> None:
    """Give tensors that are still held plain arrays."""
    survivors = recorder.survivors()
    if survivors:
        for holder in gc.get_referrers(*survivors):
            if isinstance(holder, TensorBase) and isinstance(holder.array, Noted):
                holder.array = holder.array.plain


def _leaves(result: Any) -> list[Tensor]:
    """The tensors of a result; a tuple, list or dict of them is flattened."""
    if isinstance(result, TensorBase):
        return [result]  # type: ignore[list-item]
    if isinstance(result, dict):
        return [t for value in result.values() for t in _leaves(value)]
    if isinstance(result, list | tuple):
        return [t for value in result for t in _leaves(value)]
    if result is None:
        return []
    raise OnnxError(f"the network returns a {type(result).__name__}; expected tensors")


def _output(t: Any, recorder: Recorder) -> tuple[Any, Any]:
    array = t.array
    if not isinstance(array, Noted):
        array = recorder.held(array)
    return array.value, np.array(array.plain)


def _hooks(model: Any, recorder: Recorder, spans: list[Span]) -> list[Any]:
    """Hooks that note where each module's calls begin and end."""
    if not isinstance(model, Module):
        return []
    handles = []
    open_spans: list[Span] = []
    for path, module in model.named_modules():

        def before(m: Module, args: tuple[Any, ...], path: str = path) -> None:
            open_spans.append(Span(path, m, tuple(_value(a) for a in args), None, len(recorder.calls), -1))
            spans.append(open_spans[-1])

        def after(m: Module, args: tuple[Any, ...], y: Any) -> None:
            while open_spans:
                span = open_spans.pop()
                if span.module is m:
                    span.end, span.result = len(recorder.calls), _value(y)
                    return

        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    return handles


def _value(a: Any) -> Any:
    """The value of a tensor; nests of them part by part."""
    if isinstance(a, TensorBase):
        return a.array.value if isinstance(a.array, Noted) else a.array
    if isinstance(a, tuple | list):
        return tuple(_value(v) for v in a)
    return a
