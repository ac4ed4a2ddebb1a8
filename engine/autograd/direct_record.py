"""The lines of an op's own caller (direct.py) that record a call: record() and make_node(), written out for its declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Form(Protocol):
    """What they depend on. listed: whether the only argument is a list of arrays."""

    @property
    def arrays(self) -> tuple[str, ...]: ...
    @property
    def consts(self) -> tuple[str, ...]: ...
    @property
    def promotes(self) -> bool: ...
    @property
    def listed(self) -> bool: ...


def listed(names: Sequence[str]) -> str:
    """The inside of a tuple of these."""
    return "".join([f"{name}, " for name in names])


def constants_of(form: Form) -> str:
    """The dict of a call's constants; empty ones are the call's unknown keywords, of which there are none."""
    return f"{{{', '.join([f'{name!r}: {name}' for name in form.consts])}}}" if form.consts else "_others"


def recorded(form: Form) -> list[str]:
    """The lines that record the op: record() and make_node() for this number of arrays. What nodes have in common they share."""
    if form.listed:
        return [f"if _is_inexact(_y): _record(_op, _xp, ({listed(form.arrays)}), {constants_of(form)}, True, _pull, _out)"]
    n = len(form.arrays)
    inputs = [
        line
        for i, x in enumerate(form.arrays)
        for line in (
            f"_in{i} = {x}",
            f"if {f'_isinstance({x}, _T) and ' if n > 1 else ''}{x}.node is not None:",
            f"    _in{i} = ({x}.node, {x}._index, _ref({x}))",
        )
    ]
    arguments = listed(form.arrays)
    return [
        "_dy = _y.dtype",
        f"if {'' if form.promotes else '_fast and '}(_dy is _F4 or _dy is _F8):",
        *[f"    {line}" for line in _needed(form)],
        "    _slots = _guards.get(_need)",
        "    if _slots is None: _slots = _op.guarded(_need)",
        *[f"    {line}" for line in inputs],
        "    _node = _Node()",
        "    _node.op = _op",
        "    _node.xp = _xp",
        f"    _node.consts = {constants_of(form) if form.consts else '_NONE'}",
        f"    _node.inputs = [{', '.join([f'_in{i}' for i in range(n)])}]",
        "    _node.need = _need",
        "    _node.pull = _pull",
        "    if not _slots: _node.guards = ()",
        *[f"    elif _slots == {slots}: _node.guards = {cells}" for slots, cells in _few_guards(form)],
        f"    else: _node.guards = _cells_of(_slots, ({arguments}), (_out,))",
        "    if _pull is None: _node.refusal, _node.rare = _refusal(_op), True",
        "    _node.shapes = (_y.shape,)",
        "    _node.dtypes = _F4_ALONE if _dy is _F4 else _F8_ALONE",
        "    _node.seq = _next_sequence()",
        "    _out.node = _node",
        "    _out.needs_grad = True",
        "elif _is_inexact(_y):",
        f"    _record(_op, _xp, ({arguments}), {constants_of(form)}, False, _pull, _out)",
    ]  # fmt: skip


def _few_guards(form: Form) -> list[tuple[tuple[int, ...], str]]:
    """The commonest slots of guarded values (Op.guarded), and a text that says their version cells."""
    several = len(form.arrays) > 1
    found: list[tuple[tuple[int, ...], str]] = [((-1,), "(_out.version,)")]
    for i, x in enumerate(form.arrays):
        found.append(((i,), f"({x}.version,)" + (f" if _isinstance({x}, _T) else ()" if several else "")))
    if len(form.arrays) == 2:
        both = " and ".join([f"_isinstance({x}, _T)" for x in form.arrays])
        cells = ", ".join([f"{x}.version" for x in form.arrays])
        found.append(((0, 1), f"({cells}) if {both} else _cells_of(_slots, ({listed(form.arrays)}), (_out,))"))
    return found


def _needed(form: Form) -> list[str]:
    """The lines that say which arrays need gradients, and list the pullbacks of these."""
    n = len(form.arrays)
    if n == 1:
        return ["_need = (True,)", "if _type(_pull) is tuple: _pull = [_pull[0]]", "elif _pull is not None: _pull = [_pull]"]
    pulls = ", ".join([f"_pull[{i}] if _n{i} else None" for i in range(n)])
    every = " and ".join([f"_n{i}" for i in range(n)])
    lines = [f"if {every}: _need = {(True,) * n}"]
    for i in range(n):
        alone = " and ".join([f"not _n{j}" for j in range(n) if j != i])
        lines.append(f"elif {alone}: _need = {tuple([j == i for j in range(n)])}")
    return [
        *lines,
        *([f"else: _need = ({listed([f'_n{i}' for i in range(n)])})"] if n > 2 else []),
        "if _type(_pull) is tuple:",
        f"    _pull = [{pulls}]",
    ]
