"""Recurrent networks on the GPU: one product for all inputs, then the loop over time.

The loop is one cooperative kernel that keeps the recurrent weights on the chip and waits for the whole grid once a step
(Diamos et al. (2016), persistent RNNs), on tensor cores if float32 may be rounded. Where the weights do not fit, each step is a
product of the array library and one small kernel. The gradients of the weights are products over all steps, after the loop.

Axes: T time, N batch, I input, H hidden.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .. import precision
from ..types import Array
from . import FLOATS
from .linear import linear, matmul
from .machine.channels import Channels
from .machine.gemm import TENSOR_CARDS
from .machine.launch import Kernel, blocks_for, contiguous, empty, integers, library_of, supports
from .machine.source import accumulator
from .recurrence.plan import CONSTANTS, RecurrentPlan, fit, tensor_constants
from .sums import channel_total


def _declare(cell: str) -> tuple[Kernel, ...]:
    """The loops forward and backward, and one step of each."""
    names = ("forward", "backward", "forward_step", "backward_step")
    return tuple(
        Kernel(
            "recurrent.cu",
            f"{cell}_{name}",
            FLOATS,
            structs={RecurrentPlan: 0},
            constants=CONSTANTS,
            cooperative=not name.endswith("step"),
        )
        for name in names
    )


_lstm, _lstm_grad, _lstm_step, _lstm_grad_step = _declare("lstm")
_gru, _gru_grad, _gru_step, _gru_grad_step = _declare("gru")
_rnn, _rnn_grad, _rnn_step, _rnn_grad_step = _declare("rnn")


def _on_tensor_cores(numbers: str) -> dict[str, Kernel]:
    """The loops of all cells for float32 that is rounded before it is multiplied, by name."""
    names = [f"{cell}_{way}" for cell in ("lstm", "gru", "rnn") for way in ("forward", "backward")]
    constants = tensor_constants(numbers)
    return {
        name: Kernel(
            "recurrent_tensor.cu", name, ("float32",), structs={RecurrentPlan: 0}, constants=constants,
            architectures=TENSOR_CARDS, cooperative=True,
        )
        for name in names
    }  # fmt: skip


TENSOR = {numbers: _on_tensor_cores(numbers) for numbers in ("tf32", "bfloat16")}
"""By what precision.multiply_dtype says."""


def lstm(
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
    """Long short-term memory, as the reference states it.

    x: (T, N, I). h0, c0: (N, H). w_ih: (4H, I). w_hh: (4H, H). bias: (4H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT, cT (N, H), and what lstm_grad needs if save, else None.
    """
    loop = _Loop(x, h0, w_hh, lengths, reverse, save, gates=4)
    z_in, h, c = loop.project(x, w_ih, bias), loop.states(), loop.states()
    y, gates = empty(loop.library, loop.shape, x.dtype), loop.wide(4) if save else None
    last = loop.last(h0), loop.last(c0)
    loop.forward(_lstm, _lstm_step, ((h0, h), (c0, c)), (z_in,), (h, c, y, *last, gates))
    return y, *last, (gates, h, c) if save else None


def lstm_grad(
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
    """Gradient of lstm by its three results. Returns the gradients of x, h0, c0, w_ih, w_hh and bias (None where bias is)."""
    gates, h, c = residuals
    loop = _Loop(x, h0, w_hh, lengths, reverse, True, gates=4)
    dh, dc, dz = loop.state(gh), loop.state(gc), loop.wide(4)
    loop.backward(_lstm_grad, _lstm_grad_step, dz, tuple(map(contiguous, (gy, gh, gc))), (loop.lengths, gates, c, dh, dc, dz))
    gx, gw_ih = loop.input_grads(dz, x, w_ih)
    gbias = None if bias is None else loop.sum(dz, x)
    return gx, loop.narrow(dh, x), loop.narrow(dc, x), gw_ih, loop.contract(dz, loop.before(h), x), gbias


def gru(
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
    """Gated recurrent unit, as the reference states it.

    x: (T, N, I). h0: (N, H). w_ih: (3H, I). w_hh: (3H, H). b_ih, b_hh: (3H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), and what gru_grad needs if save, else None.
    """
    loop = _Loop(x, h0, w_hh, lengths, reverse, save, gates=3)
    u, h, last = loop.project(x, w_ih, b_ih), loop.states(), loop.last(h0)
    y, gates = empty(loop.library, loop.shape, x.dtype), loop.wide(4) if save else None
    hidden_bias = None if b_hh is None else contiguous(b_hh)
    loop.forward(_gru, _gru_step, ((h0, h),), (u,), (h, y, last, gates), (hidden_bias,))
    return y, last, (gates, h) if save else None


def gru_grad(
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
    """Gradient of gru by its two results. Returns the gradients of x, h0, w_ih, w_hh, b_ih and b_hh (None where the bias is)."""
    gates, h = residuals
    loop = _Loop(x, h0, w_hh, lengths, reverse, True, gates=3)
    dh, du, dz = loop.state(gh), loop.wide(3), loop.wide(3)
    loop.backward(_gru_grad, _gru_grad_step, dz, (contiguous(gy), contiguous(gh)), (loop.lengths, gates, h, dh, du, dz))
    gx, gw_ih = loop.input_grads(du, x, w_ih)
    gb_ih = None if b_ih is None else loop.sum(du, x)
    gb_hh = None if b_hh is None else loop.sum(dz, x)
    return gx, loop.narrow(dh, x), gw_ih, loop.contract(dz, loop.before(h), x), gb_ih, gb_hh


def rnn(
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
    """Plain recurrent network, as the reference states it; nonlinearity "tanh" or "relu".

    x: (T, N, I). h0: (N, H). w_ih: (H, I). w_hh: (H, H). bias: (H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), and what rnn_grad needs if save, else None.
    """
    loop = _Loop(x, h0, w_hh, lengths, reverse, save, gates=1)
    z_in, h, last = loop.project(x, w_ih, bias), loop.states(), loop.last(h0)
    y = empty(loop.library, loop.shape, x.dtype)
    loop.forward(_rnn, _rnn_step, ((h0, h),), (z_in,), (h, y, last, nonlinearity == "relu"))
    return y, last, (h,) if save else None


def rnn_grad(
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
    """Gradient of rnn by its two results. Returns the gradients of x, h0, w_ih, w_hh and bias (None where bias is)."""
    (h,) = residuals
    loop = _Loop(x, h0, w_hh, lengths, reverse, True, gates=1)
    dh, dz = loop.state(gh), loop.wide(1)
    given = contiguous(gy), contiguous(gh)
    loop.backward(_rnn_grad, _rnn_grad_step, dz, given, (loop.lengths, h, dh, dz, nonlinearity == "relu"))
    gx, gw_ih = loop.input_grads(dz, x, w_ih)
    gbias = None if bias is None else loop.sum(dz, x)
    return gx, loop.narrow(dh, x), gw_ih, loop.contract(dz, loop.before(h), x), gbias


class _Loop:
    """What the three cells share: sizes, states, the loop over time, and the products before and after it.

    Everything is kept in the accumulator's dtype; only results are in that of x.
    """

    def __init__(self, x: Array, h0: Array, w_hh: Array, lengths: Array | None, reverse: bool, save: bool, gates: int) -> None:
        self.library = library_of(x)
        self.shape: tuple[int, int, int] = (x.shape[0], h0.shape[0], h0.shape[1])
        self.steps, self.batch, self.hidden = self.shape
        self.gates, self.reverse, self.save = gates, reverse, save
        self.dtype = accumulator(str(x.dtype))
        self.widened = self.dtype != str(x.dtype)
        self.w_hh = contiguous(w_hh)
        self.lengths = None if lengths is None else integers(lengths)

    def wide(self, parts: int) -> Array:
        """(T, N, parts H), to be filled by a kernel."""
        return empty(self.library, (self.steps, self.batch, parts * self.hidden), self.dtype)

    def state(self, given: Array) -> Array:
        """A state (N, H) that a kernel begins with a given one; the same, widened, where there is no step."""
        if self.steps:
            return empty(self.library, self.shape[1:], self.dtype)
        return self.library.array(given, dtype=self.dtype, order="C")

    def states(self) -> Array:
        """(slots, N, H), for the states before and after each step: all of them if they are saved, else two in turn."""
        return empty(self.library, (self.steps + 1 if self.save else 2, self.batch, self.hidden), self.dtype)

    def last(self, first: Array) -> Array:
        """Where a kernel leaves the final state (N, H); a copy of the first where there is no step."""
        return empty(self.library, first.shape, first.dtype) if self.steps else self.library.array(first, order="C")

    def before(self, h: Array) -> Array:
        """The state before each time: (T, N, H)."""
        return h[1:] if self.reverse else h[:-1]

    def narrow(self, wide: Array, x: Array) -> Array:
        return wide.astype(x.dtype, copy=False)

    def project(self, x: Array, w: Array, bias: Array | None) -> Array:
        """x w' + bias for all steps at once: (T, N, gates H)."""
        rows, w = self._rows(self._valid(x)), w.astype(self.dtype, copy=False)
        with self._precision():
            z = linear(rows, w, None if bias is None else bias.astype(self.dtype, copy=False))
        return contiguous(z.reshape(self.steps, self.batch, self.gates * self.hidden))

    def input_grads(self, dz: Array, x: Array, w_ih: Array) -> tuple[Array, Array]:
        """The gradients of x and of the weights that it was multiplied with."""
        gx = self.product(self._rows(dz), w_ih.astype(self.dtype, copy=False))
        return contiguous(self.narrow(gx, x).reshape(x.shape)), self.contract(dz, self._valid(x), x)

    def contract(self, dz: Array, other: Array, x: Array) -> Array:
        """The sum over time and batch of the outer products, in the dtype of x."""
        return contiguous(self.narrow(self.product(self._rows(dz).T, self._rows(other)), x))

    def product(self, a: Array, b: Array) -> Array:
        """a b with the precision in force, if x is float32: 16-bit numbers, widened, are multiplied as they are."""
        with self._precision():
            return matmul(a, b)

    def _precision(self) -> AbstractContextManager[None]:
        return precision.in_force("highest") if self.widened else nullcontext()

    def sum(self, dz: Array, x: Array) -> Array:
        """The sum over time and batch."""
        if not dz.size:
            return self.library.zeros(dz.shape[2:], x.dtype)
        return self.narrow(channel_total(dz, Channels(self.steps * self.batch, dz.shape[2], 1)), x)

    def forward(
        self,
        whole: Kernel,
        step: Kernel,
        states: tuple[tuple[Array, Array], ...],
        before: tuple[Any, ...],
        after: tuple[Any, ...],
        biases: tuple[Any, ...] = (),
    ) -> None:
        """Run all steps. states: the first ones and where all are kept.

        The kernels take before, the recurrent weights or products, biases, lengths, the first states, after, and the plan.
        """
        if not self.steps * self.batch * self.hidden:
            return
        whole, plan, blocks, shared = self._fit(whole, backward=False)
        firsts = [contiguous(first) for first, _ in states]
        if blocks:
            whole[blocks, shared](*before, self.w_hh, *biases, self.lengths, *firsts, *after, plan)
            return
        for first, kept in states:
            kept[self._slot(0)] = first
        w, h = self.w_hh.astype(self.dtype, copy=False).T, states[0][1]
        blocks = blocks_for(self.batch * self.hidden, step.threads)
        for s in range(self.steps):
            step[blocks](*before, self.product(h[self._slot(s)], w), *biases, self.lengths, *firsts, *after, plan, s)

    def backward(self, whole: Kernel, step: Kernel, dz: Array, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        """The same from the last step to the first, and once more to take in the first step's product."""
        if not self.steps * self.batch * self.hidden:
            return
        whole, plan, blocks, shared = self._fit(whole, backward=True)
        if blocks:
            whole[blocks, shared](*before, self.w_hh, *after, plan)
            return
        w, products = self.w_hh.astype(self.dtype, copy=False), None
        blocks = blocks_for(self.batch * self.hidden, step.threads)
        for s in range(self.steps - 1, -2, -1):
            step[blocks](*before, products, *after, plan, s)
            if s >= 0:
                products = self.product(dz[self.steps - 1 - s if self.reverse else s], w)

    def _fit(self, whole: Kernel, backward: bool) -> tuple[Kernel, RecurrentPlan, int, int]:
        """A loop that obeys the precision in force, its plan, and how it is launched: on tensor cores, if it fits there."""
        given = self.w_hh, self.shape, self.reverse, self.save, self.gates, backward
        numbers = "" if self.widened else precision.multiply_dtype(self.dtype)
        tensor = TENSOR.get(numbers, {}).get(whole.name)
        if tensor is not None and supports(tensor, self.w_hh):
            plan, blocks, shared = fit(*given, numbers)
            if blocks:
                return tensor, plan, blocks, shared
        return whole, *fit(*given)

    def _slot(self, s: int) -> int:
        """Where the state before step s is kept; slot_of in recurrent.cuh."""
        return s % 2 if not self.save else self.steps - s if self.reverse else s

    def _rows(self, a: Array) -> Array:
        return a.astype(self.dtype, copy=False).reshape(self.steps * self.batch, a.shape[2])

    def _valid(self, x: Array) -> Array:
        """x with zeros after the end of each sequence, so that nothing there, not even NaN, reaches a product."""
        if self.lengths is None:
            return x
        valid = self.library.arange(self.steps)[:, None] < self.lengths[None, :]
        return self.library.where(valid[:, :, None], x, self.library.zeros((), x.dtype))
