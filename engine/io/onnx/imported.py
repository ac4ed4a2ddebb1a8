"""ImportedModel: an ONNX graph as a module, with its weights as parameters."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ... import nn
from ..._tensor import Tensor
from ...autograd.base import TensorBase
from ...errors import OnnxError
from ...ops.conversion import asarray
from ..files import must_be_regular, reading
from . import operators as operators
from .program import Frame, Program
from .table import find
from .values import dtype_of, is_plain, library

_OWN = ("_program", "_weights", "_tensors", "input_names", "output_names")


class ImportedModel(nn.Module):
    """A network that was read from an ONNX file; made by ``dl.io.onnx.load``.

    Its floating weights are parameters under the names of the file, so it can be trained, saved and moved like any other module.
    A new model is in evaluation mode; after ``train()``, dropout and batch statistics work as in ``nn.Dropout`` and
    ``nn.BatchNorm2d``.

    Parameters
    ----------
    program : Program
        The compiled graph.
    input_names : list of str
        The names of the inputs.
    output_names : list of str
        The names of the outputs.

    Examples
    --------
    >>> onnx = __import__("onnx")
    >>> graph = onnx.parser.parse_model('''<ir_version: 8, opset_import: ["": 18]>
    ... double (float[n] x) => (float[n] y) { y = Add(x, x) }''')
    >>> onnx.save(graph, "double.onnx")
    >>> dl.io.onnx.load("double.onnx")(dl.asarray([1.0, 2.0]))
    tensor([2., 4.])
    """

    training = False

    def __init__(self, program: Any, input_names: list[str], output_names: list[str]) -> None:
        self.input_names, self.output_names = tuple(input_names), tuple(output_names)
        self._program = program
        self._weights: tuple[tuple[int, nn.Module, str], ...] = tuple(
            (place, *self._register(name, program.trained[name])) for place, name in program.weights.items()
        )
        self._tensors: dict[str | None, dict[int, Tensor]] = {}
        self.training = False

    def _register(self, name: str, value: np.ndarray[Any, Any]) -> tuple[nn.Module, str]:
        """Enter a weight under its name, in which dots separate modules; where it is, as a module and an attribute."""
        module: nn.Module = self
        *path, last = [_attribute(part) for part in name.split(".")]
        for part in path:
            inner = module.__dict__.get(part)
            if inner is None:
                inner = nn.Module()
                setattr(module, part, inner)
            elif not isinstance(inner, nn.Module):
                module, last = self, _attribute(name.replace(".", "_"))
                break
            module = inner
        while last in module.__dict__:
            last += "_"
        held = asarray(value, copy=False if value.flags.writeable else None)
        if name in self._program.statistics:
            module.register_buffer(last, held)
        else:
            setattr(module, last, nn.Parameter(held))
        return module, last

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Compute the outputs of inputs that are given in the order of ``input_names`` or by name.

        Returns
        -------
        Tensor, or tuple of Tensor
            The outputs; sequences are lists, and an absent optional output is None.
        """
        program = self._program
        arguments = self._arguments(inputs, named)
        values = program.blank()
        for place, module, name in self._weights:
            values[place] = getattr(module, name)
        device = self._device(arguments)
        frame = Frame(values, self.training and program.trainable, device, self._tensors.setdefault(device, {}))
        found = program.graph.run(frame, arguments)
        outputs = [_as_output(v) for v in found]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _arguments(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        names = self.input_names
        unknown = [n for n in named if n not in names[len(inputs) :]]
        missing = [n for n in names[len(inputs) :] if n not in named]
        if len(inputs) > len(names) or unknown or missing:
            what = f"missing: {', '.join(missing)}" if missing else f"too many or unknown: {', '.join(unknown) or len(inputs)}"
            raise OnnxError(f"ImportedModel: the inputs are {', '.join(names) or 'none'}; {what}")
        return [_as_input(v) for v in (*inputs, *(named[n] for n in names[len(inputs) :]))]

    def _device(self, arguments: list[Any]) -> str | None:
        """The device to compute on: that of the inputs, else of the weights."""
        found = next((a.device for a in arguments if isinstance(a, Tensor)), None)
        return found or next((getattr(m, n).device for _, m, n in self._weights), None)

    def extra_repr(self) -> str:
        """Return the names of the inputs and outputs."""
        return f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}"


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and is_plain(value.dtype)


def _attribute(part: str) -> str:
    """A part of a name as the name of an attribute that no module has yet."""
    part = part or "_"
    return f"{part}_" if hasattr(nn.Module, part) or part in _OWN else part


def _as_input(value: Any) -> Any:
    """A tensor of an array or number; lists element by element; text and exotic dtypes as host arrays."""
    if isinstance(value, TensorBase) or value is None:
        return value
    if isinstance(value, list):
        return [_as_input(v) for v in value]
    array = np.asarray(value)
    if array.dtype.kind in "US":
        array = array.astype(object)
    return asarray(array) if _is_numeric(array) else array


def _as_output(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_output(v) for v in value]
    return asarray(value) if _is_numeric(value) else value


# ---------------------------------------------------------------------- reading
def load(path: str | Path | Any, *, trainable: bool = True) -> ImportedModel:
    """Read an ONNX model as a module that computes, trains and is saved like any other.

    Floating weights become parameters under the names of the file. Operators that are not known are replaced by their
    definition in ONNX where there is one. Weights in files beside the model are mapped into memory.

    Parameters
    ----------
    path : str, Path or onnx.ModelProto
        The file, or a model in memory.
    trainable : bool, default True
        Whether weights are parameters. Otherwise they are constants: batch norms are folded into the convolutions before them and
        all that depends on weights alone is computed once, so small networks run up to twice as fast; there is nothing to train.

    Returns
    -------
    ImportedModel
        The network, in evaluation mode.

    Raises
    ------
    OnnxError
        If the file is missing or damaged, or uses an operator or a data type that is not supported; the message names the
        operator, the node and the opset.
    BackendUnavailable
        If the package onnx is not installed.

    Examples
    --------
    >>> onnx = __import__("onnx")
    >>> onnx.save(onnx.parser.parse_model('''<ir_version: 8, opset_import: ["": 18]>
    ... small (float[n, 2] x) => (float[n, 3] y) <float[2, 3] w = {1, 0, 0, 0, 1, 0}> { y = MatMul(x, w) }'''), "small.onnx")
    >>> model = dl.io.onnx.load("small.onnx")
    >>> model(dl.asarray([[3.0, 4.0]]))
    tensor([[3., 4., 0.]])
    >>> [name for name, _ in model.named_parameters()]
    ['w']
    """
    onnx = library()
    if isinstance(path, onnx.ModelProto):
        return _module(path, None, trainable)
    must_be_regular(path)
    with reading(path, OnnxError):
        if Path(path).is_dir():
            raise OnnxError(f"{path}: is a directory; name the .onnx file in it")
        model = onnx.ModelProto()
        model.ParseFromString(Path(path).read_bytes())
        if not model.HasField("graph") or not model.opset_import:
            raise OnnxError(f"{path}: is no ONNX model")
        return _module(model, Path(path).parent, trainable)


def _module(model: Any, folder: Path | None, trainable: bool) -> ImportedModel:
    """The module of a model; folder has the files with its external data."""
    arrays = dict(_external(model, folder))
    model = _inlined(model)
    for graph in _graphs(model.graph):
        _constants_as_initializers(graph)
    try:
        program = Program(model, arrays, trainable)
    except RecursionError:
        raise OnnxError("its graphs are nested too deeply") from None
    given = {i.name for i in model.graph.initializer}
    inputs = [i.name for i in model.graph.input if i.name not in given]
    return ImportedModel(program, inputs, [o.name for o in model.graph.output])


def _graphs(graph: Any) -> Iterator[Any]:
    rest = [graph]
    while rest:
        graph = rest.pop()
        yield graph
        for node in graph.node:
            rest += [a.g for a in node.attribute if a.HasField("g")]


def _constants_as_initializers(graph: Any) -> None:
    """Some programs write weights as nodes Constant; they become initializers like those of others."""
    kept = []
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx") and value is not None and len(node.output) == 1:
            initializer = graph.initializer.add()
            initializer.CopyFrom(value)
            initializer.name = node.output[0]
        else:
            kept.append(node)
    if len(kept) < len(graph.node):
        held = [type(n).FromString(n.SerializeToString()) for n in kept]
        del graph.node[:]
        graph.node.extend(held)


def _external(model: Any, folder: Path | None) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The weights that lie in other files, by name; their entries in the model stay without values."""
    maps: dict[str, memoryview] = {}
    for graph in _graphs(model.graph):
        for proto in graph.initializer:
            if proto.data_location == 1:
                entries = {e.key: e.value for e in proto.external_data}
                location = entries.get("location", "")
                if location not in maps:
                    maps[location] = _mapped(folder, location, proto.name)
                yield proto.name, _values(proto, maps[location], int(entries.get("offset", 0)))


def _mapped(folder: Path | None, location: str, name: str) -> memoryview:
    """A file beside the model, mapped into memory."""
    if folder is None or not location or Path(location).is_absolute() or ".." in Path(location).parts:
        raise OnnxError(f"the values of {name!r} are said to be in {location[:80]!r}, which is no file beside the model")
    target = folder / location
    if target.is_symlink() or not target.resolve().is_relative_to(folder.resolve()) or not target.is_file():
        raise OnnxError(f"the file {location[:80]!r} with the values of {name!r} is missing")
    with open(target, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


def _values(proto: Any, content: memoryview, offset: int) -> np.ndarray[Any, Any]:
    """The values of a weight in another file, checked to lie inside it."""
    dtype = dtype_of(proto.data_type)
    count = math.prod(proto.dims)
    packed = proto.data_type in (21, 22, 23, 25, 26)  # several values in a byte
    if packed or min((offset, *proto.dims)) < 0 or offset + count * dtype.itemsize > len(content):
        raise OnnxError(f"the values of {proto.name!r} lie outside of their file, or are packed")
    bits = np.dtype(f"u{dtype.itemsize}") if dtype.kind == "V" else dtype
    values = np.frombuffer(content, bits, count, offset) if count else np.empty(0, bits)
    values = values if values.flags.aligned else values.copy()
    shaped: np.ndarray[Any, Any] = values.view(dtype).reshape(tuple(proto.dims))
    return shaped


def _inlined(model: Any) -> Any:
    """The model with its own functions, and those of ONNX that stand for unknown operators, replaced by their nodes."""
    onnx = library()
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    for _ in range(8):  # a definition may use further ones
        unknown = _unknown(model)
        defined = [(domain, name) for domain, name, opset in unknown if _has_definition(domain, name, opset)]
        if not defined:
            break
        model = onnx.inliner.inline_selected_functions(model, defined, inline_schema_functions=True)
        if _unknown(model) == unknown:
            break
    return model


def _unknown(model: Any) -> set[tuple[str, str, int]]:
    """Domain, name and opset of the operators that the table lacks."""
    opsets = {o.domain: o.version for o in model.opset_import}
    found = set()
    for graph in _graphs(model.graph):
        for node in graph.node:
            domain = "" if node.domain == "ai.onnx" else node.domain
            opset = opsets.get(node.domain, opsets.get(domain, 0))
            if find(domain, node.op_type, opset) is None:
                found.add((node.domain, node.op_type, opset))
    return found


def _has_definition(domain: str, name: str, opset: int) -> bool:
    onnx = library()
    try:
        schema = onnx.defs.get_schema(name, opset, domain)
    except Exception:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)
