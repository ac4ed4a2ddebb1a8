"""A training step as a CUDA graph: recorded once, then started as a whole, without the host's time for each launch.

    train = training.capture(step)
    for x, y in loader:                 # batches of one shape: drop_last=True
        loss = train(x, y)

The first calls run the step as it is, which compiles its kernels and makes the optimizer's state; the next one records it, and
from then on calls replay. All of them train: a captured run gives the numbers of one that is not captured.

A replay repeats the work on the device and nothing else. What the host decides anew at each step reaches it where it can:
inputs are copied into the arrays that were recorded, random numbers go on where the generator is, and SGD, Adam and AdamW take
their step count, learning rate and other settings as they are (see dlengine.kernels.live). What cannot be repeated is refused
with its reason while the step is recorded.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import ref

import numpy as np

from dlengine.kernels import live

from .. import backend
from ..autograd.base import TensorBase, wrap, written
from ..errors import CaptureError
from ..ops.creation import asarray

AHEAD = 4
"""Replays whose numbers may be on their way while the host prepares the next."""


def capture(step: Callable[..., Any], *, warmup: int = 2) -> CapturedStep:
    """The function that runs step(*tensors), and from call number warmup + 1 on replays it as a CUDA graph.

    step: takes tensors and returns a tensor, a tuple, list or dict of them, or None. It must give gradients up or overwrite
    them (zero_grad() before backward()), do the same work at each call, and not look at values: no float(loss), no item().
    Shapes and dtypes of the tensors are those of the first call. What a replay returns is overwritten by the next one.
    Parameters must stay where they are; other attributes that the step binds anew (self.state = h) keep their first value.

    Raises CaptureError where there is no GPU and, when the step is recorded, for what cannot be: host arrays inside the step,
    reads by the host, calls of cuBLAS or cuRAND, kernels or an optimizer that were not used before. Then the step has not run,
    but what it counts on the host has moved on.
    """
    return CapturedStep(step, warmup)


class CapturedStep:
    """See capture. replays: how many there were."""

    def __init__(self, step: Callable[..., Any], warmup: int) -> None:
        if warmup < 1:
            raise CaptureError(f"capture: the step must run before it is captured: warmup of at least 1, got {warmup}")
        _require_cuda()
        self.step, self.warmup = step, warmup
        self.calls = self.replays = 0
        self._inputs: list[Any] = []
        self._graph: _Graph | None = None

    def __call__(self, *inputs: Any) -> Any:
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
                    _copy(held._array, given._array)
                result = self._run()
            outside.wait_event(self._stream.record())
        self.calls += 1
        return result

    def _begin(self, inputs: tuple[Any, ...]) -> None:
        import cupy

        if any(not isinstance(x, TensorBase) for x in inputs):
            raise CaptureError(f"capture: a step takes tensors, got {', '.join(type(x).__name__ for x in inputs)}")
        on_gpu = [x.device for x in inputs if x.device != "cpu"]
        device = on_gpu[0] if on_gpu else backend.located("cuda")
        self._number = int(device.partition(":")[2])
        self._inputs = [wrap(asarray(x.detach(), device=device, copy=True)._array) for x in inputs]
        with cupy.cuda.Device(self._number):
            self._stream = cupy.cuda.Stream(non_blocking=True)

    def _check(self, inputs: tuple[Any, ...]) -> None:
        given = [(x.shape, x.dtype) if isinstance(x, TensorBase) else type(x).__name__ for x in inputs]  # type: ignore[attr-defined]
        wanted = [(x.shape, x.dtype) for x in self._inputs]
        if given != wanted:
            raise CaptureError(
                f"capture: this step was begun with inputs {_shown(wanted)}, got {_shown(given)}; "
                "capture one for each, or leave the last batch out (drop_last=True)"
            )

    def _run(self) -> Any:
        if self.calls < self.warmup:
            return self.step(*self._inputs)
        if self._graph is None:
            self._graph = _Graph(self.step, self._inputs, self._stream)
        else:
            self._graph.refresh()
        self._graph.launch()
        self.replays += 1
        return self._graph.outputs


class _Graph:
    """The recorded step, its memory, and the numbers that change between replays."""

    def __init__(self, step: Callable[..., Any], inputs: list[Any], stream: Any) -> None:
        import cupy

        self.cupy, self.stream = cupy, stream
        # The graph holds no reference to the arrays it works on: in a pool that nothing else takes from they are safe.
        self.pool = cupy.cuda.MemoryPool()
        self.block = cupy.empty((live.SLOTS,), np.uint64)
        self.numbers = live.Recording(self.block, cupy.empty)
        gc.collect()
        with _recording(self.numbers), cupy.cuda.using_allocator(self.pool.malloc), _without_collector():
            stream.begin_capture()
            try:
                result = step(*inputs)
            except BaseException as error:
                with suppress(Exception):
                    stream.end_capture()
                raise _explained(error) from error
            self.graph = stream.end_capture()
        unread = self.numbers.unclaimed()
        if unread:
            raise CaptureError(f"capture: {unread[0]} is used where a replay cannot renew it")
        self.outputs = _detached(result)
        written_here = [weak() for weak in self.numbers.written.values()]
        self.state = [(ref(t), t._array) for t in written_here if t is not None]
        del result, written_here
        self._tell_kept()
        for array, values in self.numbers.constants:
            array.set(values)
        import cupyx

        self.mirrors = [(cupyx.empty_pinned((max(self.numbers.used, 1),), np.uint64), cupy.cuda.Event()) for _ in range(AHEAD)]
        self.turn = 0

    def _tell_kept(self) -> None:
        """Warn of tensors that outlive the step and are neither its results nor gradients: replays go on writing them, while
        the step's own text, which is not run again, would read them as its state.
        """
        gc.collect()
        known = [*_tensors(self.outputs), *(leaf._grad for leaf in self.numbers.leaves.values() if leaf._grad is not None)]
        memory = [t._array.data.mem for t in known] + [array.data.mem for array, _ in self.numbers.constants]
        with self.cupy.cuda.Device():
            kept = self.pool.used_bytes() - sum({id(m): m.size for m in memory}.values())
        self.numbers.leaves.clear()
        if kept > 0:
            warnings.warn(
                f"capture: the step keeps {kept} bytes of tensors that it made; if it reads them at its next call, write them "
                "in place, as in held[...] = new: a replay binds no names",
                stacklevel=5,
            )

    def refresh(self) -> None:
        """Let the host do its part of a step: count, and draw from the generators."""
        for weak, array in self.state:
            t = weak()
            if t is not None and t._array is not array:
                raise CaptureError("capture: a tensor that the step writes, such as a parameter, was moved; capture it again")
        self.numbers.refresh()

    def launch(self) -> None:
        used = self.numbers.used
        if used:
            pinned, copied = self.mirrors[self.turn]
            self.turn = (self.turn + 1) % AHEAD
            copied.synchronize()
            pinned[:used] = self.numbers.words()
            self.block[:used].set(pinned[:used], stream=self.stream)
            copied.record(self.stream)
        self.graph.launch(self.stream)
        for weak, _ in self.state:
            t = weak()
            if t is not None:
                written(t)


def _require_cuda() -> None:
    reason = backend.policy().device.unavailable()
    if reason is not None:
        raise CaptureError(f"capture: CUDA graphs need a GPU: {reason}")


def _no_host() -> Any:
    raise live.NotCapturable("it computes with host arrays, which a replay does not repeat; make them on the device or outside")


_HOST = backend.Backend("host", backend.NUMPY, _no_host, lambda: None)


@contextmanager
def _recording(numbers: live.Recording) -> Iterator[None]:
    """Live numbers are noted; ops on host arrays are refused."""
    p = backend.policy()
    token = live.recording.set(numbers)
    try:
        with backend.in_force(backend.Policy(_HOST, p.device, p.creation)):
            yield
    finally:
        live.recording.reset(token)


@contextmanager
def _without_collector() -> Iterator[None]:
    """No garbage collection: it might free memory of another pool, which a capture does not bear."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _explained(error: BaseException) -> BaseException:
    """Why a step could not be captured; other errors as they are."""
    reason = " ".join(str(error).split())
    if isinstance(error, live.NotCapturable):
        return CaptureError(f"capture: the step cannot be captured: {reason}")
    if isinstance(error, NotImplementedError):
        return CaptureError(f"capture: the step calls a library that CuPy does not capture (cuBLAS, cuRAND ...): {reason}")
    if isinstance(error, RuntimeError) and "captur" in reason.lower():
        return CaptureError(
            f"capture: the step reads device memory or copies to it from the host (float(), item(), to(), asarray()): {reason}"
        )
    return error


def _detached(result: Any) -> Any:
    if result is None:
        return None
    if isinstance(result, TensorBase):
        if backend.device_of(result._array) == "cpu":
            raise CaptureError("capture: the step returns a host tensor, which a replay would not renew")
        return result.detach()  # type: ignore[attr-defined]
    if isinstance(result, dict):
        return {key: _detached(value) for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        return type(result)([_detached(value) for value in result])
    raise CaptureError(f"capture: a step returns tensors, got {type(result).__name__}, which a replay would not renew")


def _tensors(result: Any) -> Iterator[Any]:
    if isinstance(result, TensorBase):
        yield result
    elif isinstance(result, dict):
        for value in result.values():
            yield from _tensors(value)
    elif isinstance(result, (tuple, list)):
        for value in result:
            yield from _tensors(value)


def _copy(held: Any, given: Any) -> None:
    if isinstance(given, np.ndarray):
        held.set(np.ascontiguousarray(given))
    elif given is not held:
        held[...] = given


def _shown(inputs: list[Any]) -> str:
    return "(" + ", ".join(f"{i[0]} {i[1]}" if isinstance(i, tuple) else i for i in inputs) + ")"
