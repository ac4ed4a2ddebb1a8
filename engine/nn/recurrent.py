"""Recurrent layers RNN, LSTM and GRU, with several layers, two directions and sequences of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..ops import recurrent as ops
from ..ops.creation import zeros
from ..ops.dropout import dropout
from ..ops.joining import concat, stack
from ..ops.shape import permute_dims
from . import init
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class _Recurrent(Module):
    """Base of RNN, LSTM and GRU: parameters with PyTorch's names and layouts, and the loop over layers and directions."""

    gates: int
    states = 1
    weight_hh_l0: Parameter

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        require_positive(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
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
        """List the suffixes of a layer's parameter names, one for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def reset_parameters(self) -> None:
        """Draw new initial values from U(-1/sqrt(H), 1/sqrt(H))."""
        bound = 1.0 / sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _direction(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: Tensor | None, reverse: bool
    ) -> tuple[Tensor, ...]:
        """Run one direction of one layer; returns the output and the tensors of the last state."""
        raise NotImplementedError

    def _weights(self, suffix: str) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Look up W, U and the two biases of one direction of one layer."""
        w_ih, w_hh = getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix)
        if not self.bias:
            return w_ih, w_hh, None, None
        return w_ih, w_hh, getattr(self, "bias_ih" + suffix), getattr(self, "bias_hh" + suffix)

    def forward(
        self, x: Tensor, hx: Tensor | Sequence[Tensor] | None = None, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
        """Process whole sequences.

        Parameters
        ----------
        x : Tensor
            Shape (T,N,I), with ``batch_first`` (N,T,I), without a batch (T,I).
        hx : Tensor, pair of Tensors or None
            The initial state (L D,N,H), for the LSTM the pair (h, c); without a batch (L D,H). None for zeros.
        lengths : Tensor, sequence of int or None
            The length of each sequence, (N,) integers from 0 to T in any order; None where all have length T. The output is
            0 from the end of a sequence on, and its last state is the one at its end.

        Returns
        -------
        output : Tensor
            Shape (T,N,D H), in the layout of ``x``.
        last : Tensor or pair of Tensors
            The last state, shaped as ``hx``.

        Raises
        ------
        ShapeError
            ``x``, ``hx`` or ``lengths`` has another shape, or a length is not from 0 to T.
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
        last: list[list[Tensor]] = [[] for _ in range(self.states)]
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
                x = dropout(x, self.dropout, self.training, batch_axis=1)
        ends = [stack(part) for part in last]
        if single:
            x, ends = x[:, 0, :], [e[:, 0, :] for e in ends]
        elif self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        return x, ends[0] if self.states == 1 else tuple(ends)

    def _start(self, x: Tensor, hx: Tensor | Sequence[Tensor] | None, single: bool) -> list[Tensor]:
        """List the tensors of the initial state, each (L D,N,H)."""
        rows = self.num_layers * (1 + self.bidirectional)
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][: self.states]
        shapes = [(rows, x.shape[1], size) for size in sizes]
        if hx is None:
            return [zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes]
        given: list[Tensor] = [hx] if self.states == 1 else list(hx)  # type: ignore[list-item]
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


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Add two biases, both of which may be absent."""
    return None if a is None or b is None else a + b


class RNN(_Recurrent):
    """Elman network: ``h_t = tanh(W x_t + b_ih + U h_{t-1} + b_hh)``, or with relu.

    Shape: x (T,N,I) -> output (T,N,D H) and last state (L D,N,H); T time, N batch, L layers, D directions (1 or 2).
    See ``forward`` for its other arguments.

    Parameters
    ----------
    input_size : int
        I, the number of inputs.
    hidden_size : int
        H, the size of the state.
    num_layers : int
        L, the number of layers; each reads the outputs of the one below.
    nonlinearity : str
        "tanh" or "relu".
    bias : bool
        Whether the two biases are added.
    batch_first : bool
        Whether inputs and outputs are (N,T,...) instead of (T,N,...); states keep their layout.
    dropout : float
        The probability of dropout on the outputs of all layers but the last.
    bidirectional : bool
        Whether each layer also reads backwards; the outputs of both directions are concatenated.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight_ih_l0 : Parameter
        W of layer 0, shape (H,I); drawn from U(-1/sqrt(H), 1/sqrt(H)) like all others. Layer k has the suffix
        ``_lk`` and D H inputs, the backward direction the suffix ``_lk_reverse``.
    weight_hh_l0 : Parameter
        U, shape (H,H).
    bias_ih_l0 : Parameter or None
        Shape (H,).
    bias_hh_l0 : Parameter or None
        Shape (H,).

    Raises
    ------
    ConfigError
        A size is below 1, ``dropout`` is not between 0 and 1, or ``nonlinearity`` is unknown.

    References
    ----------
    Elman, "Finding structure in time", 1990.

    Examples
    --------
    >>> output, h = dl.nn.RNN(3, 4, num_layers=2)(dl.ones((5, 2, 3)))
    >>> output.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ConfigError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype
        )

    def _direction(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: Tensor | None, reverse: bool
    ) -> tuple[Tensor, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        bias = _sum(b_ih, b_hh)
        return ops.rnn(x, state[0], w_ih, w_hh, bias, lengths, nonlinearity=self.nonlinearity, reverse=reverse)


class LSTM(_Recurrent):
    """Long short-term memory.

    ``i, f, o = sigmoid(W x_t + b_ih + U h_{t-1} + b_hh)`` and ``g = tanh(W x_t + b_ih + U h_{t-1} + b_hh)``, each with rows
    of its own; ``c_t = f c_{t-1} + i g``; ``h_t = o tanh(c_t)``. With a projection to P = ``proj_size`` numbers, h_t is
    ``weight_hr`` times that.

    Shape: x (T,N,I) -> output (T,N,D H) and last state (h, c), each (L D,N,H); T time, N batch, L layers, D directions
    (1 or 2). With a projection, P takes the place of H in the output and in h. See ``forward`` for its other arguments.

    Parameters
    ----------
    input_size : int
        I, the number of inputs.
    hidden_size : int
        H, the size of the state.
    num_layers : int
        L, the number of layers; each reads the outputs of the one below.
    bias : bool
        Whether the two biases are added.
    batch_first : bool
        Whether inputs and outputs are (N,T,...) instead of (T,N,...); states keep their layout.
    dropout : float
        The probability of dropout on the outputs of all layers but the last.
    bidirectional : bool
        Whether each layer also reads backwards; the outputs of both directions are concatenated.
    proj_size : int
        P, the size of the projected h, below H; 0 for no projection.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight_ih_l0 : Parameter
        W of layer 0, shape (4 H,I), the rows of the gates i, f, g, o in this order; drawn from U(-1/sqrt(H), 1/sqrt(H))
        like all others. Layer k has the suffix ``_lk`` and D H (or D P) inputs, the backward direction ``_lk_reverse``.
    weight_hh_l0 : Parameter
        U, shape (4 H,H or P).
    bias_ih_l0 : Parameter or None
        Shape (4 H,).
    bias_hh_l0 : Parameter or None
        Shape (4 H,).
    weight_hr_l0 : Parameter
        The projection, shape (P,H); only if ``proj_size`` is not 0.

    Raises
    ------
    ConfigError
        A size is below 1, ``dropout`` is not between 0 and 1, or ``proj_size`` is not below ``hidden_size``.

    References
    ----------
    Hochreiter and Schmidhuber, 1997; Gers et al., 2000; projection: Sak et al., 2014, arXiv:1402.1128.

    Examples
    --------
    >>> layer = dl.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    >>> output, (h, c) = layer(dl.ones((2, 5, 3)), lengths=[5, 3])
    >>> output.shape, h.shape, c.shape
    ((2, 5, 8), (2, 2, 4), (2, 2, 4))
    >>> output[1, 4].tolist()  # beyond the length 3 of sequence 1
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    gates, states = 4, 2

    def _direction(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: Tensor | None, reverse: bool
    ) -> tuple[Tensor, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        bias = _sum(b_ih, b_hh)
        if not self.proj_size:
            return ops.lstm(x, state[0], state[1], w_ih, w_hh, bias, lengths, reverse=reverse)
        w_hr = getattr(self, "weight_hr" + suffix)
        return ops.lstm_projected(x, state[0], state[1], w_ih, w_hh, w_hr, bias, lengths, reverse=reverse)


class GRU(_Recurrent):
    """Gated recurrent unit.

    ``r, z = sigmoid(W x_t + b_ih + U h_{t-1} + b_hh)``, each with rows of its own;
    ``n = tanh(W x_t + b_in + r (U h_{t-1} + b_hn))``; ``h_t = (1 - z) n + z h_{t-1}``. The reset gate r acts after the
    product with U, as in PyTorch.

    Shape: x (T,N,I) -> output (T,N,D H) and last state (L D,N,H); T time, N batch, L layers, D directions (1 or 2).
    See ``forward`` for its other arguments.

    Parameters
    ----------
    input_size : int
        I, the number of inputs.
    hidden_size : int
        H, the size of the state.
    num_layers : int
        L, the number of layers; each reads the outputs of the one below.
    bias : bool
        Whether the two biases are added.
    batch_first : bool
        Whether inputs and outputs are (N,T,...) instead of (T,N,...); states keep their layout.
    dropout : float
        The probability of dropout on the outputs of all layers but the last.
    bidirectional : bool
        Whether each layer also reads backwards; the outputs of both directions are concatenated.
    proj_size : int
        Must be 0; only LSTM has projections.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight_ih_l0 : Parameter
        W of layer 0, shape (3 H,I), the rows of the gates r, z, n in this order; drawn from U(-1/sqrt(H), 1/sqrt(H))
        like all others. Layer k has the suffix ``_lk`` and D H inputs, the backward direction ``_lk_reverse``.
    weight_hh_l0 : Parameter
        U, shape (3 H,H).
    bias_ih_l0 : Parameter or None
        Shape (3 H,).
    bias_hh_l0 : Parameter or None
        Shape (3 H,).

    Raises
    ------
    ConfigError
        A size is below 1, ``dropout`` is not between 0 and 1, or ``proj_size`` is not 0.

    References
    ----------
    Cho et al., 2014, arXiv:1406.1078.

    Examples
    --------
    >>> gru = dl.nn.GRU(3, 4)
    >>> output, h = gru(dl.ones((5, 2, 3)))
    >>> output.shape, h.shape
    ((5, 2, 4), (1, 2, 4))
    >>> later, h = gru(dl.ones((1, 2, 3)), h)  # the next step of the same sequences
    >>> later.shape
    (1, 2, 4)
    """

    gates = 3

    def _direction(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: Tensor | None, reverse: bool
    ) -> tuple[Tensor, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        return ops.gru(x, state[0], w_ih, w_hh, b_ih, b_hh, lengths, reverse=reverse)
