"""The function that users call for an op: its commonest calls, written out as text from the op's declaration.

Such a call has NumPy's arrays, in an elementwise op floats of one dtype, and every argument in its place. It is recognised by
comparing types and dtypes; all else goes the general way (call.py), which also says what is wrong with a call. A tiny op
spends most of its time between the user and NumPy, and this takes away a good part of that.

The text of an op is compiled when the op is first called, so that importing the package takes no longer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import CodeType, MappingProxyType
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..backend.library import Unrecorded
from ..backend.switch import default_policy, scoped
from ..recording import answer
from ..recording.answers import PLAIN_CONSTANTS, mode
from ..recording.generators import FEWEST
from ..recording.pointwise import spread
from .base import Node, TensorBase, next_sequence, recording, touched, wrap
from .call import NAMES_ELSEWHERE, array, several
from .declaration import AXES, Op
from .direct_record import constants_of, listed, recorded
from .fp_errors import QUIET, SET, restore_fp_errors
from .promotion import is_inexact
from .record import anomaly, record, refusal, version_cells
from .small import bind, tell_if_loaded, when_made

_MISSING: Any = object()
"""Stands for an argument that was not given."""

def _word(name: str, value: Any) -> str:
    """What stands in a text for a default of a constant; "" for other than these."""
    if type(value) is int:
        return {-1: "_LAST", 0: "_FIRST", 2: "_TWO"}.get(value, "")
    if type(value) is float:  # the object itself: a call that names another one of the same value goes the general way
        return f"_op.defaults[{name!r}]"
    return repr(value) if value is None or value is False else ""


MOST = 4
"""Ops of more arrays than this are called the general way."""


def direct(op: Op, general: Callable[..., Any]) -> Callable[..., Any]:
    """The function that users call for an op; general: the one that takes any arguments."""
    if not 1 <= len(op.arrays) <= MOST or op.save:
        return general
    _definition, _general, _guards, _op = op.text, general, op.guards, op

    def call(*args: Any, **consts: Any) -> Any:
        # Until its own text is compiled; the variables of the function around it are those that the text needs.
        _ = _definition, _guards
        function: Any = _op.call
        function.__defaults__ = tuple([_op.defaults.get(name, _MISSING) for name in _op.arrays + _op.consts])
        form = _Form.of(_op)
        function.__kwdefaults__ = dict.fromkeys(theirs for theirs, _ in form.second_names())
        function.__code__ = _code(form)
        found = _general(*args, **consts)
        tell_if_loaded()
        return found

    op.call = call
    return call


class _Form(NamedTuple):
    """All of a declaration that its text depends on. needed: the constants without which there is no call. usual: the
    defaults of all constants, with which another function may answer small calls (small.py), which is asked with any constants of
    a view; None where none may."""

    arrays: tuple[str, ...]
    consts: tuple[str, ...]
    needed: tuple[str, ...]
    required: frozenset[str]
    promotes: bool
    view: bool
    dtyped: bool
    read: bool
    listed: bool
    same: str
    usual: tuple[tuple[str, Any], ...] | None

    @classmethod
    def of(cls, op: Op) -> _Form:
        needed = tuple([name for name in op.consts if name not in op.defaults])
        read = not (op.view or op.dtyped or op.several)
        promotes = op.promotes is not None
        usual: tuple[tuple[str, Any], ...] | None = None
        if (op.view or op.listed) and not (op.several or op.dtyped) and len(op.arrays) == 1:
            usual = ()
        elif len(op.arrays) <= 3 and not (op.several or op.view or op.listed or op.kernel or needed):
            usual = tuple([(name, op.defaults[name]) for name in op.consts])
            usual = usual if all([_word(name, value) for name, value in usual]) else None
        read = read and not op.listed
        return cls(op.arrays, op.consts, needed, op.required, promotes, op.view, op.dtyped, read, op.listed, op.same, usual)

    def second_names(self) -> list[tuple[str, str]]:
        """PyTorch's dim and keepdim, and the constants that they mean here."""
        found = []
        for theirs in ("dim", "keepdim"):
            here = next((n for n in NAMES_ELSEWHERE[theirs] if n in self.consts), None)
            if here is not None and theirs not in self.arrays + self.consts:
                found.append((theirs, here))
        return found

    def _translated(self) -> list[str]:
        """The lines that give such arguments their names here; if both names are given, what follows says so."""
        lines = []
        for theirs, here in self.second_names():
            lines += [
                f"        if {theirs} is not None:",
                f"            if {here} is _op.defaults.get({here!r}, _MISSING):",
                f"                {here} = tuple({theirs}) if _type({theirs}) is _list else {theirs}",
                f"            else: _others[{theirs!r}] = {theirs}",
            ]
        return lines

    def text(self) -> str:
        several = len(self.arrays) > 1
        lines = ["if _more or _others: break", *[f"if {name} is _MISSING: break" for name in self.needed]]
        if self.same:
            (x,) = self.arrays
            unchanged = f"_type({x}.array) is _ND and {x}.array.dtype.kind in {self.same.replace('i', 'iu')!r}"
            lines.append(f"if _isinstance({x}, _T) and {unchanged} and _definition is _op.original: return {x}")
        if self.dtyped:
            lines.append("if dtype is not None and (_type(dtype) not in _DTYPES or dtype.kind == 'V'): break")
        for n in self.consts:
            if n in AXES:  # the general function says that these must be integers
                lines.append(f"if {n} is True or {n} is False or _type({n}) is _tuple and _bool in [*_map(_type, {n})]: break")
        lines += [
            "_policy = _scoped()",
            "if _policy is None:",
            "    if not _default_policy: break",
            "    _policy = _default_policy[0]",
        ]
        bound: list[str] = []
        if self.usual is not None:
            test = "".join([f" and {name} is {_word(name, value)}" for name, value in self.usual])
            bound = [
                f"if _op.policy is _policy{test}:",
                f"    _out = _op.bound({', '.join(self.arrays + self.consts if self.view or self.listed else self.arrays)})",
                "    if _out is not None: return _out",
            ]
            if not (self.view or self.listed):
                bound += [
                    "    if _op.wide is not None:",
                    f"        _out = _op.wide({', '.join(self.arrays)})",
                    "        if _out is not None: return _out",
                ]
        asked = [f"    {line}" for line in bound]
        if self.listed:
            lines += bound
        elif not several and bound:  # what answers looks at the array itself
            (x,) = self.arrays
            lines += [f"try: _needs = {x}.needs_grad", "except _AttributeError: break"]
            lines += ["if not _needs or not _recording():", *asked]
        if several and bound:
            free = "_isinstance({x}, _T) and not {x}.needs_grad"
            each = [(free if self._refuses_none(x) else f"({{x}} is None or {free})").format(x=x) for x in self.arrays]
            lines += [f"_asked = {' and '.join(each)}", "if _asked:", *asked]
        lines += self._several() if several else self._one()
        lines += [
            "if not _needs or not _recording():",
            *(["    if not _asked:", *[f"    {line}" for line in asked]] if several and bound else []),
            "    if _needs:",
            "        if _touched() is not None: break  # a checkpoint is told",
            "        _needs = False",
            "elif _anomaly(): break",
            "try: _xp = _policy.spaces[_ND]",
            "except _Unrecorded: break",
            *(["if dtype is not None and not _xp.library.native_dtypes: break"] if self.dtyped else []),
            *self._computed(),
            "if _type(_y) is not _ND:",
            "    if _type(_y) is tuple:",
            f"        return _outputs(_op, _xp, ({listed(self.arrays)}), {constants_of(self)}, _y, _pull, _needs, {self.listed})",
            "    _y = _asarray(_y) if _isinstance(_y, _generic) else _array(_xp, _y)",
            "_out = _leaf(_y)",
            *([] if self.listed else self._shared()),
            "if _needs:",
            *[f"    {line}" for line in recorded(self)],
            *self._counted(),
            "return _out",
        ]
        parameters = ", ".join([f"{name}=None" for name in self.arrays + self.consts])  # the values are given below
        constants = "".join([f", {name}={name}" for name in self.consts])
        second = "".join([f"{theirs}=None, " for theirs, _ in self.second_names()])
        every = listed(self.arrays + self.consts)
        wanted = " or ".join([f"{name} is _MISSING" for name in (*self.arrays, *self.needed)])
        return "\n".join([
            "def make(_definition, _general, _guards, _op):",
            f"    def call({parameters}, *_more, {second}**_others):",
            "        if 0: _guards  # every text has the same free variables",
            *self._translated(),
            "        while True:",
            *[f"            {line}" for line in lines],
            f"        if _more: return _general({every}*_more, **_others)",
            f"        if _others or {wanted}: return _general(**_given(_op, ({every})), **_others)",
            f"        return _general({', '.join(self.arrays)}{constants})",
            "    return call",
        ])  # fmt: skip

    def _refuses_none(self, name: str) -> bool:
        """Whether None in this array's place is left to the general function, which knows what to say of it."""
        return self.promotes or name in self.required

    def _counted(self) -> list[str]:
        """The lines that look for a function from tensors to tensor, after some calls."""
        if self.usual is None:
            return []
        return ["else:", "    _op.waits -= 1", "    if not _op.waits: _bind(_op, _policy, _xp)"]

    def _one(self) -> list[str]:
        """The lines that recognise the only array."""
        (x,) = self.arrays
        if self.listed:
            return [
                f"if not {x} or (_type({x}) is not _list and _type({x}) is not _tuple): break",
                "_a0, _needs, _fast = [], False, False",
                f"for _t in {x}:",
                "    _a = _t.array if _isinstance(_t, _T) else None",
                "    if _type(_a) is not _ND:", "        _a0 = None", "        break",
                "    _d = _a.dtype",
                '    if _d is not _F4 and _d is not _F8 and _d.kind == "V":', "        _a0 = None", "        break",
                "    _a0.append(_a)",
                "    if _t.needs_grad: _needs = True",
                "if _a0 is None: break",
            ]  # fmt: skip
        lines = [
            f"if not _isinstance({x}, _T): break", f"_a0 = {x}.array", "if _type(_a0) is not _ND: break", "_d = _a0.dtype",
        ]  # fmt: skip
        if self.promotes:
            lines.append("if _d is not _F4 and _d is not _F8: break")
        else:
            lines += ["_fast = _d is _F4 or _d is _F8", 'if not _fast and _d.kind == "V": break']
        return lines if self.usual is not None else [*lines, f"_needs = {x}.needs_grad"]

    def _several(self) -> list[str]:
        """The lines that recognise arrays and numbers."""
        lines = ["_d = None"] if self.promotes else ["_fast = True"]
        for i, x in enumerate(self.arrays):
            lines += [f"if _isinstance({x}, _T):", f"    _a{i} = {x}.array", f"    if _type(_a{i}) is not _ND: break"]
            if self.promotes:
                lines += [
                    "    if _d is None:", f"        _d = _a{i}.dtype", "        if _d is not _F4 and _d is not _F8: break",
                    f"    elif _a{i}.dtype is not _d: break",
                ]  # fmt: skip
            else:
                lines += [
                    f"    _d = _a{i}.dtype", "    if _d is not _F4 and _d is not _F8:", '        if _d.kind in "V": break',
                    '        if _d.kind == "c": _fast = False',
                ]  # fmt: skip
            lines.append(f"    _n{i} = {x}.needs_grad")
            if i or self.promotes:
                none = "" if self._refuses_none(x) else f" or {x} is None"
                lines += [
                    f"elif _type({x}) is _float or _type({x}) is _int{none}:", f"    _a{i} = {x}", f"    _n{i} = False",
                ]  # fmt: skip
            lines.append("else: break")
        if self.promotes:
            lines.append("if _d is None: break")
        return [*lines, f"_needs = {' or '.join([f'_n{i}' for i in range(len(self.arrays))])}"]

    def _computed(self) -> list[str]:
        """The lines that compute the value and the pullbacks."""
        arrays = "".join([f", _a{i}" for i in range(len(self.arrays))])
        constants = "".join([f", {name}={name}" for name in self.consts])
        own = f"_y, _pull = _definition(_xp{arrays}{constants})"
        body = [own]
        if self.read:
            held = "" if len(self.arrays) == 1 else "_type(_a{i}) is _ND and "
            size = " or ".join([f"{held.format(i=i)}_a{i}.size {{0}}" for i in range(len(self.arrays))])
            known = f"_readings.get({self._key()}, _MISSING)"
            if self.consts:
                plain = " and ".join([f"_type({name}) in _PLAIN" for name in self.consts])
                known = f"{known} if {plain} else _MISSING"
            body = [
                "_readings, _found = _op.readings[_xp.generator], None",
                f"if _readings is not None and ({size.format('> _FEWEST')} or _mode() != 'auto'):",
                f"    _known = {known}",
                "    if _known is _MISSING or _mode() != 'auto':",
                f"        _found = _answer(_op, ({arrays[2:]},), {constants_of(self)}, _xp.generator)",
                f"    elif _known is not None and ({size.format('>= _known[0]')}{self._broadcast()}):",
                f"        _found = _known[1](({arrays[2:]},))",
                f"if _found is None: {own}",
                "else: _y, _pull = _found",
            ]
        refused = ["except (_ValueError, _TypeError, _IndexError, _OverflowError): break"]
        if self.view:  # which computes nothing
            return ["try:", *[f"    {line}" for line in body], *refused]
        return ["_token = _set_fp(_quiet)", "try:", *[f"    {line}" for line in body], *refused, "finally: _restore(_token)"]

    def _broadcast(self) -> str:
        """What else is asked of the sizes: whether arrays of several shapes broadcast to as many elements."""
        if len(self.arrays) == 1:
            return ""
        differ = "_type(_a0) is _type(_a1) and _a0.shape != _a1.shape and " if len(self.arrays) == 2 else ""
        return f" or {differ}_spread(({', '.join([f'_a{i}' for i in range(len(self.arrays))])}), _known[0])"

    def _key(self) -> str:
        """Under what an op's readings have this call, as answers.answer makes it."""
        if len(self.arrays) == 1 and not self.consts:
            return "_d.char"
        char = "_d.char" if self.promotes or len(self.arrays) == 1 else "_a{i}.dtype.char"
        either = f"{char} if _type(_a{{i}}) is _ND else _a{{i}} or _repr(_a{{i}})"
        kind = "_type(_a{i}), " + (char if len(self.arrays) == 1 else either)
        parts = [kind.format(i=i) for i in range(len(self.arrays))]
        parts += [f"{name!r}, _type({name}), {name} or _repr({name})" for name in self.consts]
        return f"({', '.join(parts)})"

    def _shared(self) -> list[str]:
        if not self.view:
            return []
        x = self.arrays[0]
        return [
            "_base = _y.base",
            "if _y is _a0 or _base is not None and (_base is _a0 or _base is _a0.base):",
            f"    _out.version = {x}.version",
            "    _out._view = True",
        ]


@cache
def _code(form: _Form) -> CodeType:
    """The code of a text, to be run with the variables of `direct`."""
    scope: dict[str, Any] = {}
    exec(compile(form.text(), f"<call of {form.arrays} {form.consts}>", "exec"), scope)  # noqa: S102 - the text is our own
    code: CodeType = scope["make"](None, None, None, None).__code__
    return code


def _given(op: Op, values: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments that were given, by name."""
    return {name: v for name, v in zip(op.arrays + op.consts, values, strict=True) if v is not _MISSING}


def _outputs(
    op: Op, xp: Any, args: tuple[Any, ...], consts: dict[str, Any], y: tuple[Any, ...], pull: Any, needed: bool, nested: bool
) -> Any:
    """What an op with several outputs returns."""
    outs = [wrap(v if type(v) is np.ndarray else array(xp, v)) for v in y]
    return several(op, xp, args, consts, nested, outs, pull, needed)


globals().update({
    "_T": TensorBase, "_ND": np.ndarray, "_F4": np.dtype("float32"), "_F8": np.dtype("float64"), "_leaf": wrap,
    "_scoped": scoped, "_default_policy": default_policy, "_recording": recording.get, "_touched": touched.get,
    "_anomaly": anomaly.get, "_mode": mode, "_FEWEST": FEWEST, "_set_fp": SET, "_quiet": QUIET, "_restore": restore_fp_errors,
    "_answer": answer, "_array": array, "_asarray": np.asarray, "_generic": np.generic, "_record": record, "_refusal": refusal,
    "_cells_of": version_cells, "_Node": Node, "_ref": ref, "_next_sequence": next_sequence, "_is_inexact": is_inexact,
    "_type": type, "_isinstance": isinstance, "_list": list, "_tuple": tuple, "_bool": bool, "_map": map,
    "_float": float, "_int": int, "_repr": repr, "_spread": spread,
    "_PLAIN": PLAIN_CONSTANTS, "_bind": bind, "_LAST": -1, "_FIRST": 0, "_TWO": 2,
    "_DTYPES": frozenset([type(np.dtype(char)) for char in np.typecodes["AllInteger"] + "?efdFD"]),
    "_F4_ALONE": (np.dtype("float32"),), "_F8_ALONE": (np.dtype("float64"),), "_NONE": MappingProxyType({}),
    "_ValueError": ValueError, "_TypeError": TypeError, "_IndexError": IndexError, "_OverflowError": OverflowError,
    "_Unrecorded": Unrecorded, "_AttributeError": AttributeError,
})  # fmt: skip


def _use_leaf(leaf: Callable[[Any], Any]) -> None:
    globals()["_leaf"] = leaf


when_made.append(_use_leaf)
