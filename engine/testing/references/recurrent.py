"""Recurrent nets sequence by sequence and step by step, as the formulas are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[Any, list[Any]], list[Any]]
"""From one input (I,) and the states to the next states; the first of them is the output."""


def logistic(z: Any) -> Any:
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def _product(w: Any, v: Any) -> Any:
    """sum over j of w[i, j] v[j]."""
    return np.sum(w * v, axis=-1)


def sequences(x: Any, states: list[Any], lengths: Any, reverse: bool, step: Step) -> tuple[Any, ...]:
    """y (T,N,H), 0 from a sequence's length on, and the states of each after its last step."""
    total, batch = x.shape[:2]
    y = np.zeros((total, batch, states[0].shape[1]))
    last = [s.copy() for s in states]
    for n in range(batch):
        valid = list(range(total if lengths is None else int(lengths[n])))
        now = [s[n] for s in states]
        for t in reversed(valid) if reverse else valid:
            now = step(x[t, n], now)
            y[t, n] = now[0]
        for kept, s in zip(last, now, strict=True):
            kept[n] = s
    return y, *last


def _plus(z: Any, bias: Any) -> Any:
    return z if bias is None else z + bias


def lstm_step(w_ih: Any, w_hh: Any, bias: Any, w_hr: Any = None) -> Step:
    """i, f, o = s(z), g = tanh(z); c = f c + i g; h = o tanh(c), times w_hr if there is one. Gates in the order i, f, g, o."""

    def step(inputs: Any, states: list[Any]) -> list[Any]:
        h, c = states
        i, f, g, o = np.split(_plus(_product(w_ih, inputs) + _product(w_hh, h), bias), 4)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        h = logistic(o) * np.tanh(c)
        return [h if w_hr is None else _product(w_hr, h), c]

    return step


def lstm(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, bias: Any = None, lengths: Any = None, *, reverse: bool = False
) -> Any:
    """The outputs and the last states of an LSTM."""
    return sequences(x, [h0, c0], lengths, reverse, lstm_step(w_ih, w_hh, bias))


def lstm_projected(x: Any, h0: Any, c0: Any, *weights: Any, reverse: bool = False) -> Any:
    """lstm with h = w_hr (o tanh(c)). weights: w_ih, w_hh, w_hr, and bias and lengths if they are given."""
    w_ih, w_hh, w_hr, bias, lengths = (*weights, None, None)[:5]
    return sequences(x, [h0, c0], lengths, reverse, lstm_step(w_ih, w_hh, bias, w_hr))


def gru(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, lengths: Any = None, *, reverse: bool = False
) -> Any:
    """r, z = s(u + v); n = tanh(u_n + r v_n); h = (1 - z) n + z h. Gates in the order r, z, n."""

    def step(inputs: Any, states: list[Any]) -> list[Any]:
        (h,) = states
        u = np.split(_plus(_product(w_ih, inputs), b_ih), 3)
        v = np.split(_plus(_product(w_hh, h), b_hh), 3)
        r, z = logistic(u[0] + v[0]), logistic(u[1] + v[1])
        n = np.tanh(u[2] + r * v[2])
        return [(1 - z) * n + z * h]

    return sequences(x, [h0], lengths, reverse, step)


def rnn(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, bias: Any = None, lengths: Any = None, *, nonlinearity: str = "tanh",
    reverse: bool = False,
) -> Any:  # fmt: skip
    """h = tanh(w_ih x + w_hh h + bias), or the positive part of that."""

    def step(inputs: Any, states: list[Any]) -> list[Any]:
        z = _plus(_product(w_ih, inputs) + _product(w_hh, states[0]), bias)
        return [np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0)]

    return sequences(x, [h0], lengths, reverse, step)
