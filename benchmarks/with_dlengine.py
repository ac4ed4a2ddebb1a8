"""What the workloads need, from dlengine. with_torch.py has the same names, so that each workload is one text for both."""

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
    "NAME", "batch_norm", "captured", "clock", "concat", "constant", "conv2d", "copied", "cross_entropy", "describe", "dropout",
    "embedding", "empty_pool", "exp", "fallbacks", "gru", "launches", "layer_norm", "leaf", "logsigmoid", "lstm", "matmul",
    "max_pool2d", "mean", "nn", "no_grad", "optim", "permute", "placed", "pool", "precision", "relu", "set_precision", "sigmoid",
    "skipgram", "softmax", "standard_normal", "sum", "tanh", "value", "write",
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
exp = dl.exp
matmul = dl.matmul
logsigmoid = dl.logsigmoid
softmax = dl.softmax
cross_entropy = nn.functional.cross_entropy
concat = dl.concat
permute = dl.permute_dims
mean = dl.mean
standard_normal = dl.randn


def constant(array: Any, dtype: str | None = None) -> Any:
    """A tensor without gradient, on the device under test, float32 unless dtype says otherwise."""
    if dtype == "bfloat16":
        # NumPy has none of its own; where this extension is missing, the workload's row says so.
        array = np.asarray(array, import_module("ml_dtypes").bfloat16)
    return dl.asarray(array)


def leaf(array: Any, dtype: str | None = None) -> Any:
    """A tensor whose gradient is wanted."""
    return constant(array, dtype).requires_grad_()


def value(tensor: Any) -> Any:
    """Its values as a NumPy array; bfloat16, which files of arrays do not know, as float32."""
    array = tensor.numpy_copy()
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def copied(x: Any) -> Any:
    return dl.asarray(x, copy=True)


def placed(model: Any) -> Any:
    """A new model on the device under test, where dlengine makes it in the first place."""
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
    """Word vectors pair after pair; None where only the reference does it, which would take minutes."""
    kernels = policy().creation.kernels()
    return optim.skipgram_step_ if kernels is not None and "skipgram_negative" in kernels.declared else None


def captured(step: Callable[[], Any]) -> Callable[[], Any]:
    """The step recorded once as a CUDA graph, to be replayed; on the host, where there are no graphs, the step itself."""
    if not _on_cuda():
        return step
    from dlengine.training import capture

    replay: Callable[[], Any] = capture(step)
    return replay


def clock() -> Clock:
    """Device events on a GPU, else the host's clock."""
    if not _on_cuda():
        return host_clock
    from cupy import cuda

    return DeviceClock(cuda.Event, cuda.get_elapsed_time, cuda.runtime.deviceSynchronize)


def pool() -> dict[str, float]:
    """MiB that the device's memory pool holds, and how much of it is in use; empty on the host."""
    if not _on_cuda():
        return {}
    import cupy

    held = cupy.get_default_memory_pool()
    return {"used_mib": held.used_bytes() / 2**20, "held_mib": held.total_bytes() / 2**20}


def empty_pool() -> None:
    """Give the device what the pool does not use."""
    if _on_cuda():
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()


def launches() -> dict[str, int]:
    """How often each kernel of the set in force has answered so far."""
    return dict((policy().creation.kernels() or reference.SET).launches)


def set_precision(name: str) -> None:
    """How float32 products are computed: "highest" as float32, "high" in TF32, "medium" in bfloat16."""
    dl.set_matmul_precision(name)


def precision() -> dict[str, str]:
    """What is computed: the dtype, and the precision of its products."""
    return {"dtype": str(np.dtype(dl.get_default_dtype())), "matmul": dl.get_matmul_precision() if _on_cuda() else "highest"}


def describe() -> dict[str, Any]:
    """Version, threads and precision, as the result records them; on a GPU the card too."""
    facts = {"version": version("dlengine-xp"), "backend": get_backend(), "numpy": np.__version__}
    if get_backend() == "numba":
        import numba

        facts |= {"numba": numba.__version__, "threads": numba.config.NUMBA_NUM_THREADS}
    if _on_cuda():
        import cupy
        from cupy.cuda import runtime

        card = runtime.getDeviceProperties(cupy.cuda.Device().id)
        facts |= {"cupy": cupy.__version__, "card": card["name"].decode(), "driver": runtime.driverGetVersion()}
        facts |= {"capability": f"{card['major']}.{card['minor']}", "cuda": runtime.runtimeGetVersion()}
    return facts | {"device": "cuda" if _on_cuda() else "cpu", "precision": precision()}


def _on_cuda() -> bool:
    return get_backend() == "cuda"
