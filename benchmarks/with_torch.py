"""What the workloads need, from PyTorch: the same names as in with_dlengine.py. Imported only where torch is asked for."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn, optim
from torch.nn import functional as F

__all__ = [
    "NAME", "batch_norm", "constant", "conv2d", "cross_entropy", "describe", "embedding", "fallbacks", "layer_norm", "leaf",
    "lstm", "max_pool2d", "nn", "no_grad", "optim", "placed", "sigmoid", "sum", "synchronise", "tanh", "value", "write",
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


def synchronise() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def describe() -> dict[str, Any]:
    precision = {"dtype": str(torch.get_default_dtype()).removeprefix("torch."), "matmul": torch.get_float32_matmul_precision()}
    return {"version": torch.__version__, "threads": torch.get_num_threads(), "device": DEVICE, "precision": precision}
