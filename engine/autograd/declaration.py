"""What an op declares: which parameters are arrays, what its pullbacks need, how its arguments promote."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any


class Op:
    """What an op declares about its text; see @op."""

    __slots__ = (
        "arrays", "complex", "constants", "consts", "defaults", "dtyped", "guards", "name", "needs", "none_cotangents", "pack",
        "promotes", "save", "text", "view",
    )  # fmt: skip

    def __init__(
        self, text: Callable[..., Any], needs: Any, view: bool, promotes: str | None, complex_: bool, none_cotangents: bool,
        constants: Sequence[int], name: str | None, arrays: int | None, result: Any,
    ) -> None:
        parameters = list(inspect.signature(text).parameters.values())[1:]
        kinds = [p.kind for p in parameters]
        if arrays is None:
            marked = inspect.Parameter.POSITIONAL_ONLY in kinds
            arrays = kinds.count(inspect.Parameter.POSITIONAL_ONLY if marked else inspect.Parameter.POSITIONAL_OR_KEYWORD)
        fixed = [p.name for p in parameters[arrays:] if p.kind is inspect.Parameter.POSITIONAL_ONLY]
        self.text = by_name(text, fixed) if fixed else text
        self.name = name or text.__name__
        self.arrays = tuple(p.name for p in parameters[:arrays])
        self.consts = tuple(p.name for p in parameters[arrays:])
        self.pack: Callable[[Sequence[Any]], Any] = tuple if result is None else result._make
        self.defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        self.save = "save" in self.consts
        self.dtyped = "dtype" in self.consts
        self.view = view
        self.promotes = promotes
        self.complex = complex_
        self.none_cotangents = none_cotangents
        self.constants = frozenset(constants)
        self.needs = needs
        self.guards: dict[tuple[bool, ...], tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def guarded(self, need: tuple[bool, ...]) -> tuple[int, ...]:
        """Positions of the inputs (-1: every output, -2: output 0, -3: output 1 ...) that the pullbacks of these need."""
        if need not in self.guards:
            if self.needs is None:  # everything
                slots = {*range(len(need)), -1}
            elif len(need) != len(self.arrays):  # a list argument: all of it, or nothing
                text = self.needs if isinstance(self.needs, str) else " ".join(self.needs)
                slots = {*range(len(need)), *([-1] if "y" in text.split() else [])} if text else set()
            else:
                each = [self.needs] * len(need) if isinstance(self.needs, str) else self.needs
                names = {n for wanted, text in zip(need, each, strict=True) if wanted for n in text.split()}
                slots = {self.arrays.index(n) if n in self.arrays else -1 if n == "y" else -2 - int(n[1:]) for n in names}
            self.guards[need] = tuple(sorted(slots))
        return self.guards[need]

    def bind(self, args: tuple[Any, ...], consts: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call's arguments into one value per array parameter and the constants."""
        arrays = list(args[: len(self.arrays)])
        for name, value in zip(self.consts, args[len(self.arrays) :], strict=False):
            if name in consts:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
            consts[name] = value
        if len(args) > len(self.arrays) + len(self.consts):
            raise TypeError(f"{self.name}() takes {len(self.arrays) + len(self.consts)} arguments but {len(args)} were given")
        for name in self.arrays[len(arrays) :]:
            if name in consts:
                arrays.append(consts.pop(name))
            elif name in self.defaults:
                arrays.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}() missing required argument {name!r}")
        return tuple(arrays), consts


def by_name(text: Callable[..., Any], fixed: list[str]) -> Callable[..., Any]:
    """The text with constants before its `/` (astype's dtype) given by name, as calls and replays hand them on."""
    @wraps(text)
    def call(xp: Any, *arrays: Any, **consts: Any) -> Any:
        return text(xp, *arrays, *[consts.pop(name) for name in fixed], **consts)

    return call
