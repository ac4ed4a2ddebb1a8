"""Backward hooks of modules: functions that see the gradients of a module's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...autograd.hooks import Handle
from ..names.core import is_tensor, own, refuse
from ..names.engine import dl

Hook = Callable[..., Any]


def register(module: Any, kind: str, hook: Hook) -> Handle:
    """Note a hook in the module; kind: "_backward_hooks" or "_backward_pre_hooks"."""
    return Handle(module.__dict__.setdefault(kind, {}), hook)


class _Pass:
    """One call of a module with hooks, and the gradients that a backward walk has brought to its ends so far."""

    def __init__(self, module: Any, arguments: int) -> None:
        self.module, self.arguments = module, arguments
        self.outputs: list[Any] = []
        self.at_inputs: dict[int, Any] = {}
        self.at_outputs: dict[int, Any] = {}
        self.inputs: list[int] = []

    def input(self, i: int, x: Any) -> Any:
        """The argument as the module gets it: the same values, with a place in the graph of their own."""
        self.inputs.append(i)
        x = own(dl.clone(x))
        x.register_hook(lambda g: self._reached_input(i, g))
        return x

    def output(self, i: int, y: Any) -> None:
        """Watch a result."""
        self.outputs.append(i)
        y.register_hook(lambda g: self._reached_output(i, g))

    def _reached_output(self, i: int, g: Any) -> Any:
        for hook in tuple(self.module.__dict__.get("_backward_pre_hooks", {}).values()):
            changed = hook(self.module, (g,))
            if changed is not None:
                g = changed[0] if isinstance(changed, tuple) else changed
        self.at_outputs[i] = g
        if not self.inputs and len(self.at_outputs) == len(self.outputs):
            self._call()
        return g

    def _reached_input(self, i: int, g: Any) -> Any:
        self.at_inputs[i] = g
        return self._call().get(i) if len(self.at_inputs) == len(self.inputs) else None

    def _call(self) -> dict[int, Any]:
        """Call the hooks with all gradients; what they put in the place of those of the inputs."""
        entered = tuple(self.at_inputs.get(i) for i in range(self.arguments))
        left = tuple(self.at_outputs.get(i) for i in range(max(self.outputs, default=-1) + 1))
        self.at_inputs, self.at_outputs = {}, {}
        changed: dict[int, Any] = {}
        for hook in tuple(self.module.__dict__.get("_backward_hooks", {}).values()):
            given = hook(self.module, entered, left)
            if given is None:
                continue
            if len(self.inputs) > 1:
                why = "a hook may replace the gradient of one input, not of several"
                raise refuse("nn.Module.register_full_backward_hook", why)
            entered = given if isinstance(given, tuple) else (given,)
            changed = {i: entered[i] for i in self.inputs}
        return changed


def called(module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The results of a module with backward hooks."""
    if not dl.is_grad_enabled():
        return forward(*args, **kwargs)
    one = _Pass(module, len(args))
    given = [one.input(i, a) if is_tensor(a) and a.requires_grad else a for i, a in enumerate(args)]
    y = own(forward(*given, **kwargs))
    for i, part in enumerate(y if isinstance(y, tuple | list) else [y]):
        if is_tensor(part) and part.requires_grad:
            one.output(i, part)
    return y
