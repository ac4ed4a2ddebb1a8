"""PyTorch's function for a row of the op table: the one of the same name, or what OTHERS says. Imported only if it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

PLACES: tuple[Any, ...] = (torch, F, torch.linalg, torch.fft, torch.special)
"""Where functions are looked up, first to last."""


def _lstm(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, bias: Any) -> Any:
    weights = [w_ih, w_hh, bias, torch.zeros_like(bias)]
    return torch.lstm(x, (h0[None], c0[None]), weights, True, 1, 0.0, torch.is_grad_enabled(), False, False)[0]


def _gru(x: Any, h0: Any, *weights: Any) -> Any:
    return torch.gru(x, h0[None], weights, True, 1, 0.0, torch.is_grad_enabled(), False, False)[0]


def _rnn(x: Any, h0: Any, w_ih: Any, w_hh: Any, bias: Any) -> Any:
    weights = [w_ih, w_hh, bias, torch.zeros_like(bias)]
    return torch.rnn_tanh(x, h0[None], weights, True, 1, 0.0, torch.is_grad_enabled(), False, False)[0]


def _batch_norm(x: Any, weight: Any, bias: Any) -> Any:
    return F.batch_norm(x, None, None, weight, bias, training=True)


OTHERS: dict[str, Callable[..., Any]] = {
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "logsumexp": lambda x: torch.logsumexp(x, tuple(range(x.ndim))),
    "var": lambda x: torch.var(x, correction=0),
    "std": lambda x: torch.std(x, correction=0),
    "cumulative_sum": lambda x: torch.cumsum(x, 0),
    "cumulative_prod": lambda x: torch.cumprod(x, 0),
    "permute_dims": torch.permute,
    "matrix_transpose": lambda x: x.mT,
    "expand_dims": lambda x, *, axis: torch.unsqueeze(x, axis),
    "squeeze": lambda x, *, axis: torch.squeeze(x, axis),
    "broadcast_arrays": torch.broadcast_tensors,
    "unstack": torch.unbind,
    "repeat": torch.repeat_interleave,
    "pad": lambda x, widths: F.pad(x, tuple(widths[0])),
    "flip": lambda x: torch.flip(x, tuple(range(x.ndim))),
    "concat": torch.cat,
    "equal": torch.eq,
    "take_along_axis": lambda x, indices: torch.take_along_dim(x, indices, -1),
    "scatter_add": lambda x, indices, values: torch.index_add(x, 0, indices, values),
    "getitem": lambda x, *, key: x[key],
    "set_at": lambda x, value, *, key: torch.select_scatter(x, value, 0, key),
    "einsum": lambda *operands, equation: torch.einsum(equation, *operands),
    "astype": lambda x, dtype: x.to(torch.float64),
    "bitwise_invert": torch.bitwise_not,
    "sort": lambda x: torch.sort(x)[0],
    "nonzero": lambda x: torch.nonzero(x, as_tuple=True),
    "unique_values": torch.unique,
    "unique_counts": lambda x: torch.unique(x, return_counts=True),
    "unique_inverse": lambda x: torch.unique(x, return_inverse=True),
    "meshgrid": lambda *x: torch.meshgrid(*x, indexing="xy"),
    "embedding": lambda weight, ids: F.embedding(ids, weight),
    "batch_norm": _batch_norm,
    "batch_norm_inference": lambda x, mean, var, weight, bias: F.batch_norm(x, mean, var, weight, bias),
    "instance_norm": lambda x, weight, bias: F.instance_norm(x, weight=weight, bias=bias),
    "layer_norm": F.layer_norm,
    "group_norm": F.group_norm,
    "rms_norm": F.rms_norm,
    "dropout": F.dropout,
    "alpha_dropout": lambda x, p: F.alpha_dropout(x, p, training=True),
    "lstm": _lstm,
    "gru": _gru,
    "rnn": _rnn,
    "nll_loss": F.nll_loss,
    "kl_div": F.kl_div,
    "poisson_nll_loss": F.poisson_nll_loss,
    "ctc_loss": F.ctc_loss,
    "hinge_embedding_loss": F.hinge_embedding_loss,
    "cosine_embedding_loss": F.cosine_embedding_loss,
    "margin_ranking_loss": F.margin_ranking_loss,
    "triplet_margin_loss": F.triplet_margin_loss,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "softmax_cross_entropy": lambda x, labels: F.cross_entropy(x, labels, reduction="none"),
    "squared_distances": lambda x, y: torch.cdist(x, y).square(),
    "max_unpool1d": lambda x, indices, *, output_size: F.max_unpool1d(x, indices, (2,), output_size=(output_size,)),
    "max_unpool2d": lambda x, indices, *, output_size: F.max_unpool2d(x, indices, (2, 2), output_size=output_size),
    "max_unpool3d": lambda x, indices, *, output_size: F.max_unpool3d(x, indices, (3, 2, 1), output_size=output_size),
    "bernoulli": lambda p, *shape: torch.empty(shape).bernoulli_(p),
    "randint": lambda low, high, *shape: torch.randint(low, high, shape),
    "svd": lambda x: torch.linalg.svd(x, full_matrices=False),
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "solve": torch.linalg.solve,
    "slogdet": torch.linalg.slogdet,
    "matrix_power": torch.linalg.matrix_power,
    "matrix_rank": torch.linalg.matrix_rank,
    "cholesky": torch.linalg.cholesky,
    "eig": torch.linalg.eig,
    "qr": torch.linalg.qr,
    "cross": torch.linalg.cross,
    "fft": torch.fft.fft,
}
"""Functions of another name, or with other parameters than the first sample of the row has."""


def function_of(name: str, op: str) -> Callable[..., Any] | None:
    """PyTorch's function for a row of the op table, by the row's name or by that of its op; None if it has none."""
    if name in OTHERS or op in OTHERS:
        return OTHERS.get(name) or OTHERS[op]
    for place in PLACES:
        for text in (name, op):
            found = getattr(place, text, None)
            if callable(found):
                return found  # type: ignore[no-any-return]
    return None
