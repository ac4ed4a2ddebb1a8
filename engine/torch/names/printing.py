"""Tensors as text, in PyTorch's form: one width for all numbers, four digits, and three elements at both ends of what is long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

PRINT: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": np.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(precision: Any = None, threshold: Any = None, edgeitems: Any = None, linewidth: Any = None,
                     profile: Any = None, sci_mode: Any = None) -> None:  # fmt: skip
    """Set how tensors are printed."""
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    PRINT.update(PROFILES.get(profile, {}))
    PRINT.update({k: v for k, v in given.items() if v is not None}, sci_mode=sci_mode)


def _shown(a: Any) -> Any:
    """The elements that are printed of an array with more than the threshold."""
    n = PRINT["edgeitems"]
    for axis, size in enumerate(a.shape):
        if size > 2 * n:
            a = np.take(a, [*range(n), *range(size - n, size)], axis=axis)
    return a


def _one(numbers: Any) -> tuple[Callable[[Any], str], int]:
    """How a number is written among others, and in what width."""
    if numbers.dtype.kind not in "fV":
        width = max(len(str(v)) for v in numbers.reshape(-1).tolist())
        return (lambda v: str(v).rjust(width)), width
    values = numbers.astype(np.float64).reshape(-1)
    values = values[np.isfinite(values) & (values != 0)]
    sizes = np.abs(values)
    whole = bool((values == np.ceil(values)).all())
    powers = bool(values.size) and bool(sizes.max() / sizes.min() > 1000 or sizes.max() > 1e8 or sizes.min() < 1e-4)
    powers = powers if PRINT["sci_mode"] is None or not values.size else bool(PRINT["sci_mode"])
    digits = f".{PRINT['precision']}e" if powers else ".0f" if whole else f".{PRINT['precision']}f"

    def text(v: float) -> str:
        return format(v, digits) + ("." if whole and not powers and np.isfinite(v) else "")

    width = max((len(text(v)) for v in values.tolist()), default=1)
    return (lambda v: text(v).rjust(width)), width


def _writer(a: Any) -> tuple[Callable[[Any], str], int]:
    """The same for complex numbers too."""
    if a.dtype.kind != "c":
        return _one(a)
    (real, first), (imag, second) = _one(a.real), _one(a.imag)

    def both(v: complex) -> str:
        end = imag(v.imag).lstrip() + "j"
        return real(v.real) + ("" if end[0] in "+-" else "+") + end

    return both, first + second + 1


def _rows(a: Any, indent: int, cut: bool, write: Callable[[Any], str], per_line: int) -> str:
    n = PRINT["edgeitems"]
    cut_here = cut and a.shape[0] > 2 * n
    kept = [*range(n), *range(a.shape[0] - n, a.shape[0])] if cut_here else range(a.shape[0])
    if a.ndim == 1:
        words = [write(v) for v in a[list(kept)].tolist()]
        if cut_here:
            words.insert(n, " ...")
        lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_rows(a[i], indent + 1, cut, write, per_line) for i in kept]
    if cut_here:
        parts.insert(n, "...")
    return "[" + ("," + "\n" * (a.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def written(a: Any, notes: list[str], prefix: str = "tensor(") -> str:
    """An array with notes on it, as the text of a tensor."""
    indent = len(prefix)
    if a.dtype.kind == "V":
        a = a.astype(np.float32)
    if a.size == 0:
        body = "[]"
        notes = [*([f"size={tuple(a.shape)}"] if a.ndim != 1 else []), *notes]
    else:
        cut = a.size > PRINT["threshold"]
        write, width = _writer(_shown(a) if cut else a)
        per_line = max(1, int((PRINT["linewidth"] - indent - max(a.ndim - 1, 0)) // (width + 2)))
        body = write(a.item()) if a.ndim == 0 else _rows(a, indent, cut, write, per_line)
    found = prefix + body
    last = len(found) - found.rfind("\n") + 1
    for note in notes:
        if last + len(note) + 2 > PRINT["linewidth"]:
            found, last = f"{found},\n{' ' * indent}{note}", indent + len(note)
        else:
            found, last = f"{found}, {note}", last + len(note) + 2
    return found + ")"
