"""LSTM and GRU of few numbers in one loop: a step of a small cell takes less time than the calls that would share it out.

Residuals are those of stepwise.py. Sums run along the rows of the weights as they lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Array
from ..machine.compile import dense, inner, jit

MOST = 1 << 16
"""Multiply-adds of all steps up to which this is the fastest way."""


def is_few(x: Array, w_ih: Array, w_hh: Array) -> bool:
    """Whether a sequence (T, N, I) is so short, and its layer so small."""
    return bool(0 < x.shape[0] * x.shape[1] * (w_ih.size + w_hh.size) <= MOST)


@inner()
def _dot(a: Array, b: Array, start: Any) -> Any:
    total = start
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@inner()
def _add_scaled(total: Array, factor: Any, row: Array) -> None:
    for k in range(row.size):
        total[k] += factor * row[k]


@inner()
def _logistic(z: Any, half: Any) -> Any:
    return half * np.tanh(half * z) + half


@jit(parallel=False)
def _lstm(
    x: Array, h0: Array, c0: Array, weights: tuple[Array, Array, Array], out: tuple[Array, Array, Array, Array], reverse: bool
) -> None:
    w_ih, w_hh, bias = weights
    y, gates, c, squashed = out
    steps, batch, hidden = y.shape
    half, h, state = y.dtype.type(0.5), h0, c0
    for s in range(steps):
        t = steps - 1 - s if reverse else s
        for n in range(batch):
            z = gates[t, n]
            for j in range(4 * hidden):
                z[j] = _dot(h[n], w_hh[j], _dot(x[t, n], w_ih[j], bias[j]))
            for k in range(hidden):
                i, f = _logistic(z[k], half), _logistic(z[hidden + k], half)
                g, o = np.tanh(z[2 * hidden + k]), _logistic(z[3 * hidden + k], half)
                z[k], z[hidden + k], z[2 * hidden + k], z[3 * hidden + k] = i, f, g, o
                c[t, n, k] = f * state[n, k] + i * g
                squashed[t, n, k] = np.tanh(c[t, n, k])
                y[t, n, k] = o * squashed[t, n, k]
        h, state = y[t], c[t]


@jit(parallel=False)
def _lstm_grad(
    gy: Array, x: Array, weights: tuple[Array, Array], saved: tuple[Array, Array, Array, Array],
    grads: tuple[Array, Array, Array, Array, Array, Array], reverse: bool,
) -> None:  # fmt: skip
    w_ih, w_hh = weights
    gates, before, c, squashed = saved
    gx, dh, dc, gw_ih, gw_hh, gbias = grads
    steps, batch, hidden = gy.shape
    one = gy.dtype.type(1)
    dz = np.empty(4 * hidden, gy.dtype)
    for s in range(steps):
        t = s if reverse else steps - 1 - s
        for n in range(batch):
            z = gates[t, n]
            for k in range(hidden):
                i, f, g, o = z[k], z[hidden + k], z[2 * hidden + k], z[3 * hidden + k]
                dh_t, q = dh[n, k] + gy[t, n, k], squashed[t, n, k]
                dc_t = dh_t * (o * (one - q * q)) + dc[n, k]
                dz[k] = dc_t * (g * i * (one - i))
                dz[hidden + k] = dc_t * (c[t, n, k] * f * (one - f))
                dz[2 * hidden + k] = dc_t * (i * (one - g * g))
                dz[3 * hidden + k] = dh_t * (q * o * (one - o))
                dc[n, k] = dc_t * f
            dh[n, :] = 0
            for j in range(4 * hidden):
                _add_scaled(dh[n], dz[j], w_hh[j])
                _add_scaled(gx[t, n], dz[j], w_ih[j])
                _add_scaled(gw_ih[j], dz[j], x[t, n])
                _add_scaled(gw_hh[j], dz[j], before[t, n])
                gbias[j] += dz[j]


@jit(parallel=False)
def _gru(
    x: Array, h0: Array, weights: tuple[Array, Array, Array, Array], gates: Array, y: Array, v_new: Array, reverse: bool
) -> None:
    w_ih, w_hh, b_ih, b_hh = weights
    steps, batch, hidden = y.shape
    half, h = y.dtype.type(0.5), h0
    for s in range(steps):
        t = steps - 1 - s if reverse else s
        for n in range(batch):
            z = gates[t, n]
            for j in range(2 * hidden):
                z[j] = _logistic(_dot(x[t, n], w_ih[j], b_ih[j]) + _dot(h[n], w_hh[j], b_hh[j]), half)
            for k in range(hidden):
                j = 2 * hidden + k
                v_new[t, n, k] = _dot(h[n], w_hh[j], b_hh[j])
                z[j] = np.tanh(_dot(x[t, n], w_ih[j], b_ih[j]) + z[k] * v_new[t, n, k])
                y[t, n, k] = z[j] + z[hidden + k] * (h[n, k] - z[j])
        h = y[t]


@jit(parallel=False)
def _gru_grad(
    gy: Array, x: Array, weights: tuple[Array, Array], saved: tuple[Array, Array, Array],
    grads: tuple[Array, Array, Array, Array, Array, Array], reverse: bool,
) -> None:  # fmt: skip
    w_ih, w_hh = weights
    gates, before, v_new = saved
    gx, dh, gw_ih, gw_hh, gb_ih, gb_hh = grads
    steps, batch, hidden = gy.shape
    one = gy.dtype.type(1)
    du, dv = np.empty(3 * hidden, gy.dtype), np.empty(3 * hidden, gy.dtype)
    for s in range(steps):
        t = s if reverse else steps - 1 - s
        for n in range(batch):
            for k in range(hidden):
                r, z, new = gates[t, n, k], gates[t, n, hidden + k], gates[t, n, 2 * hidden + k]
                dh_t = dh[n, k] + gy[t, n, k]
                du[2 * hidden + k] = dh_t * ((one - z) * (one - new * new))
                dv[2 * hidden + k] = du[2 * hidden + k] * r
                dv[k] = du[k] = dh_t * ((one - z) * (one - new * new) * v_new[t, n, k] * (r * (one - r)))
                dv[hidden + k] = du[hidden + k] = dh_t * ((before[t, n, k] - new) * (z * (one - z)))
                dh[n, k] = dh_t * z
            for j in range(3 * hidden):
                _add_scaled(dh[n], dv[j], w_hh[j])
                _add_scaled(gx[t, n], du[j], w_ih[j])
                _add_scaled(gw_ih[j], du[j], x[t, n])
                _add_scaled(gw_hh[j], dv[j], before[t, n])
                gb_ih[j] += du[j]
                gb_hh[j] += dv[j]


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None, reverse: bool
) -> tuple[Array, Array, Array, Array]:
    """y, and of every step the gates, the state and its tanh."""
    (steps, batch), hidden = x.shape[:2], h0.shape[1]
    gates = np.empty((steps, batch, 4 * hidden), x.dtype)
    y, c, squashed = (np.empty((steps, batch, hidden), x.dtype) for _ in range(3))
    shift = np.zeros(4 * hidden, x.dtype) if bias is None else dense(bias)
    out = y, gates, c, squashed
    _lstm(dense(x), dense(h0), dense(c0), (dense(w_ih), dense(w_hh), shift), out, bool(reverse))
    return out


def lstm_grad(
    gy: Array, states: tuple[Array, Array], x: Array, w_ih: Array, w_hh: Array, reverse: bool, saved: Any
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Gradients of x, h0, c0, w_ih, w_hh and the bias. states: the gradients of the last h and c."""
    dh, dc = np.array(states[0], order="C"), np.array(states[1], order="C")
    gx, gw_ih, gw_hh = np.zeros(x.shape, x.dtype), np.zeros(w_ih.shape, x.dtype), np.zeros(w_hh.shape, x.dtype)
    grads = gx, dh, dc, gw_ih, gw_hh, np.zeros(w_ih.shape[0], x.dtype)
    _lstm_grad(dense(gy), dense(x), (dense(w_ih), dense(w_hh)), saved, grads, bool(reverse))
    return grads


def gru(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, biases: tuple[Array | None, Array | None], reverse: bool
) -> tuple[Array, Array, Array]:
    """y, and of every step the gates and what the hidden state gives to the new one."""
    (steps, batch), hidden = x.shape[:2], h0.shape[1]
    gates = np.empty((steps, batch, 3 * hidden), x.dtype)
    y, v_new = (np.empty((steps, batch, hidden), x.dtype) for _ in range(2))
    b_ih, b_hh = (np.zeros(3 * hidden, x.dtype) if b is None else dense(b) for b in biases)
    _gru(dense(x), dense(h0), (dense(w_ih), dense(w_hh), b_ih, b_hh), gates, y, v_new, bool(reverse))
    return y, gates, v_new


def gru_grad(
    gy: Array, gh: Array, x: Array, w_ih: Array, w_hh: Array, reverse: bool, saved: Any
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Gradients of x, h0, w_ih, w_hh and both biases. gh: that of the last h."""
    gx, gw_ih, gw_hh = np.zeros(x.shape, x.dtype), np.zeros(w_ih.shape, x.dtype), np.zeros(w_hh.shape, x.dtype)
    grads = gx, np.array(gh, order="C"), gw_ih, gw_hh, np.zeros(w_ih.shape[0], x.dtype), np.zeros(w_ih.shape[0], x.dtype)
    _gru_grad(dense(gy), dense(x), (dense(w_ih), dense(w_hh)), saved, grads, bool(reverse))
    return grads
