"""The functions that the definitions use, from dlengine. with_torch.py has the same names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

import dlengine as dl
from dlengine import nn, optim
from dlengine.backend import fallbacks, get_backend, policy
from dlengine.kernels import reference

from .clocks import Clock, DeviceClock, host_clock

__all__ = [
    "NAME", "add_relu", "attention", "batch_norm", "captured", "clock", "compiled", "concat", "constant", "conv2d", "copied",
    "cross_entropy", "describe", "dropout", "embedding", "empty_pool", "exp", "fallbacks", "gelu", "gru", "inference",
    "launches", "layer_norm", "leaf", "logsigmoid", "lstm", "matmul", "max_pool2d", "mean", "nn", "no_grad", "optim",
    "permute", "placed", "pool", "precision", "relu", "set_precision", "sigmoid", "skipgram", "softmax", "standard_normal",
    "sum", "table_op", "tanh", "value", "write",
]  # fmt: skip

NAME = "dlengine"

no_grad = dl.no_grad
tanh = dl.tanh
sigmoid = dl.sigmoid
sum = dl.sum
conv2d = dl.conv2d
max_pool2d = dl.max_pool2d
embedding = dl.embedding
dropout = dl.dropout
relu = dl.relu
add_relu = dl.add_relu
exp = dl.exp
matmul = dl.matmul
logsigmoid = dl.logsigmoid
softmax = dl.softmax
cross_entropy = nn.functional.cross_entropy
concat = dl.concat
permute = dl.permute_dims
mean = dl.mean
standard_normal = dl.randn
attention = dl.scaled_dot_product_attention
gelu = dl.gelu


def constant(array: Any, dtype: str | None = None) -> Any:
    """A tensor without gradient, on the device under test, float32 unless dtype says otherwise."""
    if dtype == "bfloat16":
        # NumPy has none of its own; where this extension is missing, the workload's row says so.
        array = np.asarray(array, import_module("ml_dtypes").bfloat16)
    return dl.asarray(array)


def leaf(array: Any, dtype: str | None = None) -> Any:
    """A tensor that requires a gradient."""
    return constant(array, dtype).requires_grad_()


def value(tensor: Any) -> Any:
    """The values as a NumPy array; bfloat16 as float32, since .npz files do not support it."""
    array = tensor.numpy_copy()
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def copied(x: Any) -> Any:
    return dl.asarray(x, copy=True)


def placed(model: Any) -> Any:
    """Move a new model to the device: nothing to do, dlengine creates it there."""
    return model


def write(parameter: Any, array: Any) -> None:
    """Set a parameter's values."""
    with dl.no_grad():
        parameter[...] = dl.asarray(array)


def batch_norm(x: Any, weight: Any, bias: Any) -> Any:
    return dl.batch_norm(x, weight, bias)[0]


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    return dl.layer_norm(x, x.shape[-1], weight, bias)


def lstm(x: Any, h0: Any, c0: Any, layers: list[tuple[Any, Any, Any]]) -> Any:
    """Layers of (w_ih, w_hh, bias) over x (T,N,I), each from the state h0, c0 (N,H); returns y (T,N,H)."""
    for w_ih, w_hh, bias in layers:
        x = dl.lstm(x, h0, c0, w_ih, w_hh, bias)[0]
    return x


def gru(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """One layer over x (T,N,I) from the state h0 (N,H); returns y (T,N,H)."""
    return dl.gru(x, h0, w_ih, w_hh, b_ih, b_hh)[0]


def skipgram() -> Callable[..., Any] | None:
    """The step that trains word vectors pair by pair; None without a compiled kernel, which would take minutes."""
    kernels = policy().creation.kernels()
    return optim.skipgram_step_ if kernels is not None and "skipgram_negative" in kernels.declared else None


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: dlengine is timed as it runs line by line."""
    return function


def inference(model: Any, x: Any) -> Callable[[], Any]:
    """A call of a model on an input, in evaluation and without gradients."""
    model.eval()

    def run() -> Any:
        with no_grad():
            return model(x)

    return run


def table_op(name: str) -> Callable[..., Any] | None:
    """The function that users call for a row of the op table."""
    from .op_rows import public

    return public(name)


def captured(step: Callable[[], Any]) -> Callable[[], Any]:
    """Capture a step as a CUDA graph; on the host the step itself."""
    if not _on_cuda():
        return step
    from dlengine.training import capture

    replay: Callable[[], Any] = capture(step)
    return replay


def clock() -> Clock:
    """A clock of device events on a GPU, otherwise the host's clock."""
    if not _on_cuda():
        return host_clock
    from cupy import cuda

    return DeviceClock(cuda.Event, cuda.get_elapsed_time, cuda.runtime.deviceSynchronize)


def pool() -> dict[str, float]:
    """The MiB that the device's memory pool holds and that are in use; empty on the host."""
    if not _on_cuda():
        return {}
    import cupy

    held = cupy.get_default_memory_pool()
    return {"used_mib": held.used_bytes() / 2**20, "held_mib": held.total_bytes() / 2**20}


def empty_pool() -> None:
    """Return unused memory of the pool to the device."""
    if _on_cuda():
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()


def launches() -> dict[str, int]:
    """The number of launches of each kernel so far."""
    return dict((policy().creation.kernels() or reference.SET).launches)


def set_precision(name: str) -> None:
    """Set the precision of float32 products: "highest" float32, "high" TF32, "medium" bfloat16."""
    dl.set_matmul_precision(name)


def precision() -> dict[str, str]:
    """The default dtype, and the precision of float32 products."""
    return {"dtype": str(np.dtype(dl.get_default_dtype())), "matmul": dl.get_matmul_precision() if _on_cuda() else "highest"}


def describe() -> dict[str, Any]:
    """Versions, threads and precision, and on a GPU the card, for the result."""
    facts = {"version": version("dlengine-xp"), "backend": get_backend(), "numpy": np.__version__}
    if get_backend() == "numba":
        import numba

        facts |= {"numba": numba.__version__, "threads": numba.get_num_threads()}
    if _on_cuda():
        import cupy

        runtime: Any = cupy.cuda.runtime
        card = runtime.getDeviceProperties(cupy.cuda.Device().id)
        facts |= {"cupy": cupy.__version__, "card": card["name"].decode(), "driver": runtime.driverGetVersion()}
        facts |= {"capability": f"{card['major']}.{card['minor']}", "cuda": runtime.runtimeGetVersion()}
    return facts | {"device": "cuda" if _on_cuda() else "cpu", "precision": precision()}


def _on_cuda() -> bool:
    return get_backend() == "cuda"
