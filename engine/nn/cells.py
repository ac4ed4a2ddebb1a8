"""Recurrent cells: one step at a time, for loops that you write yourself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..ops import recurrent as ops
from ..ops.creation import zeros
from . import init
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class _Cell(Module):
    """Base of the cells, with PyTorch's parameter names. One step is computed as a sequence of length 1."""

    gates: int
    states = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        require_positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, rows = input_size, hidden_size, self.gates * hidden_size

        def parameter(*shape: int) -> Parameter:
            return Parameter(zeros(shape, device=device, dtype=dtype))

        self.weight_ih, self.weight_hh = parameter(rows, input_size), parameter(rows, hidden_size)
        self.bias_ih = parameter(rows) if bias else None
        self.bias_hh = parameter(rows) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values from U(-1/sqrt(H), 1/sqrt(H))."""
        bound = self.hidden_size**-0.5
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Compute the next state from x (1,N,I) and the tensors (N,H) of a state."""
        raise NotImplementedError

    def _bias(self) -> Tensor | None:
        """Add the two biases, for cells that need only their sum."""
        return None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh

    def forward(self, x: Tensor, hx: Tensor | Sequence[Tensor] | None = None) -> Tensor | tuple[Tensor, ...]:
        """Compute the next state.

        Parameters
        ----------
        x : Tensor
            The input (N,I), or (I,) without a batch.
        hx : Tensor, pair of Tensors or None
            The state (N,H) or (H,), for the LSTM the pair (h, c); None for zeros.

        Returns
        -------
        Tensor or tuple of Tensor
            The next state, in the form of ``hx``.
        """
        name = type(self).__name__
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(f"{name}: input must be (N,I) or (I,) with I={self.input_size}, got shape {x.shape}")
        x, shape = in_dtype_of(self.weight_hh, x), (*x.shape[:-1], self.hidden_size)
        given = self._given(x, hx, shape)
        if len(given) != self.states or any(h.shape != shape for h in given):
            raise ShapeError(f"{name}: hx must be {self.states} tensor(s) (N,H)={shape}, got {[h.shape for h in given]}")
        given = [in_dtype_of(self.weight_hh, h) for h in given]
        if x.ndim == 2:
            new = self._step(x[None], *given)
        else:
            new = tuple(h[0] for h in self._step(x[None, None], *(h[None] for h in given)))
        return new[0] if self.states == 1 else new

    def _given(self, x: Tensor, hx: Tensor | Sequence[Tensor] | None, shape: tuple[int, ...]) -> list[Tensor]:
        """List the tensors of the given state, zeros for None."""
        if hx is None:
            return [zeros(shape, dtype=x.dtype, device=x.device)] * self.states
        return [hx] if self.states == 1 else list(hx)  # type: ignore[list-item]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (", bias=False" if self.bias_ih is None else "")


class RNNCell(_Cell):
    """One step of an Elman network: ``h' = tanh(W x + b_ih + U h + b_hh)``, or with relu.

    Shape: x (N,I) and h (N,H) -> (N,H); for a single example, leave out N. Without h it starts from zeros.

    Parameters
    ----------
    input_size : int
        I, the number of inputs.
    hidden_size : int
        H, the size of the state.
    bias : bool
        Whether the two biases are added.
    nonlinearity : str
        "tanh" or "relu".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight_ih : Parameter
        W, shape (H,I), drawn from U(-1/sqrt(H), 1/sqrt(H)) like all others.
    weight_hh : Parameter
        U, shape (H,H).
    bias_ih : Parameter or None
        Shape (H,).
    bias_hh : Parameter or None
        Shape (H,).

    References
    ----------
    Elman, "Finding structure in time", 1990.

    Examples
    --------
    >>> cell, h = dl.nn.RNNCell(3, 4), None
    >>> for x in dl.ones((5, 2, 3)):  # 5 steps of a batch of 2
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ConfigError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, device=device, dtype=dtype)

    def _step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        y = ops.rnn(x, state[0], self.weight_ih, self.weight_hh, self._bias(), nonlinearity=self.nonlinearity)
        return y[1:]


class LSTMCell(_Cell):
    """One step of a long short-term memory; see LSTM for the formulas.

    Shape: x (N,I) and the pair (h, c) of (N,H) -> the next pair (h', c'); for a single example, leave out N. Without
    (h, c) it starts from zeros.

    Parameters
    ----------
    input_size : int
        I, the number of inputs.
    hidden_size : int
        H, the size of h and of c.
    bias : bool
        Whether the two biases are added.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight_ih : Parameter
        Shape (4 H,I), the rows of the gates i, f, g, o in this order; drawn from U(-1/sqrt(H), 1/sqrt(H)) like all others.
    weight_hh : Parameter
        Shape (4 H,H).
    bias_ih : Parameter or None
        Shape (4 H,).
    bias_hh : Parameter or None
        Shape (4 H,).

    References
    ----------
    Hochreiter and Schmidhuber, "Long short-term memory", 1997.

    Examples
    --------
    >>> h, c = dl.nn.LSTMCell(3, 4)(dl.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates, states = 4, 2

    def _step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        y = ops.lstm(x, state[0], state[1], self.weight_ih, self.weight_hh, self._bias())
        return y[1:]


class GRUCell(_Cell):
    """One step of a gated recurrent unit; see GRU for the formulas.

    Shape: x (N,I) and h (N,H) -> (N,H); for a single example, leave out N. Without h it starts from zeros.

    Parameters
    ----------
    input_size : int
        I, the number of inputs.
    hidden_size : int
        H, the size of the state.
    bias : bool
        Whether the two biases are added.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight_ih : Parameter
        Shape (3 H,I), drawn from U(-1/sqrt(H), 1/sqrt(H)) like all others.
    weight_hh : Parameter
        Shape (3 H,H).
    bias_ih : Parameter or None
        Shape (3 H,).
    bias_hh : Parameter or None
        Shape (3 H,).

    References
    ----------
    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, arXiv:1406.1078.

    Examples
    --------
    >>> dl.nn.GRUCell(3, 4)(dl.ones((2, 3))).shape
    (2, 4)
    """

    gates = 3

    def _step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        y = ops.gru(x, state[0], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return y[1:]
