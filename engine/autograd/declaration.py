"""What an op declares: which parameters are arrays, what its pullbacks need, how its arguments promote."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypedDict, Unpack

from ..errors import ArgumentError
from ..recording import GENERATORS

PATIENCE = 64
"""Calls of an op after which it is worth looking for a shorter way (small.py)."""

replaced: list[Callable[[], None]] = []
"""What is called when an op's definition was replaced, beside the op's own way to small calls."""


class Options(TypedDict, total=False):
    """The options of @op, which describes them."""

    needs: str | Sequence[str] | None
    view: bool
    promotes: str | None
    linear: bool
    complex: bool
    none_cotangents: bool
    constants: Sequence[int]
    name: str | None
    arrays: int | None
    tensors: Callable[..., Any] | None
    adds: tuple[str, tuple[int, ...]] | None
    fresh: bool
    same: str


AXES = ("axis", "axes", "start_axis", "end_axis")
"""Names of constants that are axes: numbers, which True is not."""


class Op:
    """What is known of an op: its definition (text), the names of its arrays and constants, and its options; see @op."""

    __slots__ = (
        "adds", "arrays", "axes", "bound", "call", "complex", "constants", "consts", "defaults", "dtyped", "fresh", "guards",
        "kernel", "listed", "name", "needs", "none_cotangents", "original", "pack", "patience", "policy", "promotes", "readings",
        "required", "returns", "same", "save", "save_first", "several", "tensor_text", "text", "view", "waits", "wide",
    )  # fmt: skip

    def __init__(
        self, text: Callable[..., Any], *, result: Any = None, save: bool = False, **options: Unpack[Options]
    ) -> None:
        parameters = list(inspect.signature(text).parameters.values())[2 if save else 1 :]
        kinds = [p.kind for p in parameters]
        count = options.get("arrays")
        if count is None:
            marked = inspect.Parameter.POSITIONAL_ONLY in kinds
            count = kinds.count(inspect.Parameter.POSITIONAL_ONLY if marked else inspect.Parameter.POSITIONAL_OR_KEYWORD)
        fixed = [p.name for p in parameters[count:] if p.kind is inspect.Parameter.POSITIONAL_ONLY]
        self.save_first = save
        self.text = saving(text) if save else by_name(text, fixed) if fixed else text
        self.original = self.text
        """The definition that was declared, which tests replace."""
        self.tensor_text = options.get("tensors") or self.text
        self.name = options.get("name") or text.__name__
        self.arrays = tuple(p.name for p in parameters[:count])
        self.required = frozenset([p.name for p in parameters[:count] if not may_be_none(p)])
        """The arrays for which None is refused."""
        self.listed = count == 1 and "Sequence[Tensor" in str(parameters[0].annotation)
        self.consts = tuple(p.name for p in parameters[count:])
        self.axes = tuple([name for name in self.consts if name in AXES])
        self.pack: Callable[[Sequence[Any]], Any] = tuple if result is None else result._make
        self.returns = "" if result is None else result.__name__
        self.defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        self.save = save or "save" in self.consts
        self.dtyped = "dtype" in self.consts
        self.view = options.get("view", False)
        self.promotes = options.get("promotes")
        self.complex = options.get("complex", False)
        self.none_cotangents = options.get("none_cotangents", False)
        self.constants = frozenset(options.get("constants", ()))
        self.needs = options.get("needs")
        self.guards: dict[tuple[bool, ...], tuple[int, ...]] = {}
        self.several = result is not None
        self.kernel = False  # whether it is a kernel and no more: no formula is looked for in it
        self.adds = options.get("adds")
        self.fresh = options.get("fresh", False)
        self.same = options.get("same", "")
        self.readings: list[dict[Any, Any] | None]
        self.call: Any = None
        self.bound: Any = None
        """What answers the op's small calls from tensors to tensor under `policy`; see small.py."""
        self.wide: Any = None
        """What answers the large ones so, with generated code and several threads; None where nothing does."""
        self.policy: Any = None
        self.waits, self.patience = PATIENCE, PATIENCE
        self._begin()

    def _begin(self) -> None:
        """Have no generated code for calls of any kind yet (see dlengine.recording), nor a way to small calls.

        A dict for each generator of dlengine.recording, or None where this op is never answered so, as at the last place.
        """
        never = self.view or self.save or self.dtyped or self.several or self.kernel or not self.arrays
        self.readings = [*[None if never else {} for _ in GENERATORS], None]
        self.unbind()

    def forget_readings(self) -> None:
        """Begin anew, as when the text was replaced, and tell those who answer in this op's place."""
        self._begin()
        for tell in replaced:
            tell()

    def unbind(self) -> None:
        """Let Python answer small calls again."""
        self.policy = None  # bound stays: another thread may be about to call it
        self.waits = self.patience = PATIENCE

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
                raise ArgumentError(f"{self.name}: the argument {name!r} is given twice")
            consts[name] = value
        if len(args) > len(self.arrays) + len(self.consts):
            raise ArgumentError(f"{self.name}: expected at most {len(self.arrays) + len(self.consts)} arguments, got {len(args)}")
        for name in self.arrays[len(arrays) :]:
            if name in consts:
                arrays.append(consts.pop(name))
            elif name in self.defaults:
                arrays.append(self.defaults[name])
            else:
                raise ArgumentError(f"{self.name}: the argument {name!r} is missing")
        return tuple(arrays), consts


TENSORS = frozenset(("Array", "RealLike", "Tensor", "TensorLike"))
"""Annotations of what must be a tensor, or a number."""


def may_be_none(parameter: inspect.Parameter) -> bool:
    """Whether a definition may get None for this parameter: it has a default, or is not annotated as a tensor alone."""
    said = parameter.annotation
    name = said if isinstance(said, str) else getattr(said, "__name__", "")
    return parameter.default is not inspect.Parameter.empty or name not in TENSORS


def saving(text: Callable[..., Any]) -> Callable[..., Any]:
    """The definition (xp, save, *arrays) with save given by name, as calls and replays do."""
    @wraps(text)
    def call(xp: Any, *arrays: Any, save: bool, **consts: Any) -> Any:
        return text(xp, save, *arrays, **consts)

    return call


def by_name(text: Callable[..., Any], fixed: list[str]) -> Callable[..., Any]:
    """The text with constants before its `/` (astype's dtype) given by name, as calls and replays do."""
    @wraps(text)
    def call(xp: Any, *arrays: Any, **consts: Any) -> Any:
        return text(xp, *arrays, *[consts.pop(name) for name in fixed], **consts)

    return call
