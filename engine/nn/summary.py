"""summary: a table of a model's layers with what comes out of each, how much is in it and how much work it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..autograd.base import no_grad
from ..ops.creation import zeros
from .flops import flops
from .module import Module


@dataclass(frozen=True)
class Row:
    """One call of a layer: dotted name, class, shape of what it returned, own parameters, how many are trained, FLOPs."""

    name: str
    kind: str
    shape: str
    parameters: int
    trainable: int
    flops: int


@dataclass(frozen=True)
class Summary:
    """The rows in the order of the forward pass, and the sums, shared parameters counted once; str() is the table."""

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    flops: int

    def __str__(self) -> str:
        head = ("layer", "kind", "output", "parameters", "FLOPs")
        lines = [(r.name, r.kind, r.shape, f"{r.parameters:,}", f"{r.flops:,}") for r in self.rows]
        last = ("total", "", "", f"{self.parameters:,}", f"{self.flops:,}")
        widths = [max(len(line[i]) for line in (head, last, *lines)) for i in range(5)]
        rule = "-" * (sum(widths) + 8)

        def text(line: tuple[str, ...]) -> str:
            cells = [c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
            return "  ".join(cells)

        frozen = self.parameters - self.trainable
        notes = [f"{frozen:,} of them frozen"] if frozen else []
        return "\n".join([text(head), rule, *map(text, lines), rule, text(last), *notes])

    __repr__ = __str__  # a notebook shows the table

def summary(model: Module, input_shape: tuple[int, ...], dtype: Any = None) -> Summary:
    """Run zeros through a model, without gradients and as after eval(), and note every layer that computes something.

    Listed are the layers that have none inside, and those with parameters of their own. input_shape: of a whole batch,
    (N, ...). dtype: of the input, by default that of the first parameter. FLOPs: see flops.
    """
    rows: list[Row] = []
    names = {id(m): name for name, m in model.named_modules()}
    inner = {id(m) for layer in model.modules() for m in _weights(layer) for m in m.modules()}
    listed = [m for m in model.modules() if id(m) not in inner and (_own(m) or not _inside(m))]

    def note(module: Module, args: tuple[Any, ...], y: Any) -> None:
        own = _own(module)
        trained = sum(p.size for p in own if p.requires_grad)
        kind = type(module).__name__
        size = sum(p.size for p in own)
        rows.append(Row(names[id(module)] or kind, kind, _shapes(y), size, trained, flops(module, args, y)))

    first = next(model.parameters(), None)
    if first is None:
        x = zeros(input_shape, dtype=dtype)
    else:
        x = zeros(input_shape, dtype=dtype or first.dtype, device=first.device)
    handles = [m.register_forward_hook(note) for m in listed]
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
    trained = sum(p.size for p in own if p.requires_grad)
    return Summary(tuple(rows), sum(p.size for p in own), trained, sum(r.flops for r in rows))


def _weights(m: Module) -> list[Module]:
    """The modules that compute a layer's weights: part of the layer, not layers of the model."""
    return [made for name, made in m.named_children() if name == "parametrizations"]


def _inside(m: Module) -> list[Module]:
    return [inner for name, inner in m.named_children() if name != "parametrizations"]


def _own(m: Module) -> list[Any]:
    """A layer's parameters without those of layers inside it."""
    return [*m.parameters(recurse=False), *(p for made in _weights(m) for p in made.parameters())]


def _shapes(y: Any) -> str:
    """The shape of a tensor, or of each in a tuple."""
    if isinstance(y, (tuple, list)):
        return ", ".join(_shapes(v) for v in y)
    return str(tuple(y.shape)) if hasattr(y, "shape") else type(y).__name__


Module._summarise = staticmethod(summary)
