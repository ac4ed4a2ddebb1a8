"""What the workloads need, from PyTorch: the same names as in with_dlengine.py. Imported only where torch is asked for."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn, optim
from torch.nn import functional as F

__all__ = [
    "NAME", "batch_norm", "concat", "constant", "conv2d", "cross_entropy", "describe", "embedding", "exp", "fallbacks", "gru",
    "layer_norm", "leaf", "logsigmoid", "lstm", "matmul", "max_pool2d", "mean", "nn", "no_grad", "optim", "permute", "placed",
    "relu", "sigmoid", "softmax", "standard_normal", "sum", "synchronise", "tanh", "value", "write",
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
relu = F.relu
exp = torch.exp
matmul = torch.matmul
logsigmoid = F.logsigmoid
softmax = F.softmax
concat = torch.cat
permute = torch.permute
mean = torch.mean
relu = F.relu
exp = torch.exp
matmul = torch.matmul
logsigmoid = F.logsigmoid
softmax = F.softmax
concat = torch.cat
permute = torch.permute
mean = torch.mean


def standard_normal(*shape: int) -> Any:
    return torch.randn(*shape, device=DEVICE)


def constant(array: Any) -> Any:
    return torch.tensor(array, device=DEVICE)


def leaf(array: Any) -> Any:
    return torch.tensor(array, device=DEVICE, requires_grad=True)


def value(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy().copy()


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


def synchronise() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def describe() -> dict[str, Any]:
    precision = {"dtype": str(torch.get_default_dtype()).removeprefix("torch."), "matmul": torch.get_float32_matmul_precision()}
    return {"version": torch.__version__, "threads": torch.get_num_threads(), "device": DEVICE, "precision": precision}
