"""A table of a model's layers with output shapes and counts of parameters and operations."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..autograd.base import no_grad
from ..ops.creation import zeros
from .flops import flops
from .module import Module, Parameter

if TYPE_CHECKING:
    from ..typing import DTypeLike


@dataclass(frozen=True)
class Row:
    """One call of a layer.

    Attributes
    ----------
    name : str
        The dotted name of the layer in the model.
    kind : str
        The name of its class.
    shape : str
        The shape of the output, or of each tensor in it.
    parameters : int
        The number of parameter values of the layer itself.
    trainable : int
        How many of them require gradients.
    flops : int
        Floating-point operations; see ``flops``.
    """

    name: str
    kind: str
    shape: str
    parameters: int
    trainable: int
    flops: int


@dataclass(frozen=True)
class Summary:
    """The calls of a model's layers in the order of the forward pass, and their sums; its text is a table.

    Attributes
    ----------
    rows : tuple of Row
        The calls.
    parameters : int
        The number of parameter values, shared ones counted once.
    trainable : int
        How many of them require gradients.
    flops : int
        Floating-point operations of the forward pass.
    """

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

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table, for a notebook."""
        head = "".join(f"<th>{name}</th>" for name in ("layer", "kind", "output", "parameters", "FLOPs"))
        lines = [(r.name, r.kind, str(r.shape), f"{r.parameters:,}", f"{r.flops:,}") for r in self.rows]
        lines.append(("total", "", "", f"{self.parameters:,}", f"{self.flops:,}"))
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
        return f"<table><tr>{head}</tr>{rows}</table>"


def summary(model: Module, input_shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Summary:
    """Make a table of a model's layers with output shapes and counts of parameters and operations.

    The model runs once with zeros as input, without gradients and in evaluation mode. The table has a row for each call of
    a layer that contains no other layers or has parameters of its own.

    Parameters
    ----------
    model : Module
        The model; its training mode is restored afterwards.
    input_shape : tuple of int
        The shape of a whole input, (N, ...).
    dtype : DTypeLike or None
        The dtype of the input; None is that of the first parameter.

    Returns
    -------
    Summary
        The rows and the sums; ``print`` shows them as a table.

    See Also
    --------
    flops : Counts the operations of one layer.

    Examples
    --------
    >>> model = dl.nn.Sequential(dl.nn.Linear(3, 2), dl.nn.ReLU())
    >>> dl.nn.summary(model, (5, 3))
    layer  kind    output  parameters  FLOPs
    ----------------------------------------
    0      Linear  (5, 2)           8     60
    1      ReLU    (5, 2)           0      0
    ----------------------------------------
    total                           8     60
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
    """List the modules that compute a layer's weights. They count as part of the layer, not as layers of the model."""
    return [made for name, made in m.named_children() if name == "parametrizations"]


def _inside(m: Module) -> list[Module]:
    """List the layers directly inside a layer."""
    return [inner for name, inner in m.named_children() if name != "parametrizations"]


def _own(m: Module) -> list[Parameter]:
    """List a layer's parameters without those of layers inside it."""
    return [*m.parameters(recurse=False), *(p for made in _weights(m) for p in made.parameters())]


def _shapes(y: Any) -> str:
    """Format the shape of a tensor, or of each in a tuple."""
    if isinstance(y, (tuple, list)):
        return ", ".join(_shapes(v) for v in y)
    return str(tuple(y.shape)) if hasattr(y, "shape") else type(y).__name__


Module._summarize = staticmethod(summary)
