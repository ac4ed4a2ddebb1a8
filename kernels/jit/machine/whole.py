"""Machine code of a kernel is optimised and emitted once, as a whole.

Numba optimises each function that it compiles and emits its machine code, then links its intermediate code into each caller,
where both happen again. But Python calls the kernel alone, and all that it needs is linked into it. So here what lies inside a
kernel is kept apart until the kernel links all of it at once, and LLVM sees it once, at the end. Nor does the collector of cycles
run meanwhile, which would find nothing in the many objects that Numba makes.

Numba makes the object that holds a function's code from a class that its code generator names; while a kernel compiles, the
generator names the class below. Where a Numba to come has no such place, kernels compile as other functions do.
"""

from __future__ import annotations

import gc
from typing import Any

from llvmlite.binding import Linkage
from numba.core import codegen as numba_codegen
from numba.core.compiler import Flags
from numba.core.registry import cpu_target

LIBRARY: Any = numba_codegen.JITCodeLibrary
PLACES = (
    (numba_codegen.JITCPUCodegen, ("_library_class", "set_env")),
    (
        LIBRARY,
        (
            "_optimize_functions", "_finalize_final_module", "_finalize_dynamic_globals", "_get_module_for_linking",
            "_raise_if_finalized", "finalize", "get_pointer_to_function",
        ),
    ),
    (Flags, ("values", "options")),
)
SUPPORTED = all(hasattr(owner, name) for owner, names in PLACES for name in names)

_FLAGS: Any = Flags
_DEFAULTS = {name: option.default for name, option in _FLAGS.options.items()} if SUPPORTED else {}
_entries: list[str] = []  # the kernels that are being compiled; Numba's lock is held
_collects: list[bool] = []  # whether the collector of cycles was at work before each


class KernelLibrary(LIBRARY):  # type: ignore[misc]  # Numba is untyped
    """The code of a kernel or of a function inside it; only the kernel's own becomes machine code."""

    _linking_libraries: list[Any]

    @property
    def is_inside(self) -> bool:
        """Whether this is the code of something inside a kernel."""
        if "_inside" not in self.__dict__:  # what is asked for the first time is being compiled
            self.__dict__["_inside"] = bool(_entries) and self.name != _entries[-1]
        return bool(self.__dict__["_inside"])

    def _optimize_functions(self, module: Any) -> None:
        """Nothing: the passes over the whole begin with the same."""

    def finalize(self) -> None:
        """End what is compiled; a kernel links what lies inside it and becomes machine code."""
        if self.is_inside:
            self._raise_if_finalized()
            self._finalize_dynamic_globals()
            self._finalized = True
            return
        self._take_in()
        super().finalize()

    def _take_in(self) -> None:
        """Link all that lies inside, each function once, also where several of them call it."""
        todo, seen, others = list(reversed(self._linking_libraries)), set(), []
        while todo:
            library = todo.pop()
            if library in seen:
                continue
            seen.add(library)
            if isinstance(library, KernelLibrary) and library.is_inside:
                if hasattr(library, "_reload_init"):  # what a loaded kernel must run first, where Numba keeps note of it
                    self._reload_init.update(library._reload_init)
                self._final_module.link_in(library._alone(), preserve=True)
                todo += reversed(library._linking_libraries)
            else:
                others.append(library)
        self._linking_libraries = others

    def _alone(self) -> Any:
        """The code of this function without that of others which it calls, for linking into several."""
        if not self.__dict__.setdefault("_linkable", False):
            for function in self._final_module.functions:
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr"
            self.__dict__["_linkable"] = True
        return self._final_module

    def _get_module_for_linking(self) -> Any:
        """What code that is no kernel links: this and all that it needs."""
        if self.is_inside and self._shared_module is None:
            self._take_in()
            for library in self._linking_libraries:
                self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        return super()._get_module_for_linking()

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
        _FLAGS.values = _all_of


def end() -> None:
    """The kernel is compiled, or failed to be."""
    _entries.pop()
    if _collects.pop():
        if not gc.get_freeze_count():  # what Numba made counts as old: to look through it took 20 ms a kernel
            gc.freeze()
            gc.unfreeze()
        gc.enable()
    if SUPPORTED and not _entries:
        codegen = _codegen()
        del codegen._library_class, codegen.set_env, _FLAGS.values


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


def _all_of(flags: Any) -> dict[str, Any]:
    """All options of compiled code, as Numba's own function gives them option by option: it compares them at each call."""
    return {**_DEFAULTS, **flags._values}
