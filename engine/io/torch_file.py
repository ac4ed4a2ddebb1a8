"""The tensors of PyTorch's .pt and .pth files, read without executing anything.

Such a file is a pickle, a program for a stack machine that may call any function. Here the program is interpreted: of its
instructions those that build dicts, lists and tuples are followed, and a call is followed only if it is one of the few in
_CALLS, each of which describes a tensor or is without effect. Nothing is imported, and no object of another class is made.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..errors import CheckpointError
from .safetensors import HostArray, from_bfloat16_bits

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first bytes of a file before PyTorch 1.6: a pickle of a number."""

_STORAGES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "bfloat16", "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1",
    "Byte": "u1", "Bool": "?", "ComplexFloat": "c8", "ComplexDouble": "c16", "Untyped": "u1",
}  # fmt: skip
DTYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "bfloat16", "int64": "i8", "int32": "i4", "int16": "i2",
    "int8": "i1", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "bool": "?", "complex64": "c8",
    "complex128": "c16",
}  # fmt: skip
_MOST_VALUES, _LONGEST_NAME = 300_000, 1000
"""More nested values, and longer names, than any state dict has."""


class Global(NamedTuple):
    """A function or class that a pickle names; only its name is ever used."""

    module: str
    name: str


class Storage(NamedTuple):
    """A run of numbers: its key in the file, dtype and count, and where it begins in the storage of that key."""

    key: str
    dtype: str
    size: int
    begin: int = 0


class Strided(NamedTuple):
    """A tensor as a pickle describes it."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    """Where a group of values on the stack begins."""


_MARK = _Mark()


# ---------------------------------------------------------------------- the calls that are followed
def _counts(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or not all(type(v) is int and 0 <= v < 2**62 for v in values) or len(values) > 64:
        raise ValueError("a shape or a stride is no short tuple of numbers")
    return tuple(values)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Strided:
    """torch._utils._rebuild_tensor and _rebuild_tensor_v2 (then with requires_grad, hooks and metadata)."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    if len(rest) > 2 and rest[2]:
        raise CheckpointError("holds a tensor that is a lazy conjugate or negative; save tensor.resolve_conj()")
    return Strided(storage, storage.dtype, _counts([offset])[0], _counts(shape), _counts(strides))


def _typed_tensor(storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any) -> Strided:
    """torch._utils._rebuild_tensor_v3, whose storage has no dtype."""
    if not isinstance(dtype, Global) or dtype.name not in DTYPES:
        raise CheckpointError(f"holds a tensor of dtype {getattr(dtype, 'name', '?')}, which NumPy does not have")
    return _tensor(storage, offset, shape, strides)._replace(dtype=DTYPES[dtype.name])


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _from_type(function: Any, _class: Any, arguments: Any, *_: Any) -> Any:
    """torch._tensor._rebuild_from_type_v2: a subclass of Tensor, of which the tensor is kept."""
    return _called(function, arguments)


def _dict(items: Any = ()) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    _put(made, [part for pair in items for part in pair])
    return made


def _without_effect(*_: Any) -> None:
    return None


_CALLS: dict[Global, Callable[..., Any]] = {
    Global("torch._utils", "_rebuild_tensor"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v2"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v3"): _typed_tensor,
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    Global("torch._tensor", "_rebuild_from_type_v2"): _from_type,
    Global("collections", "OrderedDict"): _dict,
    Global("torch", "Size"): _without_effect,
    Global("torch", "device"): _without_effect,
    Global("torch", "Generator"): _without_effect,
    Global("numpy", "dtype"): _without_effect,
    Global("numpy.core.multiarray", "scalar"): _without_effect,
    Global("numpy._core.multiarray", "scalar"): _without_effect,
    Global("_codecs", "encode"): _without_effect,
}
"""What may be called; the last ones are settings of a training, which no tensor depends on."""


def _called(function: Any, arguments: Any) -> Any:
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        raise ValueError("a call of something that is no function")
    if function not in _CALLS:
        name = f"{function.module}.{function.name}"[:100]
        raise CheckpointError(
            f"would call {name} when unpickled, which was not done: only tensors in dicts and lists are read; "
            "in PyTorch, save model.state_dict() instead of the whole object"
        )
    return _CALLS[function](*arguments)


# ---------------------------------------------------------------------- the stack machine
def _put(target: Any, items: list[Any]) -> None:
    """Set the keys of a dict. Keys are plain values: the hash of nested tuples may take for ever."""
    if not isinstance(target, dict) or len(items) % 2:
        raise ValueError("items that belong to no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | int | float | bytes | bool | None):
            raise ValueError("the key of a dict is no string and no number")
        target[key] = value


def _extended(target: Any, items: list[Any]) -> None:
    if not isinstance(target, list):
        raise ValueError("elements that belong to no list")
    target.extend(items)


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "NONE": lambda: None, "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False, "MARK": lambda: _MARK,
}  # fmt: skip
_LITERALS = frozenset(
    ("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING",
     "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
)  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def run(self, file: io.BytesIO) -> Any:
        """Read one pickle and return what it describes."""
        for opcode, argument, _ in pickletools.genops(file):
            name = opcode.name
            if name == "STOP":
                return self._pop()
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name in _TUPLES:
                self.stack.append(tuple([self._pop() for _ in range(_TUPLES[name])][::-1]))
            else:
                self._step(name, argument)
        raise ValueError("the pickle does not end")

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def _group(self) -> list[Any]:
        """What lies above the last mark."""
        items: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def _step(self, name: str, argument: Any) -> None:
        """One of the instructions that use the stack."""
        if name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "TUPLE":
            self.stack.append(tuple(self._group()))
        elif name in ("APPEND", "APPENDS"):
            items = [self._pop()] if name == "APPEND" else self._group()
            _extended(self.stack[-1], items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [self._pop(), self._pop()][::-1] if name == "SETITEM" else self._group()
            _put(self.stack[-1], items)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, _, attribute = argument.partition(" ") if name == "GLOBAL" else self._names()
            self.stack.append(Global(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = self._pop(), self._pop()
            self.stack.append(_called(function, arguments))
        elif name == "BUILD":  # the attributes of an object, such as the versions in a state dict: no tensors
            self._pop()
            if not isinstance(self.stack[-1], dict | Strided | None):
                raise ValueError("attributes of something that is no object")
        elif name == "BINPERSID":
            storage = _storage(self._pop())
            self.storages[storage.key] = storage
            self.stack.append(storage)
        elif name not in ("PROTO", "FRAME"):
            raise CheckpointError(f"its pickle has the instruction {name}, which no file of tensors needs")

    def _names(self) -> tuple[str, str, str]:
        attribute, module = self._pop(), self._pop()
        if not isinstance(attribute, str) or not isinstance(module, str):
            raise ValueError("a function without a name")
        return module, "", attribute


def _storage(described: Any) -> Storage:
    """The storage that a pickle refers to: ("storage", class, key, device, count) and, in old files, a part of it."""
    if isinstance(described, tuple) and described[:1] == ("module",):
        raise CheckpointError("holds a whole module, not tensors by name; in PyTorch, save model.state_dict()")
    if not isinstance(described, tuple) or len(described) not in (5, 6) or described[0] != "storage":
        raise ValueError("a reference to something that is no storage")
    kind, key, count = described[1], described[2], described[4]
    name = kind.name.removesuffix("Storage") if isinstance(kind, Global) and kind.module.split(".")[0] == "torch" else ""
    if name not in _STORAGES:
        raise CheckpointError(f"holds a storage of the kind {getattr(kind, 'name', '?')!s:.60}, which NumPy does not have")
    begin = 0
    if len(described) == 6 and described[5] is not None:  # a part of another storage
        _, begin, count = described[5]
    if not isinstance(key, str):
        raise ValueError("a storage without a name")
    begin, count = _counts([begin, count])
    return Storage(key, _STORAGES[name], count, begin)


# ---------------------------------------------------------------------- files
Parts: TypeAlias = "tuple[Any, Callable[[str], bytes], str]"
"""What a pickle describes, the bytes of each storage, and the order of bytes."""


def read_zip(archive: zipfile.ZipFile) -> dict[str, HostArray]:
    """The arrays of a file that PyTorch 1.6 or newer wrote, by name."""
    return arrays_of(*parts_of_zip(archive))


def parts_of_zip(archive: zipfile.ZipFile) -> Parts:
    """A file of PyTorch 1.6 or newer."""
    found = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
    if len(found) != 1:
        raise CheckpointError("is a zip archive without one data.pkl, so no file of PyTorch")
    prefix = found[0].removesuffix("data.pkl")
    names = set(archive.namelist())
    if f"{prefix}constants.pkl" in names:
        raise CheckpointError("is a TorchScript program; in PyTorch: torch.save(torch.jit.load(path).state_dict(), ...)")
    order = "<"
    if f"{prefix}byteorder" in names and _member(archive, f"{prefix}byteorder") == b"big":
        order = ">"
    described = _Machine().run(io.BytesIO(_member(archive, found[0])))
    return described, lambda key: _member(archive, f"{prefix}data/{key}"), order


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of a member, which PyTorch never compresses: a small file cannot fill the memory."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"{name} is compressed, as PyTorch never does")
    return archive.read(info)


def read_legacy(content: bytes) -> dict[str, HostArray]:
    """The arrays of a file that PyTorch before 1.6 wrote, by name."""
    return arrays_of(*parts_of_legacy(content))


def parts_of_legacy(content: bytes) -> Parts:
    """A file of PyTorch before 1.6: five pickles, then all storages."""
    file = io.BytesIO(content)
    machine = [_Machine() for _ in range(5)]
    _, version, system, described, keys = (m.run(file) for m in machine)
    if version != 1001 or not isinstance(system, dict) or not isinstance(keys, list):
        raise ValueError("the beginning is not that of a file of PyTorch")
    order = "<" if system.get("little_endian", True) else ">"
    sizes = {s.key: np.dtype(number(s.dtype)).itemsize for s in machine[3].storages.values()}
    storages: dict[str, bytes] = {}
    for key in keys:
        (count,) = struct.unpack(f"{order}q", file.read(8))
        if not isinstance(key, str) or key in storages or not 0 <= count <= len(content):
            raise ValueError("the list of storages is damaged")
        storages[key] = _exactly(file, count * sizes[key])
    return described, storages.__getitem__, order


def _exactly(file: io.BytesIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) != length:
        raise ValueError("the file ends within a storage")
    return content


def number(dtype: str) -> str:
    """The dtype of the bits."""
    return "u2" if dtype == "bfloat16" else dtype


def _tensors(described: Any) -> Iterator[tuple[str, Strided]]:
    """The tensors in nested dicts and lists, named by their path with dots."""
    rest: list[tuple[str, Any]] = [("", described)]
    visited = 0
    while rest:
        path, value = rest.pop()
        visited += 1
        if visited > _MOST_VALUES:
            raise ValueError("the values are nested without end")
        if isinstance(value, Strided):
            yield path or "tensor", value
            continue
        items = list(value.items()) if isinstance(value, dict) else []
        if isinstance(value, list | tuple) and not isinstance(value, Global | Storage):
            items = list(enumerate(value))
        if len(path) > _LONGEST_NAME:
            raise ValueError("the values are nested without end")
        rest += [(f"{path}.{key}" if path else str(key), inner) for key, inner in reversed(items)]


def arrays_of(described: Any, content: Callable[[str], bytes], order: str) -> dict[str, HostArray]:
    """The arrays that a pickle describes; content gives the bytes of a storage."""
    storages: dict[str, bytes] = {}
    found: dict[str, HostArray] = {}
    room = 2**24  # for tensors that repeat what is stored once
    for name, tensor in _tensors(described):
        key = tensor.storage.key
        if key not in storages:
            storages[key] = content(key)
            room += 16 * len(storages[key])
        room -= math.prod(tensor.shape) * np.dtype(number(tensor.dtype)).itemsize
        if name in found or room < 0:
            raise ValueError(f"two tensors are called {name}" if name in found else "the tensors are far larger than the file")
        found[name] = _array(name, tensor, storages[key], order)
    if not found:
        raise CheckpointError("holds no tensors")
    return found


def _array(name: str, tensor: Strided, content: bytes, order: Any) -> HostArray:
    """The values of a tensor, a view of its storage with every bound checked."""
    whole = np.dtype(number(tensor.storage.dtype)).itemsize
    begin, count = tensor.storage.begin * whole, tensor.storage.size * whole
    if begin + count > len(content):
        raise ValueError(f"{name} lies outside its storage")
    dtype = np.dtype(number(tensor.dtype)).newbyteorder(order)
    part = memoryview(content)[begin : begin + count]
    values: HostArray = np.frombuffer(part[: count - count % dtype.itemsize], dtype) if count else np.empty(0, dtype)
    if len(tensor.shape) != len(tensor.strides):
        raise ValueError(f"{name} has a shape and strides of different lengths")
    last = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
    if math.prod(tensor.shape) and tensor.offset + last >= values.size:
        raise ValueError(f"{name} lies outside its storage")
    if dtype.kind == "b" and values.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"{name} is boolean and has bytes other than 0 and 1")
    if not math.prod(tensor.shape):
        values = np.empty(tensor.shape, dtype)
    else:
        steps = [step * dtype.itemsize for step in tensor.strides]
        values = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps, writeable=False)
    if tensor.dtype == "bfloat16":
        return from_bfloat16_bits(np.ascontiguousarray(values, np.uint16).reshape(tensor.shape))
    return values.astype(dtype.newbyteorder("="), copy=False)
