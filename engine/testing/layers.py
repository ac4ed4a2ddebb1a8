"""The table of layers: one row says how a layer is made and called. It feeds the op table, and the comparison with PyTorch.

    layer("Conv2d", 4, 6, 3, inputs=[normal(2, 4, 7, 6)], padding="same")

Arguments and settings go to the constructor; a function among them is called with the namespace (dlengine's nn or
torch.nn) and gives a layer, a list becomes a tensor. Inputs are those of forward, lists of them become tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import nn
from ..ops.creation import asarray
from .calls import seeded
from .table import Arg, Sample, normal

LAYERS: list[LayerRow] = []
"""Every row, in order; those of one layer have numbers."""


@dataclass(frozen=True)
class LayerRow:
    """How a layer is made and called.

    peer: whether PyTorch has it, under the same name and arguments. check: whether its gradient is the derivative of its
    value. call: keywords of forward. prepare: "log_softmax" if the first input goes through that before.
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
        """Its name among all rows."""
        return f"{self.name}-{self.number}"

    def build(self, namespace: Any = nn, tensor: Callable[[Any], Any] = asarray) -> Any:
        """The layer, made by a namespace that has PyTorch's names."""

        def value(v: Any) -> Any:
            return tensor(v) if isinstance(v, list) else v(namespace) if callable(v) else v

        settings = {k: value(v) for k, v in self.settings.items()}
        return getattr(namespace, self.name)(*map(value, self.args), **settings)

    def sample(self) -> Sample:
        """The call as a sample of the op table: inputs, then one argument for each parameter."""
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
            x[0] = nn.functional.log_softmax(x[0], axis=-1)
        return made(*x, **self.call)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [v for part in values for v in (_flat(part) if isinstance(part, (list, tuple)) else [part])]


def _places(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """Where each parameter is an attribute, in the order of parameters()."""
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
