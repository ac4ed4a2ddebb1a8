"""The table of operators: a name, the opset since which a meaning holds, and a function of a few lines.

    @operator("Clip", since=11)
    def clip(x, low: Host = None, high: Host = None): ...

Positional parameters are the node's inputs: tensors, or, if they are annotated so, ``Host`` (NumPy arrays) or ``Raw`` (as they
come). Keyword-only parameters are its attributes with ONNX's defaults; many of them are a NamedTuple, given to the decorator and
passed as ``options``. Some names are filled in by the importer: ``opset``, the
version of the operator set; ``outputs``, how many results the node has; ``training``, the mode of the module; ``name``, the node.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import OnnxError

FILLED_IN = frozenset(("opset", "outputs", "training", "name"))


class Operator(NamedTuple):
    """One meaning of an operator."""

    since: int
    function: Callable[..., Any]
    kinds: tuple[str, ...]
    variadic: str | None
    attributes: frozenset[str]
    required: frozenset[str]
    filled_in: frozenset[str]
    folds: bool
    options: Any = None

    def kind(self, k: int) -> str:
        """What input k is taken as: "Tensor", "Host" or "Raw". Raises OnnxError for an input too many."""
        if k < len(self.kinds):
            return self.kinds[k]
        if self.variadic is None:
            raise OnnxError(f"it has more than {len(self.kinds)} inputs")
        return self.variadic


TABLE: dict[tuple[str, str], list[Operator]] = {}
"""All operators by domain and name; "" is ONNX's own domain."""

ON_HOST: dict[str, Callable[..., Any]] = {}
"""How to compute an operator when all its inputs are on the host."""


def operator(
    *names: str, since: int = 1, domain: str = "", folds: bool = True, options: Any = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table.

    options is a NamedTuple class of the attributes. folds says whether the result for constants may be computed when the model is
    loaded: not where it is random, or larger than what it is made of.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters.values()
        kinds = tuple(_kind(p) for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
        variadic = next((_kind(p) for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        keywords = {p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY}
        filled_in = FILLED_IN & set(keywords)
        if options is not None:
            del keywords["options"]
            keywords |= {name: name not in options._field_defaults for name in options._fields}
        named = frozenset(keywords) - FILLED_IN
        required = frozenset(name for name in named if keywords[name])
        entry = Operator(since, function, kinds, variadic, named, required, filled_in, folds, options)
        for name in names:
            TABLE.setdefault((domain, name), []).append(entry)
            TABLE[domain, name].sort(key=lambda e: e.since)
        return function

    return enter


def on_host(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of NumPy arrays that answers when all inputs are on the host; its signature is the operator's."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        ON_HOST.update(dict.fromkeys(names, function))
        return function

    return enter


PREPARED: dict[str, tuple[str, Callable[..., Any]]] = {}
"""Operators whose constant weights are put in order once, where nothing is trained: the operator of the domain "dlengine" that
takes them, and a function of the options and the inputs, as far as they are constant, that gives new ones by number, or None."""


def prepared(name: str, by: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function that puts the constant weights of an operator in order for another one."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        PREPARED[name] = by, function
        return function

    return enter


def _kind(parameter: inspect.Parameter) -> str:
    return parameter.annotation if parameter.annotation in ("Host", "Raw") else "Tensor"


def find(domain: str, name: str, opset: int) -> Operator | None:
    """The meaning of an operator in an opset."""
    found = [entry for entry in TABLE.get((domain, name), ()) if entry.since <= opset]
    return found[-1] if found else None
