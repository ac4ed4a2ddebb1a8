"""Rows of the recurrent nets."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigError, DTypeError, ShapeError
from ...ops import recurrent as ops
from ..arguments import Arg, given, normal
from ..bounds import forward_error
from ..references import recurrent as ref
from ..table import case, error, sample

_BOUND = forward_error(64)


def _net(gates: int, steps: int, batch: int, inputs: int, hidden: int, states: int, biases: int) -> list[Arg]:
    """x, the initial states, both weights (scaled down to avoid saturation) and the biases."""
    scale = 0.5 / hidden**0.5
    return [
        normal(steps, batch, inputs),
        *[normal(batch, hidden, scale=0.5)] * states,
        normal(gates * hidden, inputs, scale=scale),
        normal(gates * hidden, hidden, scale=scale),
        *[normal(gates * hidden, scale=0.5)] * biases,
    ]


def _samples(gates: int, states: int, biases: int, **consts: Any) -> list[Any]:
    lengths = given([3, 0, 5, 1], dtype="int64")
    none = [None] * biases
    return [
        sample(*_net(gates, 5, 3, 4, 6, states, biases), **consts),
        sample(*_net(gates, 5, 4, 3, 5, states, biases), lengths, **consts),
        sample(*_net(gates, 5, 4, 3, 5, states, biases), lengths, reverse=True, **consts),
        sample(*_net(gates, 2, 1, 3, 17, states, 0), *none, reverse=True, **consts),
        sample(*_net(gates, 1, 7, 19, 33, states, biases), **consts),
    ]


case(
    ops.lstm,
    *_samples(4, 2, 1),
    error(ShapeError, "x must be (T,N,I)", normal(3, 4), normal(3, 2), normal(3, 2), normal(8, 4), normal(8, 2)),
    error(ShapeError, "w_ih must be (4H,I)", normal(5, 3, 4), normal(3, 2), normal(3, 2), normal(8, 5), normal(8, 2)),
    error(ShapeError, "h0 must be (N,H)", normal(5, 3, 4), normal(4, 2), normal(3, 2), normal(8, 4), normal(8, 2)),
    error(
        ShapeError, "lengths must be (N,)", normal(5, 3, 4), normal(3, 2), normal(3, 2), normal(8, 4), normal(8, 2), None,
        given([1, 2], dtype="int64"),
    ),
    error(
        DTypeError, "lengths must be integers", normal(5, 3, 4), normal(3, 2), normal(3, 2), normal(8, 4), normal(8, 2), None,
        normal(3),
    ),
    bound=_BOUND,
    kernels=("lstm", "lstm_grad"), reference=ref.lstm,
)  # fmt: skip
_PROJECTED = (normal(5, 4, 3), normal(4, 2), normal(4, 5), normal(20, 3, scale=0.3), normal(20, 2, scale=0.3), normal(2, 5))
case(
    ops.lstm_projected,
    sample(*_PROJECTED),
    sample(*_PROJECTED, normal(20), given([3, 0, 5, 1], dtype="int64")),
    sample(*_PROJECTED, None, given([3, 0, 5, 1], dtype="int64"), reverse=True),
    sample(*_PROJECTED, reverse=True),
    error(ShapeError, "w_hr must be (P,H)", *_PROJECTED[:5], normal(3, 5)),
    bound=_BOUND,
    kernels=("lstm", "lstm_grad"),
    reference=ref.lstm_projected,
)
case(
    ops.gru,
    *_samples(3, 1, 2),
    error(ShapeError, "w_hh must be (3H,H)", normal(5, 3, 4), normal(3, 2), normal(6, 4), normal(8, 2)),
    error(ConfigError, "both b_ih and b_hh", normal(5, 3, 4), normal(3, 2), normal(6, 4), normal(6, 2), normal(6)),
    bound=_BOUND,
    kernels=("gru", "gru_grad"),
    reference=ref.gru,
)
case(
    ops.rnn,
    *_samples(1, 1, 1),
    sample(*_net(1, 4, 3, 4, 5, 1, 1), nonlinearity="relu"),
    error(ConfigError, "nonlinearity must be", *_net(1, 4, 3, 4, 5, 1, 1), nonlinearity="sigmoid"),
    bound=_BOUND,
    kernels=("rnn", "rnn_grad"),
    reference=ref.rnn,
)
