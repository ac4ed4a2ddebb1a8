"""From a formula to a function: vector code for this CPU, compiled once and kept on disk.

The file of a kernel is named by a hash of the formula, of this generator's sources, and of the CPU; what it holds is sealed
(see kernels/cache.py), so a damaged file is noticed and made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
from llvmlite import ir
from numba.core.compiler_lock import global_compiler_lock

from ... import cache as disk
from ... import generated
from ...compiling import compiling
from ...generated.expansions import expand
from ...generated.expression import Expression, in_order
from ..machine.compile import start_threads
from ..machine.vector import VECTOR_BYTES
from .entry import entry_text, process_table
from .library import Library, write_library
from .loops import Formula, write_range
from .reductions import write_reduction

_linked: dict[str, Any] = {}
_kept: list[Any] = []
"""What machine code refers to for as long as the process runs."""


class Request:
    """A kernel that may be wanted: whether it is on disk, and the function itself.

    Parameters
    ----------
    inputs : tuple of Expression
        In the order of the kernel's arguments.
    root : Expression
        The formula, before it is expanded.
    modes : str
        How each input is read; see loops.py.
    name : str
        What is shown while it compiles.
    reduction : tuple, optional
        How rows of the formula are reduced and the formula of the output, see Formula in loops.py.
    library : Library, optional
        NumPy's loop that computes the formula.
    """

    def __init__(
        self,
        inputs: tuple[Expression, ...],
        root: Expression,
        modes: str,
        name: str,
        reduction: tuple[str, Any] = ("", None),
        library: Library | None = None,
    ) -> None:
        self.inputs, self.root, self.modes, self.name, self.reduction = inputs, root, modes, name, reduction
        self.library = library
        self.key = _key(inputs, root, modes, reduction) + ("" if library is None else f"\n{library}")
        self.file = f"{hashlib.sha256(self.key.encode()).hexdigest()[:32]}.obj"

    def on_disk(self) -> bool:
        """Whether an earlier process compiled it."""
        folder = _folder()
        return self.key in _linked or (folder is not None and (folder / self.file).exists())

    def function(self) -> Any:
        """The entry point (see entry.py): linked already, else from disk, else compiled. Raises NoExpansion."""
        found = _linked.get(self.key)
        if found is None:
            with global_compiler_lock:  # taken by whoever forks, so that a child does not find the linker at work
                found = _linked.get(self.key)
                if found is None:
                    found = _linked[self.key] = self._make()
        return found

    def range(self) -> int:
        """Where the code for a range of elements, or of rows, is, without looking at arrays: see loops.py. Raises NoExpansion."""
        self.function()
        return int(_engine().get_function_address(f"dlengine_{self.file[:32]}_range"))

    def _make(self) -> Any:
        start_threads()
        folder = _folder()
        code = None if folder is None else disk.load(folder / self.file, self.key)
        name = f"dlengine_{self.file[:32]}"
        if code is None:
            with compiling(self.name) if self.library is None else nullcontext():
                code = _compile(Formula(self.inputs, self.root, self.modes, *self.reduction), name, self.library)
            if folder is not None:
                disk.save(folder / self.file, self.key, code)
        return _link(code, name)


def _compile(formula: Formula, name: str, library: Library | None) -> bytes:
    module = ir.Module(name)
    module.triple = llvm.get_process_triple()
    if library is not None:
        write_library(module, library, formula, f"{name}_range")
        return _object(f"{module}\n{entry_text(formula, name)}")
    finish = formula.finish if formula.finish is None else expand(formula.finish)
    formula = replace(formula, root=expand(formula.root), finish=finish)
    if formula.reduction:
        write_reduction(module, formula, VECTOR_BYTES, name)
    else:
        write_range(module, formula, VECTOR_BYTES, f"{name}_range")
    return _object(f"{module}\n{entry_text(formula, name)}")


def _object(text: str) -> bytes:
    """Machine code of a text in LLVM IR."""
    parsed = llvm.parse_assembly(text)
    machine = _target()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes.getModulePassManager().run(parsed, passes)
    return bytes(machine.emit_object(parsed))


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("call", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    ]  # fmt: skip


FASTCALL, ONE_OBJECT = 0x80, 0x08
"""How Python calls a function: with its arguments and their number, or with one argument."""


def _link(code: bytes, name: str) -> Any:
    return as_function(_loaded(code, (name,))[0], table("ml_dtypes" in sys.modules))


def _loaded(code: bytes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Where functions of machine code are, once it is part of this process."""
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return tuple([engine.get_function_address(name) for name in names])


def as_function(address: int, table: bytes, how: int = FASTCALL) -> Any:
    """A function of Python at an address, which is given the table as `self`."""
    method = _Method(b"generated", address, how, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    _kept.append(method)
    return make(ctypes.addressof(method), table, None)


def linked(name: str, text: str, functions: tuple[str, ...], shown: bool = True) -> tuple[int, ...]:
    """Where functions of a text in LLVM IR are: from disk, else compiled. RuntimeError where LLVM does not know this CPU.

    shown: whether compiling it counts; it does not for what takes no time that a user would notice.
    """
    key = "\n".join([text, *_key_of_process()])
    with global_compiler_lock:
        folder = _folder()
        file = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.obj"
        code = None if folder is None else disk.load(folder / file, key)
        if code is None:
            with compiling(name) if shown else nullcontext():
                code = _object(f'target triple = "{llvm.get_process_triple()}"\n{text}')
            if folder is not None:
                disk.save(folder / file, key, code)
        return _loaded(code, functions)


@cache
def table(bfloat16: bool) -> bytes:
    return process_table(bfloat16)


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True)


@cache
def _engine() -> Any:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())


def _key(inputs: tuple[Expression, ...], root: Expression, modes: str, reduction: tuple[str, Any]) -> str:
    """All that the code depends on beside the generator's sources: the formula as text, the CPU, versions."""
    number = {e: i for i, e in enumerate(inputs)}
    kind, finish = reduction
    roots = [root] if finish is None else [root, finish]
    for e in in_order(roots):
        number.setdefault(e, len(number))
    lines = [f"{e.kind} {e.dtype.name} {e.value!r} {[number[a] for a in e.args]}" for e in number if e.kind != "input"]
    given = " ".join(e.dtype.name for e in inputs)
    return "\n".join([given, modes, *lines, str([number[r] for r in roots]), kind, *_key_of_process()])


def _key_of_process() -> tuple[str, str, str]:
    """What all code depends on: versions, and the CPU."""
    versions = (llvmlite.__version__, llvm.llvm_version_info, sys.version_info[:2], VECTOR_BYTES)
    return repr(versions), *_cpu()


@cache
def _cpu() -> tuple[str, str]:
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _folder() -> Path | None:
    folder = disk.kept_folder("generated", _source_key())
    if folder is not None:
        _tidy_once(folder)
    return folder


@cache
def _tidy_once(folder: Path) -> None:
    disk.tidy(folder)


@cache
def _source_key() -> str:
    digest = hashlib.sha256()
    for path in sorted([*Path(__file__).parent.glob("*.py"), *Path(generated.__file__).parent.glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
