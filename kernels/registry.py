"""A kernel set: one implementation of some kernels, loaded kernel by kernel on first use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

Declared = Mapping[str, tuple[str, tuple[str, ...]]]
"""Kernel name -> (module inside the set's package, dtypes of the first argument, an array or a list of them; "*" takes all)."""


@dataclass(frozen=True)
class KernelSet:
    """One implementation of some kernels.

    name: reference, jit or cuda. package: where its modules live. declared: what it has, without importing it.
    launches counts calls per (kernel, dtype); the parity command reads it to prove which implementation answered.
    """

    name: str
    package: str
    declared: Declared
    launches: Counter[str] = field(default_factory=Counter)

    def has(self, kernel: str, dtype: str) -> bool:
        """Whether this set declares the kernel for a dtype name such as "float32"; "" asks for any dtype."""
        entry = self.declared.get(kernel)
        return entry is not None and (not dtype or "*" in entry[1] or dtype in entry[1])

    def load(self, kernel: str) -> Callable[..., Any]:
        """Import the module of a declared kernel and return its function."""
        module = import_module(f"{self.package}.{self.declared[kernel][0]}")
        return getattr(module, kernel)  # type: ignore[no-any-return]
