"""Tools for people who write ops: the op table, parity and gradcheck.

A row of the table (``case``) says how to call an op and how exact it must be. ``parity`` compares it on every backend, and
``gradcheck`` checks its derivatives. ``dlengine parity`` and the test suite use the same rows.
"""

from __future__ import annotations

from . import calls
from .arguments import Arg, booleans, complex_normal, definite, distinct, given, integers, normal, off_zero, positive, uniform
from .bounds import Bound, exact, forward_error, ulp
from .cell import Cell
from .gradcheck import check_gradients, gradcheck
from .parity import check, parity, rows
from .table import Case, case, error, sample

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
