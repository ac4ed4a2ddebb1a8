"""What an LSTM and a GRU do each in their own way, chosen by the type of their sizes when a kernel is compiled.

A kernel with both in it would take half as long again to compile, and each training needs one.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from ..machine.views import Panel, Pieces, Rows
from .gates import LSTM, CellGrads, Cells, PastCells, Slopes, gru_cells, gru_cells_back, lstm_cells, lstm_cells_back, squash
from .layout import LSTMSizes, Sizes
from .tile import multiply_four, multiply_three


def cells_forward(s: Sizes, cells: Cells, h: Rows, rows: int, lanes: int, keep: int) -> None:
    """One block of units at one step: from pre-activations to states and outputs; if keep, the gates are stored."""
    (lstm_cells if s.kind == LSTM else gru_cells)(cells, h, rows, lanes, keep)


def squash_last(s: Sizes, squashed: Rows, states: Rows, rows: int) -> None:
    """Of sequences whose last step comes first on the way back: what the step before would have left in `squashed`."""
    if s.kind == LSTM:
        squash(squashed, states, rows)


def cells_back(s: Sizes, cells: PastCells, grads: CellGrads, slopes: Slopes, rows: int, lanes: int) -> None:
    """One block of units at one step: from gradients of outputs and states to those of the pre-activations."""
    (lstm_cells_back if s.kind == LSTM else gru_cells_back)(cells, grads, slopes, rows, lanes)


def multiply_gates(s: Sizes, rows: int, left: Pieces, weights: Panel, start: Rows, out: Rows) -> None:
    """Rows times a panel of weights, as wide as there are gates; see tile.make_gates."""
    (multiply_four if s.gates == 4 else multiply_three)(rows, left, weights, start, out, s.N == 1)


def _is_lstm(s: Any) -> bool:
    """Whether the compiler's type of the sizes is that of an LSTM."""
    return s.instance_class is LSTMSizes


@overload(cells_forward, inline="always", strict=False)
def _cells_forward(s: Any, cells: Any, h: Any, rows: Any, lanes: Any, keep: Any) -> Any:
    if _is_lstm(s):
        return lambda s, cells, h, rows, lanes, keep: lstm_cells(cells, h, rows, lanes, keep)
    return lambda s, cells, h, rows, lanes, keep: gru_cells(cells, h, rows, lanes, keep)


@overload(squash_last, inline="always", strict=False)
def _squash_last(s: Any, squashed: Any, states: Any, rows: Any) -> Any:
    if _is_lstm(s):
        return lambda s, squashed, states, rows: squash(squashed, states, rows)
    return lambda s, squashed, states, rows: None


@overload(cells_back, inline="always", strict=False)
def _cells_back(s: Any, cells: Any, grads: Any, slopes: Any, rows: Any, lanes: Any) -> Any:
    if _is_lstm(s):
        return lambda s, cells, grads, slopes, rows, lanes: lstm_cells_back(cells, grads, slopes, rows, lanes)
    return lambda s, cells, grads, slopes, rows, lanes: gru_cells_back(cells, grads, slopes, rows, lanes)


@overload(multiply_gates, inline="always", strict=False)
def _multiply_gates(s: Any, rows: Any, left: Any, weights: Any, start: Any, out: Any) -> Any:
    if _is_lstm(s):
        return lambda s, rows, left, weights, start, out: multiply_four(rows, left, weights, start, out, s.N == 1)
    return lambda s, rows, left, weights, start, out: multiply_three(rows, left, weights, start, out, s.N == 1)
