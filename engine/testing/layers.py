"""The table of layers, for the op table and the comparison with PyTorch: a row says how a layer is made and called.

    layer("Conv2d", 4, 6, 3, inputs=[normal(2, 4, 7, 6)], padding="same")

Arguments and settings go to the constructor. Among them, a function is called with the namespace (dlengine's nn or
torch.nn) and returns a layer, and a list becomes a tensor. Inputs are those of forward; lists become tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import nn
from ..ops.conversion import asarray
from .arguments import Arg, normal
from .calls import seeded
from .table import Sample

LAYERS: list[LayerRow] = []
"""All rows in order; the rows of one layer are numbered."""


@dataclass(frozen=True)
class LayerRow:
    """How a layer is made and called.

    peer: whether PyTorch has it with the same name and arguments. check: whether its gradient is the derivative of its
    value. call: keyword arguments of forward. prepare: "log_softmax" if that is applied to the first input.
    """

    name: str
    number: int
    args: tuple[Any, ...]
    settings: Mapping[str, Any]
    inputs: tuple[Any, ...]
    call: Mapping[str, Any]
    peer: bool
    check: bool
    prepare: str

    @property
    def id(self) -> str:
        """The name of the row."""
        return f"{self.name}-{self.number}"

    def build(self, namespace: Any = nn, tensor: Callable[[Any], Any] = asarray) -> Any:
        """Make the layer, with dlengine's nn or torch.nn."""

        def value(v: Any) -> Any:
            return tensor(v) if isinstance(v, list) else v(namespace) if callable(v) else v

        settings = {k: value(v) for k, v in self.settings.items()}
        return getattr(namespace, self.name)(*map(value, self.args), **settings)

    def sample(self) -> Sample:
        """Make a sample of the op table, whose arguments are the inputs and then the parameters."""
        with seeded():
            made = self.build()
        parameters = [normal(*p.shape, scale=0.4) for p in made.parameters()]
        return Sample((*self.inputs, *parameters), {"number": self.number}, self.check, self.id)

    def run(self, *tensors: Any) -> Any:
        """Call the layer on inputs with these tensors as its parameters."""
        inputs, values = tensors[: len(self.inputs)], tensors[len(self.inputs) :]
        with seeded():
            made = self.build()
        first = next((t for t in _flat(tensors) if hasattr(t, "dtype") and t.dtype.kind == "f"), None)
        if first is not None:
            made.to(first.device, str(first.dtype))
        for (owner, name), t in zip(_places(made), values, strict=True):
            owner.__dict__[name] = t
        x = [tuple(t) if isinstance(t, list) else t for t in inputs]
        if self.prepare:
            scores: Any = x[0]
            x[0] = nn.functional.log_softmax(scores, axis=-1)
        return made(*x, **self.call)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [v for part in values for v in (_flat(part) if isinstance(part, (list, tuple)) else [part])]


def _places(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """The owner and the attribute name of each parameter, in the order of parameters()."""
    modules = dict(module.named_modules())
    found = []
    for path, _ in module.named_parameters():
        owner, _, name = path.rpartition(".")
        found.append((modules[owner], name))
    return found


def layer(
    name: str, *args: Any, inputs: Sequence[Any], call: Mapping[str, Any] | None = None, peer: bool = True, check: bool = True,
    prepare: str = "", **settings: Any,
) -> None:  # fmt: skip
    """Add a row."""
    number = sum(row.name == name for row in LAYERS)
    LAYERS.append(LayerRow(name, number, args, settings, tuple(inputs), call or {}, peer, check, prepare))


def loss(name: str, *inputs: Arg | list[Any] | tuple[Any, ...], prepare: str = "", peer: bool = True, **settings: Any) -> None:
    """Add a loss with each of its reductions."""
    for reduction in ("none", "mean", "sum"):
        layer(name, inputs=inputs, prepare=prepare, peer=peer, reduction=reduction, **settings)
