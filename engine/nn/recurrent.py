"""Recurrent layers: vanilla RNN, LSTM, GRU; several layers, both directions, sequences of different lengths."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..errors import ConfigError, ShapeError
from ..ops import recurrent as ops
from ..ops.creation import zeros
from ..ops.random import dropout
from ..ops.shape import concat, permute_dims, stack
from . import init
from .linear import positive
from .module import Module, Parameter, in_dtype_of


class _Recurrent(Module):
    """What RNN, LSTM and GRU share: parameters in PyTorch's names and layouts, and the walk over layers and directions."""

    gates: int
    states = 1
    weight_hh_l0: Parameter

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        positive(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if not 0 <= proj_size < (hidden_size if self.states == 2 else 1):
            raise ConfigError(f"{name}: proj_size must be 0 (none) or, for the LSTM, below hidden_size, got {proj_size}")
        if not 0 <= dropout <= 1:
            raise ConfigError(f"{name}: dropout must be between 0 and 1, got {dropout}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.proj_size = proj_size
        rows, directions, outputs = self.gates * hidden_size, 1 + bidirectional, proj_size or hidden_size
        for layer in range(num_layers):
            width = outputs * directions if layer else input_size
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, outputs)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for kind, shape in shapes.items():
                    setattr(self, kind + suffix, Parameter(zeros(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def reset_parameters(self) -> None:
        """Draw new initial values, U(-1/sqrt(H), 1/sqrt(H))."""
        bound = 1.0 / sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _direction(self, x: Any, state: tuple[Any, ...], suffix: str, lengths: Any, reverse: bool) -> tuple[Any, ...]:
        """One direction of one layer: (y, *last state)."""
        raise NotImplementedError

    def _weights(self, suffix: str) -> tuple[Any, Any, Any, Any]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_ih, w_hh, b_ih, b_hh = (getattr(self, n + suffix) if self.bias or "bias" not in n else None for n in names)
        return w_ih, w_hh, b_ih, b_hh

    def forward(self, x: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """The whole sequence: (output, last state).

        x: (T,N,I), with batch_first (N,T,I), without a batch (T,I). hx: h (L D,N,H), for the LSTM the pair (h, c), or
        None for zeros; L layers, D directions; with a projection h ends in P.
        lengths: (N,) integers from 0 to T in any order, or None; the output is 0 from a sequence's end on, and its last
        state is the one there.
        Returns output (T,N,D H) in the input's layout, and the last state shaped as hx. Raises ShapeError.
        """
        name = type(self).__name__
        single = x.ndim == 2
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            layout = "(N,T,I)" if self.batch_first else "(T,N,I)"
            raise ShapeError(f"{name}: input must be {layout} or (T,I) with I={self.input_size}, got shape {x.shape}")
        x = in_dtype_of(self.weight_hh_l0, x)
        if single:
            x = x[:, None, :]
        elif self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        steps = None if lengths is None else ops.sequence_lengths(name, lengths, x)
        start = self._start(x, hx, single)
        last: list[list[Any]] = [[] for _ in range(self.states)]
        for layer in range(self.num_layers):
            outs = []
            for d, suffix in enumerate(self._suffixes(layer)):
                index = layer * (1 + self.bidirectional) + d
                y, *state = self._direction(x, tuple(s[index] for s in start), suffix, steps, d == 1)
                outs.append(y)
                for part, s in zip(last, state, strict=True):
                    part.append(s)
            x = concat(outs, axis=-1) if len(outs) > 1 else outs[0]
            if layer + 1 < self.num_layers:
                x = dropout(x, self.dropout, self.training)
        ends = [stack(part) for part in last]
        if single:
            x, ends = x[:, 0, :], [e[:, 0, :] for e in ends]
        elif self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        return x, ends[0] if self.states == 1 else tuple(ends)

    def _start(self, x: Any, hx: Any, single: bool) -> list[Any]:
        """The initial states, each (L D,N,H)."""
        rows = self.num_layers * (1 + self.bidirectional)
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][: self.states]
        shapes = [(rows, x.shape[1], size) for size in sizes]
        if hx is None:
            return [zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes]
        given = [hx] if self.states == 1 else list(hx)
        if single:
            given = [h[:, None, :] if h.ndim == 2 else h for h in given]
        if [h.shape for h in given] != shapes:
            raise ShapeError(
                f"{type(self).__name__}: hx must be {self.states} tensor(s) (L D,N,H)={shapes}, got {[h.shape for h in given]}"
            )
        return [in_dtype_of(self.weight_hh_l0, h) for h in given]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False, "proj_size": 0}
        parts += [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return ", ".join(parts)


def _sum(a: Any, b: Any) -> Any:
    return None if a is None else a + b


class RNN(_Recurrent):
    """Vanilla RNN: h_t = tanh(W x_t + b_ih + U h_{t-1} + b_hh), or relu.

    x: (T,N,I) -> output (T,N,D H), last h (L D,N,H); see forward for all shapes. Source: Elman 1990.
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ConfigError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype
        )

    def _direction(self, x: Any, state: tuple[Any, ...], suffix: str, lengths: Any, reverse: bool) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        bias = _sum(b_ih, b_hh)
        return ops.rnn(x, state[0], w_ih, w_hh, bias, lengths, nonlinearity=self.nonlinearity, reverse=reverse)


class LSTM(_Recurrent):
    """Long short-term memory: gates i, f, g, o in this order in the rows of weight_ih_l0 (4H,I) and weight_hh_l0 (4H,H).

    i, f, o = sigmoid(W x_t + b_ih + U h_{t-1} + b_hh), g = tanh(likewise); c_t = f c_{t-1} + i g; h_t = o tanh(c_t).
    x: (T,N,I). Returns output (T,N,D H), (h, c); see forward for all shapes. proj_size P: h_t = weight_hr (P,H) times the
    formula's h_t. Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000; projection: Sak et al. 2014, arXiv:1402.1128.
    """

    gates, states = 4, 2

    def _direction(self, x: Any, state: tuple[Any, ...], suffix: str, lengths: Any, reverse: bool) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        bias = _sum(b_ih, b_hh)
        if not self.proj_size:
            return ops.lstm(x, state[0], state[1], w_ih, w_hh, bias, lengths, reverse=reverse)
        w_hr = getattr(self, "weight_hr" + suffix)
        return ops.lstm_projected(x, state[0], state[1], w_ih, w_hh, w_hr, bias, lengths, reverse=reverse)


class GRU(_Recurrent):
    """Gated recurrent unit: gates r, z, n in this order in the rows of weight_ih_l0 (3H,I) and weight_hh_l0 (3H,H).

    n = tanh(W x_t + b_in + r (U h_{t-1} + b_hn)); h_t = (1 - z) n + z h_{t-1}.
    x: (T,N,I) -> output (T,N,D H), last h (L D,N,H); see forward for all shapes.
    Source: Cho et al. 2014, arXiv:1406.1078, with the reset gate after the product as in PyTorch.
    """

    gates = 3

    def _direction(self, x: Any, state: tuple[Any, ...], suffix: str, lengths: Any, reverse: bool) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        return ops.gru(x, state[0], w_ih, w_hh, b_ih, b_hh, lengths, reverse=reverse)
