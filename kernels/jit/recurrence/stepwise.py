"""Recurrent networks step by step, with NumPy's products and functions, in place: float64, plain networks, few numbers.

What the steps have in common is done for all of them at once: the products with the input before the loop, and, on the way back,
everything that does not depend on the gradient that comes from the step behind; then one product per step is left. Texts and
shapes are those of the reference, which does sequences of different lengths.

Axes: T time, N batch, I input, H hidden.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as library
import numpy as np

from ...generated.mode import mode
from ...reference import recurrent as reference
from ...types import Array
from ..machine.compile import dense
from . import few

Residuals = Any
Pair = tuple[Array, Array]
Biases = tuple[Array | None, Array | None]

MOST_ROWS = 2
"""Sequences of one step up to which a product is a matrix times a vector, which NumPy's BLAS does as fast as memory allows."""


def is_better(x: Array, w_ih: Array, w_hh: Array, lengths: Array | None) -> bool:
    """Whether float32 is better done here than in panels of weights, which are made for many rows.

    Not where kernels are compared (generated/mode.py): there the panels are.
    """
    small = 0 < x.shape[0] * x.shape[1] <= MOST_ROWS or few.is_few(x, w_ih, w_hh)
    return small and lengths is None and mode.get() != "always"


def is_own(residuals: Residuals) -> bool:
    """Whether a forward here has saved these."""
    return bool(residuals) and residuals[0].ndim == 3


def _rows(x: Array) -> Array:
    """(T, N, A) as a matrix."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _projected(x: Array, w: Array, bias: Array | None) -> Array:
    """x w' + bias of all steps: (T, N, rows of w)."""
    z = _rows(dense(x)).dot(w.T).reshape(*x.shape[:2], w.shape[0])
    if bias is not None:
        z += bias
    return z


def _order(steps: int, backwards: bool) -> range:
    return range(steps - 1, -1, -1) if backwards else range(steps)


def _squashed(z: Array, half: Array, shift: Array) -> None:
    """Logistic functions where half is 0.5 and shift too, tanh where they are 1 and 0."""
    z *= half
    np.tanh(z, z)
    z *= half
    z += shift


def _contracted(dz: Array, x: Array) -> Array:
    """Sum over time and batch of outer products."""
    return _rows(dz).T.dot(_rows(dense(x)))


def _before(h0: Array, y: Array, reverse: bool) -> Array:
    """The state (T, N, H) from which each step began."""
    states = np.empty_like(y)
    if y.shape[0]:
        first, rest = (-1, slice(0, -1)) if reverse else (0, slice(1, None))
        states[first] = h0
        states[rest] = y[slice(1, None) if reverse else slice(0, -1)]
    return states


def _constants(gates: int, hidden: int, plain: int, dtype: Any) -> tuple[Array, Array]:
    """What _squashed takes for so many gates of which one is a tanh."""
    half, shift = np.full((gates, hidden), 0.5, dtype), np.full((gates, hidden), 0.5, dtype)
    if plain < gates:
        half[plain], shift[plain] = 1.0, 0.0
    return half.reshape(-1), shift.reshape(-1)


def lstm(
    x: Array, states: Pair, weights: Pair, bias: Array | None, lengths: Array | None, reverse: bool, save: bool
) -> tuple[Array, Array, Array, Residuals]:
    """See the reference. states: h0 and c0. weights: w_ih and w_hh."""
    (h0, c0), (w_ih, w_hh) = states, weights
    if lengths is not None:
        return reference.lstm(library, x, h0, c0, w_ih, w_hh, bias, lengths, reverse, save)
    if few.is_few(x, w_ih, w_hh):
        y, *saved = few.lstm(x, h0, c0, w_ih, w_hh, bias, reverse)
        residuals = (saved[0], _before(h0, y, reverse), _before(c0, saved[1], reverse), saved[2]) if save else None
        last = 0 if reverse else -1
        return y, y[last].copy(), saved[1][last].copy(), residuals
    (steps, batch), hidden = x.shape[:2], h0.shape[1]
    gates, w = _projected(x, w_ih, bias), w_hh.T
    half, shift = _constants(4, hidden, 2, x.dtype)
    y, c, squashed = (np.empty((steps, batch, hidden), x.dtype) for _ in range(3))
    h, state, spare = h0, c0, np.empty((batch, hidden), x.dtype)
    for t in _order(steps, reverse):
        z = gates[t]
        z += h.dot(w)
        _squashed(z, half, shift)
        new, h = c[t], y[t]
        np.multiply(z[:, hidden : 2 * hidden], state, new)
        np.multiply(z[:, :hidden], z[:, 2 * hidden : 3 * hidden], spare)
        new += spare
        state = new
        np.tanh(state, squashed[t])
        np.multiply(z[:, 3 * hidden :], squashed[t], h)
    residuals = (gates, _before(h0, y, reverse), _before(c0, c, reverse), squashed) if save else None
    return y, h.copy(), state.copy(), residuals


def lstm_grad(
    grads: tuple[Array, Array, Array], x: Array, states: Pair, weights: Pair, bias: Array | None, lengths: Array | None,
    reverse: bool, residuals: Residuals,
) -> tuple[Array, Array, Array, Array, Array, Array | None]:  # fmt: skip
    """See the reference. grads: gy, gh and gc."""
    (gy, gh, gc), (h0, c0), (w_ih, w_hh) = grads, states, weights
    if lengths is not None:
        return reference.lstm_grad(library, gy, gh, gc, x, h0, c0, w_ih, w_hh, bias, lengths, reverse, residuals)
    if few.is_few(x, w_ih, w_hh):
        *found, gbias = few.lstm_grad(gy, (gh, gc), x, w_ih, w_hh, reverse, residuals)
        return *found, None if bias is None else gbias
    gates, before, c, squashed = residuals
    (steps, batch), hidden = x.shape[:2], h0.shape[1]
    i, f, g, o = (gates[:, :, k * hidden : (k + 1) * hidden] for k in range(4))
    dz = np.empty((steps, batch, 4, hidden), x.dtype)  # first what the gradients of state and output are multiplied by
    np.multiply(g * i, 1 - i, dz[:, :, 0])
    np.multiply(c * f, 1 - f, dz[:, :, 1])
    np.multiply(i, 1 - g * g, dz[:, :, 2])
    np.multiply(squashed * o, 1 - o, dz[:, :, 3])
    slope = o * (1 - squashed * squashed)
    gy, dh, dc = dense(gy), dense(gh), dense(gc)
    for t in _order(steps, not reverse):
        dh_t = dh + gy[t]
        dc_t = dh_t * slope[t]
        dc_t += dc
        step = dz[t]
        step[:, :3] *= dc_t[:, None]
        step[:, 3] *= dh_t
        dc_t *= f[t]
        dh, dc = step.reshape(batch, 4 * hidden).dot(w_hh), dc_t
    dz = dz.reshape(steps, batch, 4 * hidden)
    gbias = None if bias is None else dz.sum((0, 1))
    gx = _rows(dz).dot(w_ih).reshape(x.shape)
    return gx, _own(dh, gh), _own(dc, gc), _contracted(dz, x), _contracted(dz, before), gbias


def gru(
    x: Array, h0: Array, weights: Pair, biases: Biases, lengths: Array | None, reverse: bool, save: bool
) -> tuple[Array, Array, Residuals]:
    """See the reference. weights: w_ih and w_hh. biases: b_ih and b_hh."""
    (w_ih, w_hh), (b_ih, b_hh) = weights, biases
    if lengths is not None:
        return reference.gru(library, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse, save)
    if few.is_few(x, w_ih, w_hh):
        y, *saved = few.gru(x, h0, w_ih, w_hh, (b_ih, b_hh), reverse)
        return y, y[0 if reverse else -1].copy(), (saved[0], _before(h0, y, reverse), saved[1]) if save else None
    (steps, batch), hidden = x.shape[:2], h0.shape[1]
    gates, w = _projected(x, w_ih, b_ih), w_hh.T
    half, shift = _constants(2, hidden, 2, x.dtype)
    y, v_new = (np.empty((steps, batch, hidden), x.dtype) for _ in range(2))
    h = h0
    for t in _order(steps, reverse):
        z, v = gates[t], h.dot(w)
        if b_hh is not None:
            v += b_hh
        both = z[:, : 2 * hidden]
        both += v[:, : 2 * hidden]
        _squashed(both, half, shift)
        new, mix = z[:, 2 * hidden :], both[:, hidden:]
        v_new[t] = v[:, 2 * hidden :]
        new += both[:, :hidden] * v_new[t]
        np.tanh(new, new)
        following = np.subtract(h, new, y[t])
        following *= mix
        following += new
        h = following
    return y, h.copy(), (gates, _before(h0, y, reverse), v_new) if save else None


def gru_grad(
    grads: Pair, x: Array, h0: Array, weights: Pair, biases: Biases, lengths: Array | None, reverse: bool, residuals: Residuals
) -> tuple[Array, Array, Array, Array, Array | None, Array | None]:
    """See the reference. grads: gy and gh."""
    (gy, gh), (w_ih, w_hh), (b_ih, b_hh) = grads, weights, biases
    if lengths is not None:
        return reference.gru_grad(library, gy, gh, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse, residuals)
    if few.is_few(x, w_ih, w_hh):
        *found, gb_ih, gb_hh = few.gru_grad(gy, gh, x, w_ih, w_hh, reverse, residuals)
        return *found, None if b_ih is None else gb_ih, None if b_hh is None else gb_hh
    gates, before, v_new = residuals
    (steps, batch), hidden = x.shape[:2], h0.shape[1]
    r, z, n = (gates[:, :, k * hidden : (k + 1) * hidden] for k in range(3))
    du = np.empty((steps, batch, 3, hidden), x.dtype)  # first what the gradient of the state is multiplied by
    np.multiply(1 - z, 1 - n * n, du[:, :, 2])
    np.multiply(du[:, :, 2] * v_new, r * (1 - r), du[:, :, 0])
    np.multiply(before - n, z * (1 - z), du[:, :, 1])
    dv = np.empty((steps, batch, 3, hidden), x.dtype)
    gy, dh = dense(gy), dense(gh)
    for t in _order(steps, not reverse):
        dh_t = dh + gy[t]
        du[t] *= dh_t[:, None]
        dv[t] = du[t]
        dv[t, :, 2] *= r[t]
        dh_t *= z[t]
        dh_t += dv[t].reshape(batch, 3 * hidden).dot(w_hh)
        dh = dh_t
    du, dv = (a.reshape(steps, batch, 3 * hidden) for a in (du, dv))
    gb_ih, gb_hh = (None if b is None else a.sum((0, 1)) for a, b in ((du, b_ih), (dv, b_hh)))
    gx = _rows(du).dot(w_ih).reshape(x.shape)
    return gx, _own(dh, gh), _contracted(du, x), _contracted(dv, before), gb_ih, gb_hh


def rnn(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, bias: Array | None, lengths: Array | None, reverse: bool,
    nonlinearity: str, save: bool,
) -> tuple[Array, Array, Residuals]:  # fmt: skip
    """See the reference."""
    if lengths is not None:
        return reference.rnn(library, x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, save)
    y, w = _projected(x, w_ih, bias), w_hh.T
    h = h0
    for t in _order(x.shape[0], reverse):
        z = y[t]
        z += h.dot(w)
        h = np.tanh(z, z) if nonlinearity == "tanh" else np.maximum(z, 0, out=z)  # NaN stays
    return y, h.copy(), (y.copy(), _before(h0, y, reverse)) if save else None


def rnn_grad(
    gy: Array, gh: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array, bias: Array | None, lengths: Array | None,
    reverse: bool, nonlinearity: str, residuals: Residuals,
) -> tuple[Array, Array, Array, Array, Array | None]:  # fmt: skip
    """See the reference."""
    if lengths is not None:
        return reference.rnn_grad(library, gy, gh, x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, residuals)
    y, before = residuals
    dz = 1 - y * y if nonlinearity == "tanh" else np.empty_like(y)
    gy, dh = dense(gy), dense(gh)
    for t in _order(x.shape[0], not reverse):
        dh_t = dh + gy[t]
        if nonlinearity == "tanh":
            dz[t] *= dh_t
        else:
            dz[t] = np.where(y[t] <= 0, 0, dh_t)
        dh = dz[t].dot(w_hh)
    gbias = None if bias is None else dz.sum((0, 1))
    return _rows(dz).dot(w_ih).reshape(x.shape), _own(dh, gh), _contracted(dz, x), _contracted(dz, before), gbias


def _own(state: Array, given: Array) -> Array:
    """A gradient that is no argument's memory, also where no step was made."""
    return state.copy() if np.may_share_memory(state, given) else state
