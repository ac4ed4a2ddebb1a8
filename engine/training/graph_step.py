"""GraphStep: a step of which the calls are replayed as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlengine.kernels.graph_capture import rehearsing

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..errors import CaptureError
from ..ops.conversion import asarray
from .cuda_graph import Graph

if TYPE_CHECKING:
    from .._tensor import Tensor


class GraphStep:
    """A step on a GPU: the first calls run it, the next captures it, all later ones replay the capture.

    Parameters
    ----------
    step : callable
        Takes tensors and returns a tensor, a tuple, list or dict of tensors, or None.
    warmup : int
        The number of calls that run the step itself.
    """

    def __init__(self, step: Callable[..., Any], warmup: int) -> None:
        _require_cuda()
        self.step, self.warmup = step, warmup
        self.calls = self.replays = 0
        self._inputs: list[Tensor] = []
        self._graph: Graph | None = None

    def __call__(self, *inputs: Tensor) -> Any:
        """Run or replay the step."""
        import cupy

        _require_cuda()
        if not self.calls:
            self._begin(inputs)
        self._check(inputs)
        with cupy.cuda.Device(self._number):
            outside = cupy.cuda.get_current_stream()
            self._stream.wait_event(outside.record())
            with self._stream:
                for held, given in zip(self._inputs, inputs, strict=True):
                    _copy(held.array, given.array)
                result = self._run()
            outside.wait_event(self._stream.record())
        self.calls += 1
        return result

    def _begin(self, inputs: tuple[Tensor, ...]) -> None:
        """Make the stream, and arrays on the device that the inputs of each call are copied into."""
        import cupy

        if any(not isinstance(x, TensorBase) for x in inputs):
            raise CaptureError(f"capture: a step takes tensors, got {', '.join(type(x).__name__ for x in inputs)}")
        on_gpu = [x.device for x in inputs if x.device != "cpu"]
        device = on_gpu[0] if on_gpu else backend.located("cuda")
        self._number = int(device.partition(":")[2])
        self._inputs = [wrap(asarray(x.detach(), device=device, copy=True).array) for x in inputs]
        with cupy.cuda.Device(self._number):
            self._stream = cupy.cuda.Stream(non_blocking=True)

    def _check(self, inputs: tuple[Tensor, ...]) -> None:
        """Check that the inputs have the shapes and dtypes of the first call."""
        given = [(x.shape, x.dtype) if isinstance(x, TensorBase) else type(x).__name__ for x in inputs]
        wanted = [(x.shape, x.dtype) for x in self._inputs]
        if given != wanted:
            raise CaptureError(
                f"capture: this step was begun with inputs {_shown(wanted)}, got {_shown(given)}; "
                "capture one for each, or leave the last batch out (drop_last=True)"
            )

    def _run(self) -> Any:
        """Run, capture or replay the step on the copied inputs."""
        if self.calls < self.warmup:
            with rehearsing():
                return self.step(*self._inputs)
        if self._graph is None:
            self._graph = Graph(self.step, self._inputs, self._stream)
        else:
            self._graph.refresh()
        self._graph.launch()
        self.replays += 1
        return self._graph.outputs


def _require_cuda() -> None:
    """Raise CaptureError if there is no GPU."""
    reason = backend.policy().device.unavailable()
    if reason is not None:
        raise CaptureError(f"capture: CUDA graphs need a GPU: {reason}")


def _copy(held: Any, given: Any) -> None:
    """Copy an input into the array that was captured."""
    if isinstance(given, np.ndarray):
        held.set(np.ascontiguousarray(given))
    elif given is not held:
        held[...] = given


def _shown(inputs: Sequence[tuple[Any, ...] | str]) -> str:
    """Shapes and dtypes of inputs, for messages."""
    return "(" + ", ".join(f"{i[0]} {i[1]}" if isinstance(i, tuple) else i for i in inputs) + ")"
