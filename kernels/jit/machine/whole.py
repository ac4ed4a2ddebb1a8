"""Machine code of a kernel is optimised and emitted once, as a whole.

Numba optimises each function that it compiles and emits its machine code, then links its intermediate code into each caller,
where both happen again. But Python calls the kernel alone, and all that it needs is linked into it. So here what lies inside a
kernel is linked and no more; LLVM sees it once, at the end. Nor does the collector of cycles run meanwhile, which would find
nothing in the many objects that Numba makes.

Numba makes the object that holds a function's code from a class that its code generator names; while a kernel compiles, the
generator names the class below. Where a Numba to come has no such place, kernels compile as other functions do.
"""

from __future__ import annotations

import gc
from typing import Any

from numba.core import codegen as numba_codegen
from numba.core.registry import cpu_target

LIBRARY: Any = numba_codegen.JITCodeLibrary
PLACES = (
    (numba_codegen.JITCPUCodegen, ("_library_class", "set_env")),
    (
        LIBRARY,
        (
            "_optimize_functions", "_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals",
            "get_pointer_to_function",
        ),
    ),
)
SUPPORTED = all(hasattr(owner, name) for owner, names in PLACES for name in names)

_entries: list[str] = []  # the kernels that are being compiled; Numba's lock is held
_collects: list[bool] = []  # whether the collector of cycles was at work before each


class KernelLibrary(LIBRARY):  # type: ignore[misc]  # Numba is untyped
    """The code of a kernel or of a function inside it; only the kernel's own becomes machine code."""

    @property
    def is_inside(self) -> bool:
        """Whether this is the code of something inside a kernel."""
        if "_inside" not in self.__dict__:  # what is asked for the first time is being compiled
            self.__dict__["_inside"] = bool(_entries) and self.name != _entries[-1]
        return bool(self.__dict__["_inside"])

    def _optimize_functions(self, module: Any) -> None:
        if not self.is_inside:
            super()._optimize_functions(module)

    def _optimize_final_module(self) -> None:
        if not self.is_inside:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        if not self.is_inside:
            super()._finalize_final_module()
            return
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """The address of a function's machine code, 0 if it has none of its own."""
        return 0 if self.is_inside else int(super().get_pointer_to_function(name))


def begin(entry: str) -> None:
    """A kernel of this qualified name is about to be compiled."""
    _entries.append(entry)
    _collects.append(gc.isenabled())
    gc.disable()
    if SUPPORTED and len(_entries) == 1:
        _target().refresh()  # which may make Numba's own runtime: it must not count as a part of the kernel
        codegen = _codegen()
        codegen._library_class = KernelLibrary
        codegen.set_env = _set_env


def end() -> None:
    """The kernel is compiled, or failed to be."""
    _entries.pop()
    if _collects.pop():
        gc.enable()
    if SUPPORTED and not _entries:
        codegen = _codegen()
        del codegen._library_class, codegen.set_env


def _codegen() -> Any:
    """Numba's code generator for this processor."""
    return _target().codegen()


def _target() -> Any:
    target: Any = cpu_target
    return target.target_context


def _set_env(name: str, env: Any) -> None:
    """Give a function its environment, as Numba does, if it is among the machine code."""
    codegen = _codegen()
    if codegen._engine.get_global_value_address(name):
        type(codegen).set_env(codegen, name, env)
