"""For people who write ops: the op table's vocabulary, parity, gradcheck.

A row (case) says how to call an op and how exact it must be; parity compares it on every backend, gradcheck proves its
derivatives. `dlengine parity` and the test suite run the same rows.
"""

from __future__ import annotations

from . import calls
from .gradcheck import check_gradients, gradcheck
from .parity import Cell, check, parity, rows
from .table import (
    Arg,
    Bound,
    Case,
    booleans,
    case,
    complex_normal,
    definite,
    distinct,
    error,
    exact,
    forward_error,
    given,
    integers,
    normal,
    off_zero,
    positive,
    sample,
    ulp,
    uniform,
)

__all__ = [
    "Arg",
    "Bound",
    "Case",
    "Cell",
    "booleans",
    "calls",
    "case",
    "check",
    "check_gradients",
    "complex_normal",
    "definite",
    "distinct",
    "error",
    "exact",
    "forward_error",
    "given",
    "gradcheck",
    "integers",
    "normal",
    "off_zero",
    "parity",
    "positive",
    "rows",
    "sample",
    "ulp",
    "uniform",
]
