"""Recurrent cells: one step at a time, for loops of one's own."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, ShapeError
from ..ops import recurrent as ops
from ..ops.creation import zeros
from . import init
from .linear import positive
from .module import Module, Parameter, in_dtype_of


class _Cell(Module):
    """What the cells share: PyTorch's parameters weight_ih, weight_hh, bias_ih, bias_hh. One step is a sequence of length 1."""

    gates: int
    states = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, device: str | None = None, dtype: Any = None
    ) -> None:
        positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, rows = input_size, hidden_size, self.gates * hidden_size

        def parameter(*shape: int) -> Parameter:
            return Parameter(zeros(shape, device=device, dtype=dtype))

        self.weight_ih, self.weight_hh = parameter(rows, input_size), parameter(rows, hidden_size)
        self.bias_ih = parameter(rows) if bias else None
        self.bias_hh = parameter(rows) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values, U(-1/sqrt(H), 1/sqrt(H))."""
        bound = self.hidden_size**-0.5
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        """The next state from x (1,N,I) and a state of (N,H) each."""
        raise NotImplementedError

    def _bias(self) -> Any:
        return None if self.bias_ih is None else self.bias_ih + self.bias_hh

    def forward(self, x: Any, hx: Any = None) -> Any:
        """x: (N,I) or (I,). hx: (N,H) or (H,), for the LSTM the pair (h, c), None for zeros. Returns the next state."""
        name = type(self).__name__
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(f"{name}: input must be (N,I) or (I,) with I={self.input_size}, got shape {x.shape}")
        x, shape = in_dtype_of(self.weight_hh, x), (*x.shape[:-1], self.hidden_size)
        given = [zeros(shape, dtype=x.dtype, device=x.device)] * self.states if hx is None else [hx] if self.states == 1 else hx
        if len(given) != self.states or any(h.shape != shape for h in given):
            raise ShapeError(f"{name}: hx must be {self.states} tensor(s) (N,H)={shape}, got {[h.shape for h in given]}")
        given = [in_dtype_of(self.weight_hh, h) for h in given]
        if x.ndim == 2:
            new = self._step(x[None], *given)
        else:
            new = tuple(h[0] for h in self._step(x[None, None], *(h[None] for h in given)))
        return new[0] if self.states == 1 else new

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (", bias=False" if self.bias_ih is None else "")


class RNNCell(_Cell):
    """h' = tanh(W x + b_ih + U h + b_hh), or relu. x: (N,I), h: (N,H) -> (N,H). Source: Elman 1990."""

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ConfigError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, device=device, dtype=dtype)

    def _step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        return ops.rnn(x, state[0], self.weight_ih, self.weight_hh, self._bias(), nonlinearity=self.nonlinearity)[1:]


class LSTMCell(_Cell):
    """One step of an LSTM: x (N,I), (h, c) (N,H) each -> (h', c'); see LSTM. Source: Hochreiter & Schmidhuber 1997."""

    gates, states = 4, 2

    def _step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        return ops.lstm(x, state[0], state[1], self.weight_ih, self.weight_hh, self._bias())[1:]


class GRUCell(_Cell):
    """One step of a GRU: x (N,I), h (N,H) -> (N,H); see GRU. Source: Cho et al. 2014, arXiv:1406.1078."""

    gates = 3

    def _step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        return ops.gru(x, state[0], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)[1:]
