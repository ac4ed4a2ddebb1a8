"""What a recorded graph keeps alive: no more than PyTorch saves for the same network, and less with checkpoint."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import dlengine as dl

N = 32


@pytest.fixture(autouse=True)
def plain_backend() -> Iterator[None]:
    """The reference kernels: what the ops keep, without any kernel set's own residuals."""
    with dl.use_backend("numpy"):
        yield


def draw(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def mlp(lib: Any, p: list[Any], x: Any) -> Any:
    for w, b in zip(p[::2], p[1::2], strict=True):
        x = lib.relu(x @ w + b)
    return x.sum()


MLP = (mlp, [draw(256, 256), draw(256)] * 4, draw(N, 256))


def cnn(lib: Any, p: list[Any], x: Any) -> Any:
    x = lib.max_pool2d(lib.relu(lib.conv2d(x, p[0], p[1], padding=1)), 2)
    x = lib.max_pool2d(lib.relu(lib.conv2d(x, p[2], p[3], padding=1)), 2)
    return lib.softmax(x.reshape(N, -1) @ p[4] + p[5], -1).sum()


CNN = (cnn, [draw(8, 3, 3, 3), draw(8), draw(16, 8, 3, 3), draw(16), draw(16 * 16, 10), draw(10)], draw(N, 3, 16, 16))

H = 64


def lstm(lib: Any, p: list[Any], x: Any) -> Any:
    """Cells written out, as a course does."""
    h = c = x[0] * 0
    for t in range(6):
        gates = x[t] @ p[0] + h @ p[1] + p[2]
        i, f, o = (lib.sigmoid(gates[:, k * H : (k + 1) * H]) for k in range(3))
        c = f * c + i * lib.tanh(gates[:, 3 * H :])
        h = o * lib.tanh(c)
    return h.sum()


LSTM = (lstm, [draw(H, 4 * H), draw(H, 4 * H), draw(4 * H)], draw(6, N, H))

NETWORKS = {"mlp": MLP, "cnn": CNN, "lstm": LSTM}
STORED = {"mlp": 131_072, "cnn": 689_408, "lstm": 335_872}
"""Bytes that PyTorch 2.9 saves beyond parameters and input, for where it is not installed."""


def kept(network: Callable[..., Any], parameters: list[Any], x: Any) -> int:
    """Bytes of array data that a graph holds beside parameters, input and loss."""
    p = [dl.asarray(a).requires_grad_() for a in parameters]
    data = dl.asarray(x)
    network(dl, p, data)  # whatever is made once is made now
    gc.collect()
    tracemalloc.start()
    loss = network(dl, p, data)
    gc.collect()
    held = tracemalloc.take_snapshot()
    tracemalloc.stop()
    loss.backward()
    arrays = held.filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
    return sum(trace.size for trace in arrays.traces)


def saved_by_torch(torch: Any, network: Callable[..., Any], parameters: list[Any], x: Any) -> int:
    """Bytes of the storages that PyTorch saves, each once, parameters and input left out."""
    functional = torch.nn.functional

    class Library:
        relu, conv2d, max_pool2d, softmax = torch.relu, functional.conv2d, functional.max_pool2d, torch.softmax
        sigmoid, tanh = torch.sigmoid, torch.tanh

    p = [torch.tensor(a, requires_grad=True) for a in parameters]
    data = torch.tensor(x)
    given = {t.untyped_storage().data_ptr() for t in (*p, data)}
    found: dict[int, int] = {}

    def pack(t: Any) -> Any:
        storage = t.untyped_storage()
        if storage.data_ptr() not in given:
            found[storage.data_ptr()] = storage.nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        network(Library, p, data)
    return sum(found.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_no_more_than_pytorch(name: str) -> None:
    network, parameters, x = NETWORKS[name]
    try:
        import torch
    except ImportError:
        allowed = STORED[name]
    else:
        allowed = saved_by_torch(torch, network, parameters, x)
    assert kept(network, parameters, x) <= allowed * 1.02 + 2048


def test_inference_keeps_nothing() -> None:
    network, parameters, x = MLP
    with dl.no_grad():
        p = [dl.asarray(a).requires_grad_() for a in parameters]
        data = dl.asarray(x)
        network(dl, p, data)
        tracemalloc.start()
        loss = network(dl, p, data)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 20_000, float(loss)


def test_checkpoint_keeps_only_its_input() -> None:
    network, parameters, x = MLP

    def wrapped(lib: Any, p: list[Any], data: Any) -> Any:
        return dl.checkpoint(lambda t: network(lib, p, t), data)

    assert kept(wrapped, parameters, x) < 20_000


def test_the_graph_is_freed_without_the_garbage_collector() -> None:
    """Neither recording nor walking makes a reference cycle through arrays."""
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            p = [dl.asarray(a).requires_grad_() for a in MLP[1]]
            mlp(dl, p, dl.asarray(MLP[2])).backward()
            del p
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    finally:
        gc.enable()
    assert after - before < 100_000


def _written(lib: Any, w: Any) -> Any:
    """A tensor filled element by element, as decoders and attention loops do."""
    scores = lib.zeros(3)
    for i in range(3):
        scores[i] = w[i] * 2
    return scores


def _added(lib: Any, w: Any) -> Any:
    total = lib.zeros(3)
    total.add_(w)
    return total


def _own_function(lib: Any, w: Any) -> Any:
    class Doubled(lib.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    return Doubled.apply(w * 1.0)


@pytest.mark.parametrize("make", [_written, _added, _own_function], ids=["written", "added", "function"])
@pytest.mark.parametrize("walked", [False, True])
def test_what_was_written_in_place_is_freed_too(make: Callable[..., Any], walked: bool) -> None:
    """A graph that nobody walked goes with its output as well, without the garbage collector."""
    lib = import_module("dlengine.torch")
    w = lib.ones(3).requires_grad_()
    make(lib, w)  # what is made once is made now
    gc.collect()
    gc.disable()
    try:
        y = make(lib, w)
        nodes = [weakref.ref(y.node), *[weakref.ref(source[0]) for source in y.node.inputs if type(source) is tuple]]
        if walked:
            y.sum().backward()
            assert w.grad.tolist() == [2.0 if make is not _added else 1.0] * 3
        assert all(node() is not None for node in nodes)
        del y
        assert [node() for node in nodes] == [None] * len(nodes)
    finally:
        gc.enable()


def test_backward_frees_as_it_goes() -> None:
    """At most a few activations more than the forward kept are alive at the peak of the backward pass."""
    network, parameters, x = MLP
    p = [dl.asarray(a) for a in parameters]
    data = dl.asarray(x).requires_grad_()
    network(dl, p, data).backward()
    data.grad = None
    tracemalloc.start()
    loss = network(dl, p, data)
    forward, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    loss.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - forward < 5 * N * 256 * 4


def test_clipping_takes_the_largest_entry_by_name() -> None:
    """In the torch names an order may be a word."""
    lib = import_module("dlengine.torch")
    w = lib.ones(3).requires_grad_()
    (w * lib.tensor([3.0, -4.0, 1.0])).sum().backward()
    assert float(lib.nn.utils.clip_grad_norm_([w], 2.0, "inf")) == 4.0
    np.testing.assert_allclose(w.grad.numpy(), [1.5, -2.0, 0.5], rtol=1e-6)
