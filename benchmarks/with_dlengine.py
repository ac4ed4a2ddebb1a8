"""What the workloads need, from dlengine. with_torch.py has the same names, so that each workload is one text for both."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

import dlengine as dl
from dlengine import nn, optim
from dlengine.backend import fallbacks, get_backend

__all__ = [
    "NAME", "batch_norm", "concat", "constant", "conv2d", "cross_entropy", "describe", "embedding", "exp", "fallbacks", "gru",
    "layer_norm", "leaf", "logsigmoid", "lstm", "matmul", "max_pool2d", "mean", "nn", "no_grad", "optim", "permute", "placed",
    "relu", "sigmoid", "softmax", "standard_normal", "sum", "synchronise", "tanh", "value", "write",
]  # fmt: skip

NAME = "dlengine"

no_grad = dl.no_grad
tanh = dl.tanh
sigmoid = dl.sigmoid
sum = dl.sum
conv2d = dl.conv2d
max_pool2d = dl.max_pool2d
embedding = dl.embedding
relu = dl.relu
exp = dl.exp
matmul = dl.matmul
logsigmoid = dl.logsigmoid
softmax = dl.softmax
concat = dl.concat
permute = dl.permute_dims
mean = dl.mean
standard_normal = dl.randn
relu = dl.relu
exp = dl.exp
matmul = dl.matmul
logsigmoid = dl.logsigmoid
softmax = dl.softmax
concat = dl.concat
permute = dl.permute_dims
mean = dl.mean
standard_normal = dl.randn


def constant(array: Any) -> Any:
    """A tensor without gradient, on the device under test."""
    return dl.asarray(array)


def leaf(array: Any) -> Any:
    """A tensor whose gradient is wanted."""
    return dl.asarray(array).requires_grad_()


def value(tensor: Any) -> Any:
    """Its values as a NumPy array."""
    return tensor.numpy_copy()


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


def cross_entropy(logits: Any, labels: Any) -> Any:
    return dl.mean(dl.softmax_cross_entropy(logits, labels))


def synchronise() -> None:
    """Wait until the device has finished."""
    if get_backend() == "cuda":
        from cupy.cuda import runtime

        runtime.deviceSynchronize()


def describe() -> dict[str, Any]:
    """Version, threads and precision, as the result records them."""
    facts = {"version": version("dlengine-xp"), "backend": get_backend(), "numpy": np.__version__}
    if get_backend() == "numba":
        import numba

        facts |= {"numba": numba.__version__, "threads": numba.config.NUMBA_NUM_THREADS}
    device = "cuda" if get_backend() == "cuda" else "cpu"
    return facts | {"device": device, "precision": {"dtype": str(np.dtype(dl.get_default_dtype())), "matmul": "highest"}}
