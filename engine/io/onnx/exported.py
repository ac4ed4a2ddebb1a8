"""Writing a network as an ONNX model: recorded at several sizes, written as nodes, checked, and run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...autograd.base import TensorBase, no_grad
from ...errors import DLEngineError, OnnxError
from ...nn import Module
from ...ops.conversion import asarray
from ...recording.instructions import values_in
from ..files import write_atomically
from .exporting import layers
from .exporting.graph import Emitter
from .exporting.merging import Merged, Vary
from .exporting.runs import Run, Span, run
from .exporting.table import PRIMITIVES
from .values import library

OPSETS = range(18, 24)


def save(
    model: Callable[..., Any],
    inputs: Any,
    path: str | Path,
    *,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    opset: int = 18,
    output_names: Sequence[str] | None = None,
    verify: bool = True,
) -> None:
    """Write a network as an ONNX model, which other programs run.

    The network is run at several sizes of the dynamic axes and what it calls is recorded; numbers that differ are computed in the
    graph. A module is written in evaluation mode. The file is checked by the package onnx, and run by onnxruntime where it is
    installed, else by onnx itself: its outputs must agree with those of the network. Random numbers, as those of a variational
    autoencoder, are drawn by the runtime; of outputs that depend on them, the shapes are compared.

    Parameters
    ----------
    model : Module or callable
        The network; it takes and returns tensors.
    inputs : Tensor or tuple of Tensor
        Examples of its inputs, as it is called with them; parts may be None, or tuples of tensors, such as the state of an LSTM.
    path : str or Path
        The file.
    dynamic : dict of str to dict of int to str, optional
        For inputs by name (those of ``forward``) the axes that may have any size, and what they are called, as
        ``{"x": {0: "batch", 1: "time"}}``. Axes of one name have one size. By default the first axis of all inputs is
        ``"batch"``, where they agree in it; ``{}`` is for none.
    opset : int
        The version of ONNX's operators, 18 to 23.
    output_names : sequence of str, optional
        Names of the outputs; by default ``output`` or ``output_0`` and so on.
    verify : bool
        Whether the outputs of the file are compared with those of the network.

    Raises
    ------
    OnnxError
        If the network does something that a graph cannot say; the message names the call and the line.
    BackendUnavailable
        If the package onnx is not installed.

    Examples
    --------
    >>> model = dl.nn.Sequential(dl.nn.Linear(3, 2), dl.nn.ReLU())
    >>> dl.io.onnx.save(model, dl.zeros((1, 3)), "model.onnx")
    >>> dl.io.onnx.load("model.onnx")(dl.ones((5, 3))).shape
    (5, 2)
    """
    onnx = library()
    if opset not in OPSETS:
        raise OnnxError(f"save: opset must be from {OPSETS.start} to {OPSETS.stop - 1}, got {opset}")
    examples = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    leaves: dict[str, Any] = {}
    tree = [_placed(part, name, leaves) for part, name in zip(examples, _input_names(model, len(examples)), strict=True)]
    if not leaves:
        raise OnnxError("save: inputs must be a tensor or a tuple of tensors, such as the network is called with")
    names, arrays = list(leaves), list(leaves.values())

    def call(*tensors: Any) -> Any:
        return model(*_filled(tree, dict(zip(names, tensors, strict=True))))

    axes = _axes(dynamic, names, arrays)
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    try:
        if isinstance(model, Module):
            model.eval()
        weights = _weights(model)
        merged, settings = _recorded(model, call, leaves, axes)
        proto = _written(merged, names, axes, weights, opset, output_names)
        onnx.checker.check_model(proto, full_check=True)
        if verify:
            _verify(proto, call, settings, names)
    finally:
        for m, mode in modes:
            m.training = mode
    write_atomically(path, proto.SerializeToString())


# ---------------------------------------------------------------------- inputs and sizes
def _placed(part: Any, name: str, leaves: dict[str, Any]) -> Any:
    """A nest of examples with names in place of the tensors, whose arrays go to leaves."""
    if isinstance(part, TensorBase):
        leaves[name] = part.numpy_copy()  # type: ignore[attr-defined]
        return _Leaf(name)
    if isinstance(part, tuple | list):
        return type(part)(_placed(p, f"{name}_{k}", leaves) for k, p in enumerate(part))
    if part is not None:
        raise OnnxError(f"save: inputs must be a tensor or a tuple of tensors, got a {type(part).__name__} for {name}")
    return None


def _filled(tree: Any, tensors: Mapping[str, Any]) -> Any:
    """A nest with tensors in place of their names."""
    if isinstance(tree, _Leaf):
        return tensors[tree]
    return type(tree)(_filled(t, tensors) for t in tree) if isinstance(tree, tuple | list) else tree


class _Leaf(str):
    """The name of a tensor in a nest of inputs."""


def _input_names(model: Any, count: int) -> list[str]:
    """The names of the arguments of forward."""
    function = model.forward if isinstance(model, Module) else model
    found: list[str] = []
    try:
        for p in inspect.signature(function).parameters.values():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                found.append(p.name)
    except (TypeError, ValueError):
        pass
    return [found[k] if k < len(found) else f"input_{k}" for k in range(count)]


def _axes(dynamic: Any, names: list[str], arrays: list[Any]) -> dict[str, dict[int, str]]:
    """The dynamic axes of every input, counted from the front."""
    if dynamic is None:
        first = {a.shape[0] if a.ndim else None for a in arrays}
        return {name: {0: "batch"} for name in names} if len(first) == 1 and None not in first else {}
    ranks = dict(zip(names, (a.ndim for a in arrays), strict=True))
    for name, axes in dynamic.items():
        if name not in ranks:
            raise OnnxError(f"save: dynamic names an input {name!r}; the inputs are {', '.join(names)}")
        if any(not -ranks[name] <= axis < ranks[name] for axis in axes):
            raise OnnxError(f"save: the input {name} has {ranks[name]} axes, dynamic names {sorted(axes)}")
    return {name: {axis % ranks[name]: label for axis, label in axes.items()} for name, axes in dynamic.items()}


def _resized(array: Any, name: str, axes: Mapping[str, Mapping[int, str]], sizes: Mapping[str, int]) -> Any:
    """An example at other sizes: its own values, repeated or cut."""
    for axis, label in axes.get(name, {}).items():
        array = np.take(array, np.arange(sizes[label]) % array.shape[axis], axis=axis)
    return array


def _recorded(
    model: Any, call: Callable[..., Any], leaves: Mapping[str, Any], axes: Mapping[str, Mapping[int, str]]
) -> tuple[Merged, list[list[Any]]]:
    """Recordings at the example's sizes, with each axis changed, and with all of them; and the inputs of each."""
    base: dict[str, int] = {}
    for name, array in leaves.items():
        for axis, label in axes.get(name, {}).items():
            if base.setdefault(label, array.shape[axis]) != array.shape[axis]:
                raise OnnxError(f"save: the axes called {label!r} have the sizes {base[label]} and {array.shape[axis]}")
    base = {label: max(size, 2) for label, size in base.items()}
    runs: list[Run] = []
    settings: list[list[Any]] = []

    def attempt(changes: Mapping[str, int]) -> bool:
        sizes = {label: size + changes.get(label, 0) for label, size in base.items()}
        given = [_resized(a, n, axes, sizes) for n, a in leaves.items()]
        try:
            runs.append(run(model, given, call))
        except OnnxError:
            raise
        except DLEngineError:
            if not changes:
                raise
            return False
        settings.append(given)
        return True

    attempt({})
    steps = (1, -1, 2, 4, -2, 8)
    found: dict[str, int] = {}
    for label, size in base.items():
        usable = [s for s in steps if size + s > 0]
        step = next((s for s in usable if attempt({label: s})), None)
        if step is None:
            raise OnnxError(f"save: the network takes no other size than {size} for {label!r}; leave it out of dynamic")
        found[label] = step
    if base and not attempt({label: 2 * s if base[label] + 2 * s > 0 else s for label, s in found.items()}):
        attempt({label: s for label, s in found.items()})
    return Merged(runs), settings


def _weights(model: Any) -> dict[int, str]:
    """The names of parameters and buffers, by array."""
    if not isinstance(model, Module):
        return {}
    found: dict[int, str] = {}
    for name, t in (*model.named_parameters(), *model.named_buffers()):
        found.setdefault(id(t.array), name)
    return found


# ---------------------------------------------------------------------- writing
def _written(
    merged: Merged, names: list[str], axes: Mapping[str, Mapping[int, str]], weights: dict[int, str], opset: int,
    output_names: Any,
) -> Any:  # fmt: skip
    """The model of recordings."""
    first = merged.runs[0]
    emitter = Emitter(merged, names, weights, opset)
    needed = emitter.needed(first)
    spans = {s.begin: s for s in reversed(first.spans) if s.end > s.begin}
    k = 0
    while k < len(first.calls):
        span = spans.get(k)
        if span is not None:
            name = _layer(emitter, span, merged)
            if name is not None:
                emitter.bind(span.result, name)
                k = span.end
                continue
        if needed[k]:
            _call(emitter, k, _path(first.spans, k))
        else:
            merged.align(k)
        k += 1
    results = [emitter.name(value) for value, _ in first.outputs]
    default = ["output"] if len(results) == 1 else [f"output_{j}" for j in range(len(results))]
    finals = list(output_names or default)
    if len(finals) != len(results):
        raise OnnxError(f"save: output_names has {len(finals)} names, the network has {len(results)} outputs")
    nodes = list(emitter.nodes)
    nodes += [emitter.onnx.helper.make_node("Identity", [r], [f]) for r, f in zip(results, finals, strict=True)]
    return _model(emitter, nodes, names, finals, axes)


def _path(spans: list[Span], k: int) -> str:
    """The innermost module that call number k belongs to."""
    inside = [s for s in spans if s.begin <= k < s.end]
    return inside[-1].path if inside else ""


def _layer(emitter: Emitter, span: Span, merged: Merged) -> str | None:
    """One node for a whole module, if there is one; its calls are still read for the sizes of what they make."""
    emitter.path = span.path
    name = layers.whole_layer(emitter, span)
    if name is not None:
        for k in range(span.begin, span.end):
            merged.align(k)
    return name  # type: ignore[no-any-return]


def _call(emitter: Emitter, k: int, path: str) -> None:
    """Write one call."""
    call, args, consts = emitter.merged.arguments(k)
    emitter.path = path
    for value in values_in((args, tuple(consts.values()))):
        emitter.hold(value)
    if emitter.fold(call, args, consts):
        return
    emitter.call = call.name
    write = PRIMITIVES.get(call.name)
    try:
        if write is None:
            raise OnnxError("it has no counterpart in ONNX")
        outs = call.outs or list(call.writes)
        found = write(emitter, outs, *args, **consts)
    except OnnxError as error:
        raise OnnxError(f"{call.where or path or 'the network'}: {call.name}: {error}") from None
    found = found if isinstance(found, list) else [found]
    if call.writes:
        emitter.written(call.writes[0], found[0])
    for value, name in zip(call.outs, found, strict=False):
        if name and value not in call.writes:
            emitter.bind(value, name)


def _model(emitter: Emitter, nodes: list[Any], names: list[str], finals: list[str], axes: Mapping[str, Mapping[int, str]]) -> Any:
    """The graph with what leads to its outputs, and its inputs and outputs with their shapes."""
    helper = emitter.onnx.helper
    needed, kept = set(finals), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    merged = emitter.merged
    inputs = []
    labels: dict[Any, str] = {}
    for value, name in zip(merged.runs[0].inputs, names, strict=True):
        shape = [axes.get(name, {}).get(k, n) for k, n in enumerate(value.shape or ())]
        labels |= {size: label for size, label in zip(merged.shape(value), shape, strict=True) if isinstance(size, Vary)}
        inputs.append(helper.make_tensor_value_info(name, emitter.type_of(value.dtype), shape))
    outputs = []
    for (value, _), name in zip(merged.runs[0].outputs, finals, strict=True):
        shape = [labels.get(n) if isinstance(n, Vary) else n for n in merged.shape(value)]
        outputs.append(helper.make_tensor_value_info(name, emitter.type_of(value.dtype), shape))
    constants = [emitter.onnx.numpy_helper.from_array(a, n) for n, a in emitter.initializers.items() if n in needed]
    graph = helper.make_graph(kept[::-1], "network", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", emitter.opset)], producer_name="dlengine")
    model.ir_version = 8 if emitter.opset < 19 else 9 if emitter.opset < 21 else 10 if emitter.opset < 23 else 11
    return model


# ---------------------------------------------------------------------- checking
def _verify(proto: Any, model: Any, settings: list[list[Any]], names: list[str]) -> None:
    """Run the file at all recorded sizes and compare; of what depends on random numbers the shapes. Raises OnnxError."""
    content, drawn = proto.SerializeToString(), set[str]()
    for node in proto.graph.node:
        if node.op_type.startswith("Random") or drawn.intersection(node.input):
            drawn.update(node.output)
    for given in settings:
        with no_grad():
            wanted = model(*(asarray(a) for a in given))
        flat = [t for t in _flat(wanted) if isinstance(t, TensorBase)]
        found = _judge(content, proto, dict(zip(names, given, strict=True)))
        for k, (a, t) in enumerate(zip(found, flat, strict=True)):
            b = t.numpy_copy()  # type: ignore[attr-defined]
            if proto.graph.output[k].name in drawn:
                a = b if a.shape == b.shape and a.dtype == b.dtype else a
            loose = {"float16": 1e-2, "bfloat16": 1e-1, "float64": 1e-9}.get(b.dtype.name, 1e-4)
            if a.shape != b.shape or not np.allclose(a, b, rtol=loose, atol=loose * max(1.0, float(np.abs(b).max(initial=0)))):
                far = float(np.abs(a - b).max()) if a.shape == b.shape and b.dtype.kind == "f" else "shapes or values differ"
                raise OnnxError(f"save: output {k} of the written model differs from the network's ({far}); please report this")


def _judge(content: bytes, proto: Any, given: dict[str, Any]) -> list[Any]:
    """The outputs of a model by onnxruntime, else by onnx itself."""
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads, options.inter_op_num_threads = 3, 1, 1
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return list(session.run(None, {i.name: given[i.name] for i in session.get_inputs()}))
    from onnx.reference import ReferenceEvaluator

    return list(ReferenceEvaluator(proto).run(None, given))


def _flat(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return [t for value in result.values() for t in _flat(value)]
    if isinstance(result, list | tuple):
        return [t for value in result for t in _flat(value)]
    return [result]
