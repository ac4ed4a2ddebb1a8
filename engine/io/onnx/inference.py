"""Models whose weights are constants: batch norms go into the convolutions before them, and weights are put in order once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .table import PREPARED

if TYPE_CHECKING:
    from .program import Call, Graph, Program


def for_inference(graph: Graph, call: Call) -> Call:
    """The call with its constant weights in order, or in place of the convolution before it that it is folded into."""
    domain, name, _ = call.key
    program = graph.program
    given = _given(program, call)
    make = type(call)
    if domain == "" and name in PREPARED:
        other, put = PREPARED[name]
        weights = put(call.attributes["options"], given)
        if weights is not None:
            places = {k: program.held(w) for k, w in weights.items()}
            inputs = [places.get(k, i) for k, i in enumerate(call.inputs)]
            return make(("dlengine", other, 1), call.attributes, call.bodies, inputs, call.outputs)
    before = graph.steps[-1].call if graph.steps else None
    follows = before is not None and before.key[:2] == ("", "Conv") and before.outputs == call.inputs[:1]
    if before is None or not follows or (domain, name) != ("", "BatchNormalization") or graph.readers[call.inputs[0]] != 1:
        return call
    folded = folded_weights(_given(program, before), given[1:], call.attributes["options"])
    if folded is None:
        return call
    graph.steps.pop()
    inputs = [before.inputs[0], *map(program.held, folded)]
    return make(before.key, before.attributes, before.bodies, inputs, call.outputs[:1])


def _given(program: Program, call: Call) -> list[Any]:
    """The constants among the inputs, None for those that are absent, and ... for those that are computed."""
    return [None if i < 0 else program.constants.get(i, ...) for i in call.inputs]


def folded_weights(conv: list[Any], norm: list[Any], options: Any) -> tuple[Any, Any] | None:
    """Weight and bias of a convolution that does what follows it too, a batch norm of the mean and variance that it holds."""
    weight: Any = conv[1]
    bias: Any = conv[2] if len(conv) > 2 else None
    needed = [weight, *norm[:4], *([] if bias is None else [bias])]
    if not all(isinstance(v, np.ndarray) and v.dtype in (np.float32, np.float64) for v in needed):
        return None
    if options.training_mode or not options.spatial:
        return None
    bias = 0.0 if bias is None else bias
    scale, shift, mean, variance = (v.astype(np.float64) for v in norm[:4])
    factor = scale / np.sqrt(variance + options.epsilon)
    wide = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    return wide.astype(weight.dtype), ((bias - mean) * factor + shift).astype(weight.dtype)
