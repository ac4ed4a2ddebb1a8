"""Graph: one captured step as a CUDA graph, with its memory and the scalars that change between replays."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Never
from weakref import ref

import numpy as np

from dlengine.kernels import graph_capture, kept

from .. import backend
from ..autograd.base import TensorBase, written
from ..errors import CaptureError
from ..recording.callers import place_of

if TYPE_CHECKING:
    from .._tensor import Tensor

AHEAD = 4
"""The number of replays whose scalars may be on their way to the device while the host prepares the next."""


class Graph:
    """A captured step: ``refresh`` computes the scalars of the next replay, ``launch`` starts it.

    ``outputs`` are the results of the step, which each replay overwrites.
    """

    def __init__(self, step: Callable[..., Any], inputs: Sequence[Tensor], stream: Any) -> None:
        import cupy

        self.cupy, self.stream = cupy, stream
        # The graph holds no references to its arrays; no other code allocates from this pool, so their memory is not reused.
        self.pool = cupy.cuda.MemoryPool()
        self.block = cupy.empty((graph_capture.SLOTS,), np.uint64)
        self.scalars = graph_capture.Capture(self.block, cupy.empty)
        gc.collect()
        with _capturing(self.scalars), cupy.cuda.using_allocator(self.pool.malloc), _without_collector():
            stream.begin_capture()
            try:
                result = step(*inputs)
            except BaseException as error:
                with suppress(Exception):
                    stream.end_capture()
                raise _explain(error) from error
            self.graph = stream.end_capture()
        unread = self.scalars.unbound()
        if unread:
            raise CaptureError(f"capture: {unread[0]} is used where a replay cannot renew it")
        self.outputs = _detach(result)
        written_here = [weak() for weak in self.scalars.written.values()]
        self.state = [(ref(t), t.array) for t in written_here if t is not None]
        del result, written_here
        self._warn_of_kept_tensors()
        for array, values in self.scalars.constants:
            array.set(values)
        pinned: Any = import_module("cupyx").empty_pinned
        self.mirrors = [(pinned((max(self.scalars.used, 1),), np.uint64), cupy.cuda.Event()) for _ in range(AHEAD)]
        self.turn = 0

    def _warn_of_kept_tensors(self) -> None:
        """Warn of tensors that outlive the step and are neither results nor gradients.

        Each replay overwrites them; but the step's Python code, which would read them as its state, does not run again.
        """
        gc.collect()
        known = [*_tensors(self.outputs), *(leaf.grad for leaf in self.scalars.leaves.values() if leaf.grad is not None)]
        memory = [t.array.data.mem for t in known] + [array.data.mem for array, _ in self.scalars.constants]
        with self.cupy.cuda.Device():
            kept = self.pool.used_bytes() - sum({id(m): m.size for m in memory}.values())
        self.scalars.leaves.clear()
        if kept > 0:
            warnings.warn(
                f"capture: the step keeps {kept} bytes of tensors that it made; if it reads them at its next call, write them "
                "in place, as in held[...] = new: a replay binds no names",
                stacklevel=5,
            )

    def refresh(self) -> None:
        """Do the host's part of a step: count, and draw from the generators."""
        for weak, array in self.state:
            t = weak()
            if t is not None and t.array is not array:
                raise CaptureError("capture: a tensor that the step writes, such as a parameter, was moved; capture it again")
        self.scalars.refresh()

    def launch(self) -> None:
        """Copy the scalars to the device and start the graph."""
        used = self.scalars.used
        if used:
            pinned, copied = self.mirrors[self.turn]
            self.turn = (self.turn + 1) % AHEAD
            copied.synchronize()
            pinned[:used] = self.scalars.words()
            self.block[:used].set(pinned[:used], stream=self.stream)
            copied.record(self.stream)
        self.graph.launch(self.stream)
        for weak, _ in self.state:
            t = weak()
            if t is not None:
                written(t)


def _refuse_host() -> Never:
    """Refuse to load the library of host arrays."""
    raise graph_capture.NotCapturable(
        "it computes with host arrays, which a replay does not repeat; make them on the device or outside"
    )


_HOST = backend.Backend("host", backend.NUMPY, _refuse_host, lambda: None)


@contextmanager
def _capturing(scalars: graph_capture.Capture) -> Iterator[None]:
    """Record the replay scalars of a block, and refuse ops on host arrays in it."""
    p = backend.policy()
    token = graph_capture.current_capture.set(scalars)
    try:
        with backend.in_force(backend.Policy(_HOST, p.device, p.creation)):
            yield
    finally:
        graph_capture.current_capture.reset(token)
        kept.forget_all()  # what kernels left lies in the graph's memory, and holds nothing yet


@contextmanager
def _without_collector() -> Iterator[None]:
    """Switch garbage collection off: it might free memory of another pool, which is not allowed during a capture."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _explain(error: BaseException) -> BaseException:
    """A CaptureError with the reason why a step cannot be captured; other errors are returned as they are."""
    reason = " ".join(str(error).split()) + place_of(error)
    if isinstance(error, graph_capture.NotCapturable):
        return CaptureError(f"capture: the step cannot be captured: {reason}")
    if isinstance(error, NotImplementedError):
        return CaptureError(f"capture: the step calls a library that CuPy does not capture (cuBLAS, cuRAND ...): {reason}")
    if isinstance(error, RuntimeError) and "captur" in reason.lower():
        return CaptureError(
            f"capture: the step reads device memory or copies to it from the host (float(), item(), to(), asarray()): {reason}"
        )
    return error


def _detach(result: Any) -> Any:
    """The results of a step without the graph behind them."""
    if result is None:
        return None
    if isinstance(result, TensorBase):
        if backend.device_of(result.array) == "cpu":
            raise CaptureError("capture: the step returns a host tensor, which a replay would not renew")
        return result.detach()  # type: ignore[attr-defined]
    if isinstance(result, dict):
        return {key: _detach(value) for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        return type(result)([_detach(value) for value in result])
    raise CaptureError(f"capture: a step returns tensors, got {type(result).__name__}, which a replay would not renew")


def _tensors(result: Any) -> Iterator[TensorBase]:
    """All tensors in a nest of tuples, lists and dicts."""
    if isinstance(result, TensorBase):
        yield result
    elif isinstance(result, dict):
        for value in result.values():
            yield from _tensors(value)
    elif isinstance(result, (tuple, list)):
        for value in result:
            yield from _tensors(value)
