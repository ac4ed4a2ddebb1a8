"""A graph compiled to bound calls: attributes read, constants folded, and every value at a numbered place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...autograd.base import no_grad
from ...backend import use_backend
from ...errors import DLEngineError, OnnxError
from .inference import for_inference
from .table import ON_HOST, Operator, find
from .values import dtype_of, host, is_host, is_tensor, library, tensor

_FOLDED_SIZE = 1 << 20
"""Larger constants are not computed while a model is loaded."""


class Frame:
    """The values of one call of a model by place, its mode and device, and the constants that are tensors already."""

    __slots__ = ("device", "tensors", "training", "values")

    def __init__(self, values: Any, training: bool = False, device: str | None = None, tensors: Any = None) -> None:
        self.values, self.training, self.device = values, training, device
        self.tensors: dict[int, Any] = {} if tensors is None else tensors


class Step(NamedTuple):
    """One node: its call, the places of values that nothing reads after it, and its description."""

    call: Call
    frees: list[int]
    text: str


class Names:
    """The places of the names of a graph, and of those around it."""

    def __init__(self, program: Program, outer: Names | None = None) -> None:
        self.program, self.outer = program, outer
        self.places: dict[str, int] = {}

    def new(self, name: str) -> int:
        """A place for a value of this graph."""
        place = self.places[name] = self.program.place()
        return place

    def find(self, name: str) -> int | None:
        """The place of a name, here or around; None if nothing has that name."""
        place = self.places.get(name)
        return self.outer.find(name) if place is None and self.outer is not None else place


class Graph:
    """A graph whose nodes are bound calls; also the body of If, Loop and Scan."""

    def __init__(self, program: Program, proto: Any, outer: Names | None = None) -> None:
        self.program = program
        self.name = proto.name
        self.names = Names(program, outer)
        self.steps: list[Step] = []
        self.readers: Counter[int] = Counter()
        self._reads = Counter(n for node in _nodes(proto) for n in node.input) + Counter(o.name for o in proto.output)
        for initializer in [*proto.initializer, *(s.values for s in proto.sparse_initializer)]:
            if initializer in proto.sparse_initializer:
                raise OnnxError(f"the sparse constant {initializer.name} cannot be read")
            program.constant(self.names.new(initializer.name), initializer)
        given = {i.name for i in proto.initializer}
        self.inputs = [self.names.new(i.name) for i in proto.input if i.name not in given]
        for node in proto.node:
            self._add(node)
        self.outputs = [self._place(o.name, "the graph's outputs") for o in proto.output]
        self._find_last_uses()

    def _place(self, name: str, reader: str) -> int:
        place = self.names.find(name)
        if place is None:
            raise OnnxError(f"{reader} use {name!r}, which no node before makes")
        return place

    # ------------------------------------------------------------------ compiling
    def _add(self, node: Any) -> None:
        """Append the call of a node, or compute it now if everything in it is constant."""
        program, text = self.program, described(node)
        domain = "" if node.domain == "ai.onnx" else node.domain
        opset = program.opsets.get(domain, 0)
        entry = find(domain, node.op_type, opset)
        if entry is None:
            raise unsupported(node, domain, opset)
        attributes, bodies = self._attributes(node, entry)
        missing = entry.required - set(attributes) - set(bodies)
        if missing:
            raise OnnxError(f"{text}: the attribute {min(missing)!r} is missing")
        if entry.options is not None:
            attributes = {"options": entry.options(**attributes)}
        fixed: dict[str, Any] = {"opset": opset, "outputs": len(node.output), "name": node.name}
        attributes |= {key: fixed[key] for key in entry.filled_in if key in fixed}
        inputs = [self._place(name, text) if name else -1 for name in node.input]
        outputs = [self.names.new(name) if name else -1 for name in node.output]
        self.readers.update({place: self._reads[name] for place, name in zip(outputs, node.output, strict=True) if name})
        try:
            call = Call((domain, node.op_type, opset), attributes, bodies, inputs, outputs)
        except OnnxError as error:
            raise OnnxError(f"{text}: {error}") from None
        if not program.trainable:
            call = for_inference(self, call)
        call.constant = [i in program.constants for i in call.inputs]
        constant = all(i < 0 or i in program.constants for i in call.inputs) and not bodies and entry.folds
        if not (constant and program.fold(call)):
            self.steps.append(Step(call, [], text))

    def _attributes(self, node: Any, entry: Operator) -> tuple[dict[str, Any], dict[str, Graph]]:
        """The attributes of a node as keyword arguments, and its compiled bodies."""
        onnx = library()
        plain: dict[str, Any] = {}
        bodies: dict[str, Graph] = {}
        for attribute in node.attribute:
            name = attribute.name
            if name not in entry.attributes:
                if name in _WITHOUT_EFFECT:
                    continue
                raise OnnxError(f"{described(node)}: the attribute {name!r} is not known")
            if attribute.type == onnx.AttributeProto.GRAPH:
                bodies[name] = Graph(self.program, attribute.g, self.names)
                continue
            value = onnx.helper.get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode()
            elif isinstance(value, list) and value and isinstance(value[0], bytes):
                value = [v.decode() for v in value]
            elif isinstance(value, onnx.TensorProto):
                value = self.program.array(value)
            plain[name] = list(value) if attribute.type in _LISTS else value
        return plain, bodies

    def _find_last_uses(self) -> None:
        """Let each value of this graph go after the last step that reads it."""
        mine = set(self.names.places.values()) - set(self.outputs) - set(self.program.constants) - set(self.program.weights)
        for step in reversed(self.steps):
            places = step.call.reads() & mine
            step.frees.extend(places)
            mine -= places

    # ------------------------------------------------------------------ running
    def run(self, frame: Frame, arguments: list[Any]) -> list[Any]:
        """Compute the outputs; a body of If, Loop or Scan shares the frame of the model."""
        values = frame.values
        for place, value in zip(self.inputs, arguments, strict=False):
            values[place] = value
        for step in self.steps:
            try:
                step.call.run(frame)
            except DLEngineError as error:
                if not hasattr(error, "__notes__"):
                    error.add_note(f"in the ONNX model's {step.text}")
                raise
            for place in step.frees:
                values[place] = None
        return [values[place] for place in self.outputs]


_LISTS = frozenset((6, 7, 8, 9, 10, 11, 12, 14))
_WITHOUT_EFFECT = frozenset(("consumed_inputs", "broadcast_hint", "layout_hint"))


class Call:
    """An operator with its attributes and the places of its inputs and outputs."""

    def __init__(
        self, key: tuple[str, str, int], attributes: dict[str, Any], bodies: dict[str, Graph], inputs: list[int],
        outputs: list[int],
    ) -> None:  # fmt: skip
        self.key, self.attributes, self.bodies, self.inputs, self.outputs = key, attributes, bodies, inputs, outputs
        self.constant = [False] * len(inputs)
        self._bind()

    def _bind(self) -> None:
        """Look the operator up."""
        entry = find(*self.key)
        if entry is None:
            raise OnnxError(f"the operator {self.key[1]} is not supported")
        self.function, self.by_host = entry.function, None if self.key[0] else ON_HOST.get(self.key[1])
        self.kinds = [entry.kind(k) for k in range(len(self.inputs))]
        self.follows_mode = "training" in entry.filled_in

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("function", "by_host", "kinds", "follows_mode")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()

    def reads(self) -> set[int]:
        """The places that it reads, those of its bodies among them."""
        places = {i for i in self.inputs if i >= 0}
        for body in self.bodies.values():
            places |= {i for step in body.steps for i in step.call.reads()} | set(body.outputs)
        return places

    def result(self, frame: Frame) -> Any:
        """Call the operator; one value or a tuple of them."""
        values = [frame.values[i] if i >= 0 else None for i in self.inputs]
        attributes = self.attributes
        if self.follows_mode:
            attributes = {**attributes, "training": frame.training}
        if self.bodies:
            attributes = {**attributes, **{name: Body(body, frame) for name, body in self.bodies.items()}}
        if self.by_host is not None and all(v is None or is_host(v) for v in values):
            return self.by_host(*values, **attributes)
        for k, kind in enumerate(self.kinds):
            value = values[k]
            if kind == "Tensor" and is_host(value):
                place = self.inputs[k]
                known = frame.tensors.get(place) if self.constant[k] else None
                values[k] = tensor(value, frame.device) if known is None else known
                if self.constant[k]:
                    frame.tensors[place] = values[k]
            elif kind == "Host":
                values[k] = host(value)
        return self.function(*values, **attributes)

    def run(self, frame: Frame) -> None:
        """Call the operator and put the results where they belong."""
        found, outputs, values = self.result(frame), self.outputs, frame.values
        if not isinstance(found, tuple):
            if outputs[0] >= 0:
                values[outputs[0]] = found
            return
        for place, value in zip(outputs, found, strict=False):
            if place >= 0:
                values[place] = value


class Body:
    """The body of If, Loop or Scan, to be called with values."""

    def __init__(self, graph: Graph, frame: Frame) -> None:
        self.graph, self.frame = graph, frame

    def __call__(self, *arguments: Any) -> list[Any]:
        return self.graph.run(self.frame, list(arguments))


class Program:
    """All graphs of a model with the places of their values, its constants and its weights."""

    unchanging: ClassVar = True  # once made, so captured steps need not look whether it has changed

    def __init__(self, model: Any, arrays: Mapping[str, np.ndarray[Any, Any]], trainable: bool = True) -> None:
        self.opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
        self.places = 0
        self.constants: dict[int, Any] = {}
        self.weights: dict[int, str] = {}
        self._arrays = arrays
        self.trainable = trainable
        self._trained, self.statistics = trained_names(model) if trainable else ({}, set())
        self.graph = Graph(self, model.graph)
        self._blank: list[Any] = [self.constants.get(place) for place in range(self.places)]

    def blank(self) -> list[Any]:
        """The values at the start of a call: the constants at their places."""
        return self._blank.copy()

    def held(self, value: np.ndarray[Any, Any]) -> int:
        """The place of one more constant."""
        place = self.place()
        self.constants[place] = value
        return place

    def place(self) -> int:
        """A place for one more value."""
        self.places += 1
        return self.places - 1

    def array(self, proto: Any) -> np.ndarray[Any, Any]:
        """The values of a constant."""
        if proto.name in self._arrays and not proto.raw_data and proto.data_location == 1:
            return self._arrays[proto.name]
        return array_of(proto)

    def constant(self, place: int, proto: Any) -> None:
        """Enter an initializer: a weight or a constant."""
        value = self._arrays[proto.name] if proto.name in self._arrays else array_of(proto)
        if proto.name in self._trained or proto.name in self.statistics:
            self.weights[place] = proto.name
            self._trained[proto.name] = value
        else:
            self.constants[place] = value

    @property
    def trained(self) -> dict[str, Any]:
        """The weights by name."""
        return self._trained

    def fold(self, call: Call) -> bool:
        """Compute a call of constants; False if that has to wait."""
        values = [self.constants[i] if i >= 0 else None for i in call.inputs]
        if sum(getattr(v, "size", _FOLDED_SIZE) for v in values if v is not None) > _FOLDED_SIZE:
            return False
        frame = Frame(self.constants)
        try:
            with use_backend("numpy"), no_grad():
                found = call.result(frame)
        except DLEngineError:
            return False  # raised again when the model is called, if that part of it is
        results = [host(v) if is_tensor(v) else v for v in (found if isinstance(found, tuple) else (found,))]
        if not all(is_host(v) for v in results[: len(call.outputs)]):
            return False
        for place, value in zip(call.outputs, results, strict=False):
            if place >= 0:
                self.constants[place] = value
        return True


WEIGHTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (0, 1, 2), "MatMul": (0, 1), "BatchNormalization": (1, 2),
    "InstanceNormalization": (1, 2), "LayerNormalization": (1, 2), "GroupNormalization": (1, 2), "RMSNormalization": (1,),
    "SimplifiedLayerNormalization": (1,), "LSTM": (1, 2, 3, 7), "GRU": (1, 2, 3), "RNN": (1, 2, 3), "PRelu": (1,),
    "DeformConv": (1, 3),
}  # fmt: skip
"""Inputs that are weights whatever their size; elsewhere a constant of one number is none."""

_STATISTICS = {"BatchNormalization": (3, 4)}


def trained_names(model: Any) -> tuple[dict[str, Any], set[str]]:
    """Names of the initializers that are weights, floating and read by operators as tensors, and of those that are statistics."""
    sizes: dict[str, int] = {}
    found: dict[str, Any] = {}
    statistics: set[str] = set()
    opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    rest = [model.graph]
    nodes = []
    while rest:
        graph = rest.pop()
        for i in graph.initializer:
            if i.data_type in (1, 10, 11, 16):
                sizes[i.name] = int(np.prod(i.dims, dtype=object)) if i.dims else 1
        nodes += graph.node
        rest += [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    for node in nodes:
        domain = "" if node.domain == "ai.onnx" else node.domain
        entry = find(domain, node.op_type, opsets.get(domain, 0))
        for k, name in enumerate(node.input):
            if name not in sizes or entry is None:
                continue
            if k in _STATISTICS.get(node.op_type, ()):
                statistics.add(name)
                continue
            taken = k >= len(entry.kinds) or entry.kinds[k] == "Tensor"
            if k in WEIGHTS.get(node.op_type, ()) or (taken and sizes[name] > 1):
                found[name] = None
    return {name: None for name in found if name not in statistics}, statistics


def _nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph and of the graphs in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def array_of(proto: Any) -> np.ndarray[Any, Any]:
    """The values of a TensorProto; strings as objects."""
    if proto.data_type == 8:
        return np.array([s.decode() for s in proto.string_data], object).reshape(tuple(proto.dims))
    if proto.data_location == 1:
        raise OnnxError(f"the values of {proto.name!r} lie in another file")
    array: np.ndarray[Any, Any] = library().numpy_helper.to_array(proto)
    wanted = dtype_of(proto.data_type)
    if array.dtype != wanted:
        array = array.view(wanted) if array.dtype.itemsize == wanted.itemsize else array.astype(wanted)
    return array


def described(node: Any) -> str:
    """A node in words."""
    name = f" {node.name!r}" if node.name else f" that makes {node.output[0]!r}" if node.output else ""
    return f"node {node.op_type}{name}"


def unsupported(node: Any, domain: str, opset: int) -> OnnxError:
    """The error for an operator that is not in the table."""
    place = f"domain {domain!r}, " if domain else ""
    return OnnxError(f"{described(node)}: the operator {node.op_type} ({place}opset {opset}) is not supported")
