"""Whole-sequence recurrent nets: vanilla RNN, LSTM, GRU; one direction of one layer. Layers and directions: nn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..autograd.op import op
from ..errors import ConfigError, DTypeError, ShapeError
from .creation import arange, asarray, zeros
from .elementwise import where
from .linalg import matmul
from .shape import broadcast_to, concat

__all__ = ["gru", "lstm", "lstm_projected", "rnn"]


def sequence_lengths(name: str, lengths: Any, x: Any) -> Any:
    """lengths (N,) as an int64 tensor beside x (T,N,I); from a list or tensor on any device. None stays None."""
    if lengths is None:
        return None
    steps, batch = x.shape[:2]
    t: Any = lengths if isinstance(lengths, TensorBase) else asarray(np.asarray(lengths), device=x.device)
    if t.shape != (batch,):
        raise ShapeError(f"{name}: lengths must be (N,)=({batch},), got {t.shape}")
    if t.dtype.kind not in "iu":
        raise DTypeError(f"{name}: lengths must be integers, got {t.dtype}")
    host = lengths._array if isinstance(lengths, TensorBase) else np.asarray(lengths)
    if isinstance(host, np.ndarray):  # on a GPU, looking would wait for it
        if host.size and (host.min() < 0 or host.max() > steps):
            raise ShapeError(f"{name}: lengths must be from 0 to T={steps}, got {host.min()} to {host.max()}")
    return t.astype(np.dtype("int64")).to(x.device)


def _check(name: str, gates: int, x: Any, states: dict[str, Any], w_ih: Any, w_hh: Any, biases: dict[str, Any]) -> None:
    if x.ndim != 3:
        raise ShapeError(f"{name}: x must be (T,N,I), got shape {x.shape}")
    hidden = w_hh.shape[-1]
    if w_hh.shape != (gates * hidden, hidden):
        raise ShapeError(f"{name}: w_hh must be ({gates}H,H), got {w_hh.shape}")
    if w_ih.shape != (gates * hidden, x.shape[2]):
        raise ShapeError(f"{name}: w_ih must be ({gates}H,I)=({gates * hidden},{x.shape[2]}), got {w_ih.shape}")
    for key, s in states.items():
        if s.shape != (x.shape[1], hidden):
            raise ShapeError(f"{name}: {key} must be (N,H)=({x.shape[1]},{hidden}), got {s.shape}")
    for key, b in biases.items():
        if b is not None and b.shape != (gates * hidden,):
            raise ShapeError(f"{name}: {key} must be ({gates}H,)=({gates * hidden},), got {b.shape}")


@op(needs="x w_ih w_hh lengths", name="lstm")
def _lstm(xp, x, h0, c0, w_ih, w_hh, bias, lengths, /, *, reverse, save):
    """See lstm."""
    y, h, c, saved = xp.lstm(x, h0, c0, w_ih, w_hh, bias, lengths, reverse, save)

    def pull(g, need):
        return (*xp.lstm_grad(*g, x, h0, c0, w_ih, w_hh, bias, lengths, reverse, saved), None)

    return (y, h, c), pull


def lstm(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, bias: Any = None, lengths: Any = None, *, reverse: bool = False
) -> tuple[Any, Any, Any]:
    """A whole sequence through one LSTM direction, fused.

    i, f, o = sigmoid(W x_t + U h_{t-1} + b), g = tanh(likewise); c_t = f c_{t-1} + i g; h_t = o tanh(c_t).

    x: (T,N,I). h0, c0: (N,H). w_ih: (4H,I), w_hh: (4H,H), gates in the order i, f, g, o. bias: (4H,) or None.
    lengths: (N,) integers or None; steps from a sequence's length on give 0 and leave its state. reverse: from the last
    valid step to the first. Returns y (T,N,H), the last h and c (N,H). Raises ShapeError, DTypeError.
    Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000.
    """
    _check("lstm", 4, x, {"h0": h0, "c0": c0}, w_ih, w_hh, {"bias": bias})
    return _lstm(x, h0, c0, w_ih, w_hh, bias, sequence_lengths("lstm", lengths, x), reverse=reverse)


def lstm_projected(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, w_hr: Any, bias: Any = None, lengths: Any = None, *, reverse: bool = False
) -> tuple[Any, Any, Any]:
    """An LSTM whose state is projected: h_t = w_hr (o tanh(c_t)); see lstm for the rest.

    x: (T,N,I). h0: (N,P), c0: (N,H). w_ih: (4H,I), w_hh: (4H,P), w_hr: (P,H). Returns y (T,N,P), the last h (N,P), c (N,H).
    Source: Sak et al. 2014, arXiv:1402.1128.
    """
    name = "lstm_projected"
    if w_hr.ndim != 2 or w_hh.shape[1:] != w_hr.shape[:1] or h0.shape != (x.shape[1], w_hr.shape[0]):
        raise ShapeError(f"{name}: w_hr must be (P,H), w_hh (4H,P), h0 (N,P), got {w_hr.shape}, {w_hh.shape}, {h0.shape}")
    steps, batch = x.shape[:2]
    lengths = sequence_lengths(name, lengths, x)
    # The same as an LSTM without projection whose recurrent weights are w_hh w_hr; only h0 enters by w_hh alone, so it is
    # an input of the first step.
    time = arange(steps, device=x.device)[:, None]
    first = 0 if not reverse else steps - 1 if lengths is None else lengths - 1
    start = where((time == first)[:, :, None], h0, 0.0)
    start = start if start.shape[1] == batch else broadcast_to(start, (steps, batch, h0.shape[1]))
    hidden = zeros(c0.shape, dtype=c0.dtype, device=c0.device)
    y, h, c = lstm(
        concat([x, start], axis=-1), hidden, c0, concat([w_ih, w_hh], axis=1), matmul(w_hh, w_hr), bias, lengths, reverse=reverse
    )
    h = matmul(h, w_hr.T)
    if steps == 0:
        h = h0 + 0.0
    elif lengths is not None:
        h = where((lengths > 0)[:, None], h, h0)
    return matmul(y, w_hr.T), h, c


@op(needs="x w_ih w_hh lengths", name="gru")
def _gru(xp, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, /, *, reverse, save):
    """See gru."""
    y, h, saved = xp.gru(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse, save)

    def pull(g, need):
        return (*xp.gru_grad(*g, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse, saved), None)

    return (y, h), pull


def gru(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, lengths: Any = None, *, reverse: bool = False
) -> tuple[Any, Any]:
    """A whole sequence through one GRU direction, fused.

    r, z = sigmoid(W x_t + U h_{t-1} + b); n = tanh(W x_t + b_in + r (U h_{t-1} + b_hn)); h_t = (1 - z) n + z h_{t-1}.

    x: (T,N,I). h0: (N,H). w_ih: (3H,I), w_hh: (3H,H), gates in the order r, z, n. b_ih, b_hh: (3H,), both or neither.
    lengths, reverse: see lstm. Returns y (T,N,H) and the last h (N,H). Raises ShapeError, DTypeError.
    Source: Cho et al. 2014, arXiv:1406.1078, with the reset gate after the product as in cuDNN and PyTorch.
    """
    _check("gru", 3, x, {"h0": h0}, w_ih, w_hh, {"b_ih": b_ih, "b_hh": b_hh})
    if (b_ih is None) != (b_hh is None):
        raise ConfigError("gru: give both b_ih and b_hh, or neither")
    return _gru(x, h0, w_ih, w_hh, b_ih, b_hh, sequence_lengths("gru", lengths, x), reverse=reverse)


@op(needs="x w_ih w_hh lengths", name="rnn")
def _rnn(xp, x, h0, w_ih, w_hh, bias, lengths, /, *, reverse, nonlinearity, save):
    """See rnn."""
    y, h, saved = xp.rnn(x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, save)

    def pull(g, need):
        return (*xp.rnn_grad(*g, x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, saved), None)

    return (y, h), pull


def rnn(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, bias: Any = None, lengths: Any = None, *, nonlinearity: str = "tanh",
    reverse: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """A whole sequence through one direction of a vanilla RNN: h_t = tanh(U x_t + W h_{t-1} + b).

    x: (T,N,I). h0: (N,H). w_ih: (H,I), w_hh: (H,H). bias: (H,) or None. nonlinearity: "tanh" or "relu".
    lengths, reverse: see lstm. Returns y (T,N,H) and the last h (N,H). Raises ShapeError, DTypeError, ConfigError.
    Source: Elman 1990.
    """
    _check("rnn", 1, x, {"h0": h0}, w_ih, w_hh, {"bias": bias})
    if nonlinearity not in ("tanh", "relu"):
        raise ConfigError(f"rnn: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    return _rnn(
        x, h0, w_ih, w_hh, bias, sequence_lengths("rnn", lengths, x), reverse=reverse, nonlinearity=nonlinearity
    )
