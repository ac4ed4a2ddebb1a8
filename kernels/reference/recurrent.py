"""Recurrent networks over whole sequences: LSTM, GRU and the plain network, with their gradients.

The product of all inputs with w_ih is one matrix product before the loop over time, and the weight gradients are one
after it. A sequence n with lengths[n] = L has steps 0 .. L-1; after them y is 0, the state stands still, and x is not
read. reverse runs each sequence from its last step to its first. Nothing is written in place, so that the texts can be
differentiated again.

Axes: T time, N batch, I input, H hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Array, Namespace
from .common import kernel


@kernel
def lstm(
    xp: Namespace,
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    bias: Array | None,
    lengths: Array | None,
    reverse: bool,
    save: bool,
) -> tuple[Array, Array, Array, tuple[Array, ...] | None]:
    """Long short-term memory.

    i, f, g, o = s(z_i), s(z_f), tanh(z_g), s(z_o) with z = x_t w_ih' + h w_hh' + bias and s the logistic function;
    c <- f c + i g;  h <- o tanh(c);  y_t = h.

    x: (T, N, I). h0, c0: (N, H). w_ih: (4H, I). w_hh: (4H, H). bias: (4H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), cT (N, H), and what lstm_grad needs if save, else None.
    Source: Hochreiter and Schmidhuber (1997); forget gate of Gers, Schmidhuber and Cummins (2000).
    """
    hidden = h0.shape[1]
    z_in = _project(xp, _valid_inputs(xp, x, lengths), xp.matrix_transpose(w_ih), bias)
    w = xp.matrix_transpose(w_hh)
    h, c = h0, c0
    ys, saved = [], []
    for t in _order(x.shape[0], reverse):
        z = z_in[t, ...] + xp.matmul(h, w)
        i, f, o = (_sigmoid(xp, _part(z, k, hidden)) for k in (0, 1, 3))
        g = xp.tanh(_part(z, 2, hidden))
        c_next = f * c + i * g
        tanh_c = xp.tanh(c_next)
        h_next = o * tanh_c
        saved.append((xp.concat([i, f, g, o], axis=1), h, c, tanh_c) if save else ())
        ys.append(_only_valid(xp, lengths, t, h_next))
        h, c = _step(xp, lengths, t, h_next, h), _step(xp, lengths, t, c_next, c)
    residuals = _residuals(xp, saved, reverse, (4 * hidden, hidden, hidden, hidden), h0) if save else None
    return _stack(xp, ys, reverse, hidden, h0), _fresh(h, h0), _fresh(c, c0), residuals


@kernel
def lstm_grad(
    xp: Namespace,
    gy: Array,
    gh: Array,
    gc: Array,
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    bias: Array | None,
    lengths: Array | None,
    reverse: bool,
    residuals: tuple[Array, ...],
) -> tuple[Array, Array, Array, Array, Array, Array | None]:
    """Gradient of lstm by its three results: gy (T, N, H), gh and gc (N, H).

    Returns the gradients of x, h0, c0, w_ih, w_hh and bias (None where bias is).
    """
    hidden = h0.shape[1]
    dh, dc, dzs = gh, gc, []
    for t in _order(x.shape[0], not reverse):
        gates, _, c, tanh_c = (r[t, ...] for r in residuals)
        i, f, g, o = (_part(gates, k, hidden) for k in range(4))
        dh_t = dh + gy[t, ...]
        dc_t = dc + dh_t * o * (1 - tanh_c * tanh_c)
        parts = [dc_t * g * i * (1 - i), dc_t * c * f * (1 - f), dc_t * i * (1 - g * g), dh_t * tanh_c * o * (1 - o)]
        dz = _only_valid(xp, lengths, t, xp.concat(parts, axis=1))
        dh, dc = _step(xp, lengths, t, xp.matmul(dz, w_hh), dh), _step(xp, lengths, t, dc_t * f, dc)
        dzs.append(dz)
    dz = _stack(xp, dzs, not reverse, w_ih.shape[0], h0)
    x = _valid_inputs(xp, x, lengths)
    gbias = None if bias is None else xp.sum(dz, axis=(0, 1))
    return (
        _project(xp, dz, w_ih, None),
        _fresh(dh, gh),
        _fresh(dc, gc),
        _contract(xp, dz, x),
        _contract(xp, dz, residuals[1]),
        gbias,
    )


@kernel
def gru(
    xp: Namespace,
    x: Array,
    h0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    lengths: Array | None,
    reverse: bool,
    save: bool,
) -> tuple[Array, Array, tuple[Array, ...] | None]:
    """Gated recurrent unit, with the reset gate after the recurrent product as in cuDNN and PyTorch.

    u = x_t w_ih' + b_ih;  v = h w_hh' + b_hh, each in three parts;
    r, z = s(u_r + v_r), s(u_z + v_z);  n = tanh(u_n + r v_n);  h <- (1 - z) n + z h;  y_t = h.

    x: (T, N, I). h0: (N, H). w_ih: (3H, I). w_hh: (3H, H). b_ih, b_hh: (3H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), and what gru_grad needs if save, else None.
    Source: Cho et al. (2014), arXiv:1406.1078.
    """
    hidden = h0.shape[1]
    z_in = _project(xp, _valid_inputs(xp, x, lengths), xp.matrix_transpose(w_ih), b_ih)
    w = xp.matrix_transpose(w_hh)
    h = h0
    ys, saved = [], []
    for t in _order(x.shape[0], reverse):
        u, v = z_in[t, ...], xp.matmul(h, w)
        v = v if b_hh is None else v + b_hh
        r, z = (_sigmoid(xp, _part(u, k, hidden) + _part(v, k, hidden)) for k in (0, 1))
        v_n = _part(v, 2, hidden)
        n = xp.tanh(_part(u, 2, hidden) + r * v_n)
        h_next = n + z * (h - n)
        saved.append((xp.concat([r, z, n], axis=1), h, v_n) if save else ())
        ys.append(_only_valid(xp, lengths, t, h_next))
        h = _step(xp, lengths, t, h_next, h)
    residuals = _residuals(xp, saved, reverse, (3 * hidden, hidden, hidden), h0) if save else None
    return _stack(xp, ys, reverse, hidden, h0), _fresh(h, h0), residuals


@kernel
def gru_grad(
    xp: Namespace,
    gy: Array,
    gh: Array,
    x: Array,
    h0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    lengths: Array | None,
    reverse: bool,
    residuals: tuple[Array, ...],
) -> tuple[Array, Array, Array, Array, Array | None, Array | None]:
    """Gradient of gru by its two results: gy (T, N, H), gh (N, H).

    Returns the gradients of x, h0, w_ih, w_hh, b_ih and b_hh (None where the bias is).
    """
    hidden = h0.shape[1]
    dh, dus, dvs = gh, [], []
    for t in _order(x.shape[0], not reverse):
        gates, h, v_n = (residual[t, ...] for residual in residuals)
        r, z, n = (_part(gates, k, hidden) for k in range(3))
        dh_t = dh + gy[t, ...]
        du_n = dh_t * (1 - z) * (1 - n * n)
        du_r, du_z = du_n * v_n * r * (1 - r), dh_t * (h - n) * z * (1 - z)
        du = _only_valid(xp, lengths, t, xp.concat([du_r, du_z, du_n], axis=1))
        dv = _only_valid(xp, lengths, t, xp.concat([du_r, du_z, du_n * r], axis=1))
        dh = _step(xp, lengths, t, dh_t * z + xp.matmul(dv, w_hh), dh)
        dus.append(du)
        dvs.append(dv)
    du, dv = (_stack(xp, steps, not reverse, w_ih.shape[0], h0) for steps in (dus, dvs))
    x = _valid_inputs(xp, x, lengths)
    gb_ih = None if b_ih is None else xp.sum(du, axis=(0, 1))
    gb_hh = None if b_hh is None else xp.sum(dv, axis=(0, 1))
    return (
        _project(xp, du, w_ih, None),
        _fresh(dh, gh),
        _contract(xp, du, x),
        _contract(xp, dv, residuals[1]),
        gb_ih,
        gb_hh,
    )


@kernel
def rnn(
    xp: Namespace,
    x: Array,
    h0: Array,
    w_ih: Array,
    w_hh: Array,
    bias: Array | None,
    lengths: Array | None,
    reverse: bool,
    nonlinearity: str,
    save: bool,
) -> tuple[Array, Array, tuple[Array, ...] | None]:
    """Plain recurrent network: h <- a(x_t w_ih' + h w_hh' + bias), y_t = h, a being "tanh" or "relu".

    x: (T, N, I). h0: (N, H). w_ih: (H, I). w_hh: (H, H). bias: (H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), and what rnn_grad needs if save, else None.
    Source: Elman (1990).
    """
    z_in = _project(xp, _valid_inputs(xp, x, lengths), xp.matrix_transpose(w_ih), bias)
    w, hidden = xp.matrix_transpose(w_hh), h0.shape[1]
    h = h0
    ys, saved = [], []
    for t in _order(x.shape[0], reverse):
        z = z_in[t, ...] + xp.matmul(h, w)
        h_next = xp.tanh(z) if nonlinearity == "tanh" else xp.where(z <= 0, xp.zeros_like(z), z)  # NaN stays
        saved.append((h_next, h) if save else ())
        ys.append(_only_valid(xp, lengths, t, h_next))
        h = _step(xp, lengths, t, h_next, h)
    residuals = _residuals(xp, saved, reverse, (hidden, hidden), h0) if save else None
    return _stack(xp, ys, reverse, hidden, h0), _fresh(h, h0), residuals


@kernel
def rnn_grad(
    xp: Namespace,
    gy: Array,
    gh: Array,
    x: Array,
    h0: Array,
    w_ih: Array,
    w_hh: Array,
    bias: Array | None,
    lengths: Array | None,
    reverse: bool,
    nonlinearity: str,
    residuals: tuple[Array, ...],
) -> tuple[Array, Array, Array, Array, Array | None]:
    """Gradient of rnn by its two results: gy (T, N, H), gh (N, H).

    Returns the gradients of x, h0, w_ih, w_hh and bias (None where bias is).
    """
    dh, dzs = gh, []
    for t in _order(x.shape[0], not reverse):
        y = residuals[0][t, ...]
        dh_t = dh + gy[t, ...]
        dz = dh_t * (1 - y * y) if nonlinearity == "tanh" else xp.where(y <= 0, xp.zeros_like(dh_t), dh_t)
        dz = _only_valid(xp, lengths, t, dz)
        dh = _step(xp, lengths, t, xp.matmul(dz, w_hh), dh)
        dzs.append(dz)
    dz = _stack(xp, dzs, not reverse, w_ih.shape[0], h0)
    x = _valid_inputs(xp, x, lengths)
    gbias = None if bias is None else xp.sum(dz, axis=(0, 1))
    return _project(xp, dz, w_ih, None), _fresh(dh, gh), _contract(xp, dz, x), _contract(xp, dz, residuals[1]), gbias


def _order(steps: int, backwards: bool) -> range:
    return range(steps - 1, -1, -1) if backwards else range(steps)


def _sigmoid(xp: Namespace, z: Array) -> Array:
    return 0.5 * xp.tanh(0.5 * z) + 0.5  # exp(-z) would overflow, and a case distinction has no derivative at 0


def _part(z: Array, k: int, hidden: int) -> Array:
    return z[:, k * hidden : (k + 1) * hidden]


def _project(xp: Namespace, x: Array, w: Array, bias: Array | None) -> Array:
    """x (T, N, A) times w (A, B) plus bias, all steps at once: (T, N, B)."""
    steps, batch, size = x.shape
    z = xp.matmul(xp.reshape(x, (steps * batch, size)), w)
    return xp.reshape(z if bias is None else z + bias, (steps, batch, w.shape[1]))


def _contract(xp: Namespace, a: Array, b: Array) -> Array:
    """Sum over time and batch of the outer products of a (T, N, A) and b (T, N, B): (A, B)."""
    rows = a.shape[0] * a.shape[1]
    a, b = xp.reshape(a, (rows, a.shape[2])), xp.reshape(b, (rows, b.shape[2]))
    return xp.matmul(xp.matrix_transpose(a), b)


def _valid_inputs(xp: Namespace, x: Array, lengths: Array | None) -> Array:
    """x with zeros after the end of each sequence, so that nothing there, not even NaN, reaches a product."""
    if lengths is None:
        return x
    steps = xp.arange(x.shape[0], dtype=lengths.dtype, device=x.device)
    return xp.where((steps[:, None] < lengths[None, :])[:, :, None], x, xp.zeros_like(x))


def _step(xp: Namespace, lengths: Array | None, t: int, new: Array, old: Array) -> Array:
    """The new state (N, ...) where step t belongs to the sequence, else the old one."""
    return new if lengths is None else xp.where((lengths > t)[:, None], new, old)


def _only_valid(xp: Namespace, lengths: Array | None, t: int, a: Array) -> Array:
    return a if lengths is None else _step(xp, lengths, t, a, xp.zeros_like(a))


def _stack(xp: Namespace, steps: Sequence[Array], backwards: bool, size: int, like: Array) -> Array:
    """What the steps made, in order of time: (T, N, size)."""
    if not steps:
        return xp.zeros((0, like.shape[0], size), dtype=like.dtype, device=like.device)
    return xp.stack(steps[::-1] if backwards else steps)


def _residuals(
    xp: Namespace, steps: Sequence[tuple[Array, ...]], backwards: bool, sizes: tuple[int, ...], like: Array
) -> tuple[Array, ...]:
    return tuple(_stack(xp, [step[k] for step in steps], backwards, size, like) for k, size in enumerate(sizes))


def _fresh(state: Array, initial: Array) -> Array:
    return state + 0.0 if state is initial else state  # no step was made: results never share memory with arguments
