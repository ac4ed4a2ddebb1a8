"""The functions that the definitions use, from PyTorch, with the names of with_dlengine.py. Imported only if it is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn, optim
from torch.nn import functional as F

from .clocks import Clock, DeviceClock, host_clock

__all__ = [
    "NAME", "add_relu", "attention", "batch_norm", "captured", "clock", "compiled", "concat", "constant", "conv2d", "copied",
    "cross_entropy", "describe", "dropout", "embedding", "empty_pool", "exp", "fallbacks", "gelu", "gru", "inference",
    "launches", "layer_norm", "leaf", "logsigmoid", "lstm", "matmul", "max_pool2d", "mean", "nn", "no_grad", "optim",
    "permute", "placed", "pool", "precision", "relu", "set_precision", "sigmoid", "skipgram", "softmax", "standard_normal",
    "sum", "table_op", "tanh", "value", "write",
]  # fmt: skip

NAME = "torch"
DEVICE = os.environ.get("DLENGINE_BENCH_DEVICE", "cpu")

fallbacks: dict[str, int] = {}
no_grad = torch.no_grad
tanh = torch.tanh
sigmoid = torch.sigmoid
sum = torch.sum
conv2d = F.conv2d
max_pool2d = F.max_pool2d
cross_entropy = F.cross_entropy
dropout = F.dropout
relu = F.relu


def add_relu(a: Any, b: Any) -> Any:
    return relu(a + b)


exp = torch.exp
matmul = torch.matmul
logsigmoid = F.logsigmoid
softmax = F.softmax
concat = torch.cat
permute = torch.permute
mean = torch.mean
attention = F.scaled_dot_product_attention
gelu = F.gelu
copied = torch.clone


def standard_normal(*shape: int) -> Any:
    return torch.randn(*shape, device=DEVICE)


def constant(array: Any, dtype: str | None = None) -> Any:
    return torch.tensor(array, device=DEVICE, dtype=getattr(torch, dtype) if dtype else None)


def leaf(array: Any, dtype: str | None = None) -> Any:
    return constant(array, dtype).requires_grad_()


def value(tensor: Any) -> Any:
    tensor = tensor.detach().cpu().resolve_conj()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy().copy()


def placed(model: Any) -> Any:
    # Not set_default_device: it puts a Python call around every torch function, which would make torch look slow.
    return model.to(DEVICE)


def write(parameter: Any, array: Any) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(array))


def embedding(weight: Any, ids: Any) -> Any:
    return F.embedding(ids, weight)


def batch_norm(x: Any, weight: Any, bias: Any) -> Any:
    return F.batch_norm(x, None, None, weight, bias, training=True)


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    return F.layer_norm(x, x.shape[-1:], weight, bias)


def lstm(x: Any, h0: Any, c0: Any, layers: list[tuple[Any, Any, Any]]) -> Any:
    weights = [w for w_ih, w_hh, bias in layers for w in (w_ih, w_hh, bias, torch.zeros_like(bias))]
    h, c = (s.expand(len(layers), *s.shape).contiguous() for s in (h0, c0))
    return torch.lstm(x, (h, c), weights, True, len(layers), 0.0, torch.is_grad_enabled(), False, False)[0]


def gru(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    return torch.gru(x, h0[None], [w_ih, w_hh, b_ih, b_hh], True, 1, 0.0, torch.is_grad_enabled(), False, False)[0]


def skipgram() -> None:
    """PyTorch has no step that trains pair by pair."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: with_torch_compile.py compiles it."""
    return function


def inference(model: Any, x: Any) -> Callable[[], Any]:
    model.eval()

    def run() -> Any:
        with torch.no_grad():
            return model(x)

    return run


def table_op(name: str) -> Callable[..., Any] | None:
    from dlengine.testing.table import CASES

    from .torch_functions import function_of

    return function_of(name, CASES[name].op.__name__)


def captured(step: Callable[[], Any]) -> Callable[[], Any]:
    """The step itself: captured steps are compared with eager PyTorch."""
    return step


def clock() -> Clock:
    if DEVICE != "cuda":
        return host_clock
    return DeviceClock(lambda: torch.cuda.Event(enable_timing=True), lambda a, b: a.elapsed_time(b), torch.cuda.synchronize)


def pool() -> dict[str, float]:
    if DEVICE != "cuda":
        return {}
    return {"used_mib": torch.cuda.memory_allocated() / 2**20, "held_mib": torch.cuda.memory_reserved() / 2**20}


def empty_pool() -> None:
    if DEVICE == "cuda":
        torch.cuda.empty_cache()


def launches() -> dict[str, int]:
    return {}


def set_precision(name: str) -> None:
    torch.set_float32_matmul_precision(name)
    # On its own switch, and on by default: without this PyTorch would convolve in TF32 where float32 was asked for.
    cudnn: Any = torch.backends.cudnn
    cudnn.allow_tf32 = name != "highest"


def precision() -> dict[str, str]:
    """The precision in which PyTorch computes; on CUDA "medium" is TF32 as well."""
    asked = torch.get_float32_matmul_precision()
    kind = "high" if asked == "medium" and DEVICE == "cuda" else asked
    return {"dtype": str(torch.get_default_dtype()).removeprefix("torch."), "matmul": kind}


def describe() -> dict[str, Any]:
    facts = {"version": torch.__version__, "threads": torch.get_num_threads(), "device": DEVICE, "precision": precision()}
    if DEVICE == "cuda":
        cudnn: Any = torch.backends.cudnn
        facts |= {"card": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "cudnn": cudnn.version()}
        facts |= {"TF32 convolutions": cudnn.allow_tf32}
    return facts
