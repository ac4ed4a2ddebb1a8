"""Whole-sequence recurrent nets: vanilla RNN, LSTM, GRU; one direction of one layer. Layers and directions: nn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase
from ..errors import ConfigError, DTypeError, ShapeError
from .broadcasting import broadcast_to
from .conversion import asarray
from .creation import arange, zeros
from .elementwise import where
from .fused import arguments, kernel_op
from .ids import on_host
from .joining import concat
from .linalg import matmul

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["gru", "lstm", "lstm_projected", "rnn"]


def sequence_lengths(name: str, lengths: Tensor | Sequence[int] | None, x: Tensor) -> Tensor | None:
    """lengths (N,) as an int64 tensor beside x (T,N,I); from a list or tensor on any device. None stays None."""
    if lengths is None:
        return None
    steps, batch = x.shape[:2]
    t: Any = lengths if isinstance(lengths, TensorBase) else asarray(np.asarray(lengths), device=x.device)
    if t.shape != (batch,):
        raise ShapeError(f"{name}: lengths must be (N,)=({batch},), got {t.shape}")
    if t.dtype.kind not in "iu":
        raise DTypeError(f"{name}: lengths must be integers, got {t.dtype}")
    host = lengths.array if isinstance(lengths, TensorBase) else np.asarray(lengths)
    if on_host(host) is not None:  # on a GPU, looking would wait for it
        xp = backend.space_of(host)
        if batch and (bool(xp.min(host) < 0) or bool(xp.max(host) > steps)):
            raise ShapeError(f"{name}: lengths must be from 0 to T={steps}, got {xp.min(host)} to {xp.max(host)}")
    return t.astype(np.dtype("int64")).to(x.device)


def _check(
    name: str, gates: int, x: Tensor, states: dict[str, Tensor], w_ih: Tensor, w_hh: Tensor, biases: dict[str, Tensor | None]
) -> None:
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


@kernel_op(needs="x w_ih w_hh lengths", adds=(3, 4))
def lstm(
    x: Tensor, h0: Tensor, c0: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None, *, reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A whole sequence through one LSTM direction, fused.

    With gates ``i, f, o = sigmoid(W x_t + U h_{t-1} + b)`` and ``g = tanh(W x_t + U h_{t-1} + b)``, each with rows of its own:
    ``c_t = f c_{t-1} + i g`` and ``h_t = o tanh(c_t)``.

    Parameters
    ----------
    x : Tensor
        (T,N,I), floating.
    h0, c0 : Tensor
        (N,H), the state before the first step.
    w_ih : Tensor
        (4H,I), the rows of the gates in the order i, f, g, o.
    w_hh : Tensor
        (4H,H), likewise.
    bias : Tensor, optional
        (4H,). None adds nothing.
    lengths : Tensor or sequence of int, optional
        (N,) integers. Steps from a sequence's length on give 0 and leave its state. None means that all are T long.
    reverse : bool
        Whether steps go from the last valid one to the first.

    Returns
    -------
    tuple of Tensor
        ``y`` (T,N,H), and the last ``h`` and ``c``, both (N,H).

    Raises
    ------
    ShapeError
        If shapes disagree, or a length is not from 0 to T.
    DTypeError
        If ``lengths`` are not integers.

    References
    ----------
    Hochreiter and Schmidhuber, 1997. Forget gate: Gers, Schmidhuber and Cummins, 2000.

    Examples
    --------
    >>> state = dl.zeros((2, 4))
    >>> y, h, c = dl.lstm(dl.ones((3, 2, 5)), state, state, dl.zeros((16, 5)), dl.zeros((16, 4)))
    >>> y.shape, h.shape, c.shape
    ((3, 2, 4), (2, 4), (2, 4))
    """
    _check("lstm", 4, x, {"h0": h0, "c0": c0}, w_ih, w_hh, {"bias": bias})
    return arguments(x, h0, c0, w_ih, w_hh, bias, sequence_lengths("lstm", lengths, x), reverse)


def lstm_projected(
    x: Tensor, h0: Tensor, c0: Tensor, w_ih: Tensor, w_hh: Tensor, w_hr: Tensor, bias: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None, *, reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """An LSTM whose state is projected: ``h_t = w_hr (o tanh(c_t))``, else as `lstm`.

    Parameters
    ----------
    x : Tensor
        (T,N,I), floating.
    h0, c0 : Tensor
        (N,P) and (N,H), the state before the first step.
    w_ih, w_hh : Tensor
        (4H,I) and (4H,P), the rows of the gates in the order i, f, g, o.
    w_hr : Tensor
        (P,H), the projection.
    bias : Tensor, optional
        (4H,). None adds nothing.
    lengths : Tensor or sequence of int, optional
        (N,) integers. Steps from a sequence's length on give 0 and leave its state. None means that all are T long.
    reverse : bool
        Whether steps go from the last valid one to the first.

    Returns
    -------
    tuple of Tensor
        ``y`` (T,N,P), the last ``h`` (N,P) and ``c`` (N,H).

    Raises
    ------
    ShapeError
        If shapes disagree, or a length is not from 0 to T.
    DTypeError
        If ``lengths`` are not integers.

    References
    ----------
    Sak et al., 2014, arXiv:1402.1128.

    Examples
    --------
    >>> weights = dl.zeros((16, 5)), dl.zeros((16, 2)), dl.zeros((2, 4))
    >>> y, h, c = dl.lstm_projected(dl.ones((3, 1, 5)), dl.zeros((1, 2)), dl.zeros((1, 4)), *weights)
    >>> y.shape, h.shape, c.shape
    ((3, 1, 2), (1, 2), (1, 4))
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


@kernel_op(needs="x w_ih w_hh lengths", adds=(2, 3))
def gru(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None, *, reverse: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A whole sequence through one GRU direction, fused.

    With gates ``r, z = sigmoid(W x_t + U h_{t-1} + b)``, each with rows of its own:
    ``n = tanh(W x_t + b_in + r (U h_{t-1} + b_hn))`` and ``h_t = (1 - z) n + z h_{t-1}``. The reset gate comes after the
    product, as in cuDNN and PyTorch.

    Parameters
    ----------
    x : Tensor
        (T,N,I), floating.
    h0 : Tensor
        (N,H), the state before the first step.
    w_ih : Tensor
        (3H,I), the rows of the gates in the order r, z, n.
    w_hh : Tensor
        (3H,H), likewise.
    b_ih, b_hh : Tensor, optional
        (3H,), both or neither.
    lengths : Tensor or sequence of int, optional
        (N,) integers. Steps from a sequence's length on give 0 and leave its state. None means that all are T long.
    reverse : bool
        Whether steps go from the last valid one to the first.

    Returns
    -------
    tuple of Tensor
        ``y`` (T,N,H) and the last ``h`` (N,H).

    Raises
    ------
    ShapeError
        If shapes disagree, or a length is not from 0 to T.
    DTypeError
        If ``lengths`` are not integers.
    ConfigError
        If only one bias is given.

    References
    ----------
    Cho et al., 2014, arXiv:1406.1078.

    Examples
    --------
    >>> y, h = dl.gru(dl.ones((3, 2, 5)), dl.zeros((2, 4)), dl.zeros((12, 5)), dl.zeros((12, 4)))
    >>> y.shape, h.shape
    ((3, 2, 4), (2, 4))
    """
    _check("gru", 3, x, {"h0": h0}, w_ih, w_hh, {"b_ih": b_ih, "b_hh": b_hh})
    if (b_ih is None) != (b_hh is None):
        raise ConfigError("gru: give both b_ih and b_hh, or neither")
    return arguments(x, h0, w_ih, w_hh, b_ih, b_hh, sequence_lengths("gru", lengths, x), reverse)


@kernel_op(needs="x w_ih w_hh lengths")
def rnn(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None, *, nonlinearity: str = "tanh", reverse: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A whole sequence through one direction of a plain recurrent net: ``h_t = tanh(U x_t + W h_{t-1} + b)``.

    Parameters
    ----------
    x : Tensor
        (T,N,I), floating.
    h0 : Tensor
        (N,H), the state before the first step.
    w_ih, w_hh : Tensor
        (H,I) and (H,H): U and W.
    bias : Tensor, optional
        (H,). None adds nothing.
    lengths : Tensor or sequence of int, optional
        (N,) integers. Steps from a sequence's length on give 0 and leave its state. None means that all are T long.
    nonlinearity : {"tanh", "relu"}
        The function of the sum.
    reverse : bool
        Whether steps go from the last valid one to the first.

    Returns
    -------
    tuple of Tensor
        ``y`` (T,N,H) and the last ``h`` (N,H).

    Raises
    ------
    ShapeError
        If shapes disagree, or a length is not from 0 to T.
    DTypeError
        If ``lengths`` are not integers.
    ConfigError
        If ``nonlinearity`` is neither of the two.

    References
    ----------
    Elman, 1990.

    Examples
    --------
    >>> y, h = dl.rnn(dl.ones((3, 1, 2)), dl.zeros((1, 1)), dl.ones((1, 2)), dl.zeros((1, 1)), nonlinearity="relu")
    >>> y[:, 0, 0]
    tensor([2., 2., 2.])
    """
    _check("rnn", 1, x, {"h0": h0}, w_ih, w_hh, {"bias": bias})
    if nonlinearity not in ("tanh", "relu"):
        raise ConfigError(f"rnn: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    return arguments(x, h0, w_ih, w_hh, bias, sequence_lengths("rnn", lengths, x), reverse, nonlinearity)
