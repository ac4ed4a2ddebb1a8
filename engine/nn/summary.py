"""summary: a table of a model's layers with what comes out of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..autograd.base import no_grad
from ..ops.creation import zeros
from .module import Module


@dataclass(frozen=True)
class Row:
    """One layer: its dotted name, its class, the shape of what it returned, its own parameters, how many are trained."""

    name: str
    kind: str
    shape: str
    parameters: int
    trainable: int


@dataclass(frozen=True)
class Summary:
    """The rows in the order of the forward pass, and the sums, shared parameters counted once; str() is the table."""

    rows: tuple[Row, ...]
    parameters: int
    trainable: int

    def __str__(self) -> str:
        head = ("layer", "kind", "output", "parameters")
        lines = [(r.name, r.kind, r.shape, f"{r.parameters:,}") for r in self.rows]
        last = ("total", "", "", f"{self.parameters:,}")
        widths = [max(len(line[i]) for line in (head, last, *lines)) for i in range(4)]
        rule = "-" * (sum(widths) + 6)

        def text(line: tuple[str, ...]) -> str:
            cells = [c.ljust(w) for c, w in zip(line[:3], widths, strict=False)]
            return "  ".join([*cells, line[3].rjust(widths[3])])

        frozen = self.parameters - self.trainable
        notes = [f"{frozen:,} of them frozen"] if frozen else []
        return "\n".join([text(head), rule, *map(text, lines), rule, text(last), *notes])


def summary(model: Module, input_shape: tuple[int, ...], dtype: Any = None) -> Summary:
    """Run zeros through a model, without gradients and as after eval(), and note every layer that has no layers inside.

    input_shape: of a whole batch, (N, ...). dtype: of the input, by default that of the first parameter.
    """
    rows: list[Row] = []
    names = {id(m): name for name, m in model.named_modules()}
    leaves = [m for m in model.modules() if next(m.children(), None) is None]

    def note(module: Module, args: tuple[Any, ...], y: Any) -> None:
        own = list(module.parameters(recurse=False))
        trained = sum(p.size for p in own if p.requires_grad)
        kind = type(module).__name__
        rows.append(Row(names[id(module)] or kind, kind, _shapes(y), sum(p.size for p in own), trained))

    first = next(model.parameters(), None)
    if first is None:
        x = zeros(input_shape, dtype=dtype)
    else:
        x = zeros(input_shape, dtype=dtype or first.dtype, device=first.device)
    handles = [m.register_forward_hook(note) for m in leaves]
    modes = {m: m.training for m in model.modules()}
    try:
        model.eval()
        with no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for m, mode in modes.items():
            m.training = mode
    own = list(model.parameters())
    return Summary(tuple(rows), sum(p.size for p in own), sum(p.size for p in own if p.requires_grad))


def _shapes(y: Any) -> str:
    """The shape of a tensor, or of each in a tuple."""
    if isinstance(y, (tuple, list)):
        return ", ".join(_shapes(v) for v in y)
    return str(tuple(y.shape)) if hasattr(y, "shape") else type(y).__name__
