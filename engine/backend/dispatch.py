"""Where a kernel is picked: once for all sets, by all arrays of a call.

For every kernel a function is written from its declaration (dlengine.kernels.registry) that recognises the common call:
arrays of the namespace's library, floats of one dtype that the set has, shapes that fit. It compares types and dtypes by
identity and shapes by value, nothing else, and costs less than the general function with *args that it replaced. Every other
call is first prepared (arguments.py): converted, or refused in words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from dlengine.kernels.declaration import Argument
from dlengine.kernels.registry import declaration

from .arguments import Saved, bound_of, check_range, places_of, prepared

fallbacks: Counter[str] = Counter()
"""Calls that a kernel set in force left to the reference, per "set:kernel[dtype]"; `dlengine parity` shows them."""

_dtypes, _shapes = attrgetter("dtype"), attrgetter("shape")


def _alike(arrays: Any, kind: Any, dtype: Any) -> bool:
    """Whether all arrays of a list are of one type and dtype."""
    return [*map(type, arrays)].count(kind) == [*map(_dtypes, arrays)].count(dtype) == len(arrays) > 0


def _product(item: str) -> str:
    """4H as Python has it."""
    return f"{item[0]} * {item[1:]}" if item[0].isdigit() and len(item) > 1 else item


class _Written:
    """The text of one kernel's function, and the names that are bound in it."""

    def __init__(self, arguments: tuple[Argument, ...]) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self.known = {a.name for a in arguments if not a.kind}
        self.tests: list[str] = []
        self.counts = Counter(letter for a in arguments for letter in re.findall("[A-Z]", f"{a.shape} {a.bound}"))
        first = next(a for a in arguments if a.kind in ("float", "number"))
        self.first = first.name
        self.lines.append(f"_d = {first.name}{'[0]' if first.listed else ''}.dtype")
        if "axis" in self.known:
            self.tests.append(f"-{self.first}.ndim <= axis < {self.first}.ndim")
        for a in sorted(arguments, key=lambda a: (a.shape.startswith("="), a.optional)):
            if a.is_array:
                self._test(a)
        self.saved = next((a.name for a in arguments if a.kind == "saved"), None)
        if self.saved:  # made by the same kernel from the same arguments
            n = self.saved
            self.tests.append(
                f"type({n}) is Saved and {n}.maker is XP and {n}.dtype is _d and {n}.lengths is lengths "
                f"and {n}.shapes == (x.shape, h0.shape) and {n}.reverse == reverse"
            )

    def _test(self, a: Argument) -> None:
        n = a.name
        if a.listed:
            tests = [f"_alike({n}, _A, _d)"]
            if a.shape.startswith("="):
                tests.append(f"[*map(_shapes, {n})] == shapes")
            else:
                tests.append(f"bool(shapes := [*map(_shapes, {n})])")
        else:
            tests, same = [f"type({n}) is _A"], [] if n == self.first else [f"{n}.dtype is _d"]
            own = {"int": [f"{n}.dtype is _I"], "place": [f"{n}.dtype in _P"], "scalar": [f"{n}.ndim == 0", f"{n}.dtype is _d"]}
            tests += own.get(a.kind, same)
            tests += self._shape(a)
        test = " and ".join(tests)
        self.tests.append(f"({n} is None or {test})" if a.optional else test)

    def _shape(self, a: Argument) -> list[str]:
        """The tests of a shape, after lines that bind its new letters."""
        n, spec = a.name, a.shape
        if spec == "...":
            return []
        if spec.startswith("="):
            return [f"{n}.shape == {spec[1:]}.shape"]
        if spec.endswith("_shape"):
            return [f"{n}.shape == {spec}"]
        items = spec.split(",") if spec else []
        if not any(item[0] == "*" or self._binds(item) for item in items):
            return [f"{n}.shape == ({''.join(f'{_product(item)}, ' for item in items)})"]
        star = next((i for i, item in enumerate(items) if item[0] == "*"), None)
        self.lines.append(f"{n}_shape = {n}.shape")
        tests = [f"len({n}_shape) {'==' if star is None else '>='} {len(items) - (star is not None)}"]
        for place, item in enumerate(items):
            at = place if star is None or place < star else place - len(items)
            if place == star:
                if item[1:] in {b.name for b in self.arguments}:
                    tests.append(f"{n}_shape[{place}:{at + 1 or None}] == {item[1:]}.shape")
            elif not self._binds(item):
                tests.append(f"{n}_shape[{at}] == {_product(item)}")
            elif self.counts[item] > 1:  # a letter that stands once says nothing
                self.known.add(item)
                self.lines.append(f"{item} = {n}_shape[{at}]")
        return tests

    def _binds(self, item: str) -> bool:
        return len(item) == 1 and item.isalpha() and item not in self.known

    def text(self, taken: int, host: bool, looks: bool) -> str:
        names = [a.name for a in self.arguments]
        call = ", ".join(names).replace(f", {self.saved}", f", {self.saved}.values")
        kept = "kept({}, x, h0, lengths, reverse, {})" if "save" in names else "{}"
        own = f" and {self.saved}.native" if self.saved else ""
        checks = [
            f"        check_range(NAME, {a.name}_argument, {a.name}, {a.bound}{f', {a.spared}' if a.spared else ''})"
            for a in self.arguments
            if a.bound
        ]
        body = [
            f"def run({', '.join(names)}):",
            "    global kernel",
            "    try:",
            *[f"        {line}" for line in self.lines],
            f"        fine = {' and '.join(self.tests)}",
            "    except (AttributeError, TypeError, ValueError, IndexError):",
            "        fine = False",
            f"    if fine and ({' or '.join(f'_d is _D{i}' for i in range(taken)) or False}){own}:",
            *(checks if host and not looks else ()),
            "        if kernel is None:",
            "            kernel = load()",
            "        launches[NAME] += 1",
            f"        return {kept.format(f'kernel({call})', True)}",
            f"    if fine and _d in labels{own.replace('and', 'and not')}:",
            *(checks if host else ()),
            "        fallbacks[labels[_d]] += 1",
            f"        return {kept.format(f'fallback({call})', False)}",
            f"    return general([{', '.join(names)}])",
        ]
        return "\n".join(body)


@dataclass(frozen=True)
class Chosen:
    """What answers calls of a kernel in a namespace.

    dtypes: those that the set in force has ("*": all). load: gives the set's kernel. launches: its counter. fallback: the
    reference, bound to the namespace, which does the other dtypes. label: of these calls, in `fallbacks`. checks_range:
    whether the set's kernel refuses integers out of range itself.
    """

    dtypes: tuple[str, ...]
    load: Callable[[], Callable[..., Any]]
    launches: Counter[str]
    fallback: Callable[..., Any]
    label: str
    checks_range: bool


def picker(xp: Any, name: str, array_type: Any, chosen: Chosen) -> Callable[..., Any]:
    """The function that a namespace has under a kernel's name. On the CPU it also refuses integers out of range."""
    arguments = declaration(name).arguments
    names = declaration(name).names
    dtypes, load, launches, fallback = chosen.dtypes, chosen.load, chosen.launches, chosen.fallback
    label, host, looks = chosen.label, array_type is np.ndarray, chosen.checks_range
    every = "*" in dtypes
    floats = [np.dtype(d) for d in ("float32", "float64", "float16")]
    taken = [d for d in floats if every or d.name in dtypes]
    scope: dict[str, Any] = {
        "fallback": fallback, "fallbacks": fallbacks, "labels": {d: f"{label}[{d}]" for d in floats if d not in taken},
        "NAME": name, "_A": array_type, "_I": np.dtype("int64"), "_P": places_of(xp),
        "launches": launches, "load": load, "kernel": None,
        "check_range": check_range, "Saved": Saved, "XP": xp, "_alike": _alike, "_shapes": _shapes,
        **{f"_D{i}": d for i, d in enumerate(taken)}, **{f"{a.name}_argument": a for a in arguments},
    }  # fmt: skip

    def general(values: list[Any]) -> Any:
        values, dtype = prepared(xp, name, arguments, values)
        saved = next((v for v in values if type(v) is Saved), None)
        native = saved.native if saved else every or (isinstance(dtype, np.dtype) and dtype.name in dtypes)
        if host and not (native and looks):
            for argument, value in zip(arguments, values, strict=True):
                if argument.bound:
                    spared = next((v for a, v in zip(arguments, values, strict=True) if a.name == argument.spared), None)
                    check_range(name, argument, value, bound_of(argument, arguments, values), spared)
        given = [v.values if v is saved else v for v in values] if saved else values
        if native:
            if scope["kernel"] is None:
                scope["kernel"] = load()
            launches[name] += 1
            return forward(scope["kernel"](*given), values, native)
        shown = dtype if dtype is not None else next(v.dtype for a, v in zip(arguments, values, strict=True) if a.is_array)
        fallbacks[f"{label}[{shown}]"] += 1
        return forward(fallback(*given), values, native)

    def kept(result: Any, x: Any, h0: Any, lengths: Any, reverse: bool, native: bool) -> Any:
        if result[-1] is None:
            return result
        return (*result[:-1], Saved(result[-1], xp, native, x.dtype, (x.shape, h0.shape), lengths, reverse))

    def forward(result: Any, values: list[Any], native: bool) -> Any:
        """The result, with what is saved for a gradient under seal."""
        if "save" not in names:
            return result
        x, h0, lengths, reverse = (values[names.index(n)] for n in ("x", "h0", "lengths", "reverse"))
        return kept(result, x, h0, lengths, reverse, native)

    scope |= {"general": general, "kept": kept}
    text = _Written(arguments).text(len(taken), host, looks)
    exec(compile(text, f"<{name}, as its declaration has it>", "exec"), scope)  # noqa: S102 - the text is our own
    run: Callable[..., Any] = scope["run"]
    return run
