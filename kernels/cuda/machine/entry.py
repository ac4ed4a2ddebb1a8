"""A launch of one kernel in one dtype as a function of its own: the checks of each parameter, written out.

    def entry(blocks, shared, x, y, n):
        d = x.data
        if x.dtype is not dtype_0 or not x.flags.c_contiguous or d.ptr % 4: return False
        ...

It launches and says True where all arguments are as they nearly always are. Where one is not it says False and has done nothing:
the general way of launch.py then says what is wrong, or converts. A loop over parameters would cost the host twice as much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .table import PointerTable

if TYPE_CHECKING:
    from .launch import Kernel

Entry = Callable[..., bool]


def entry(
    kernel: Kernel, dtype: str, conversions: Sequence[tuple[str, Any, Any]], kind: type, leading: Any, scope: dict[str, Any]
) -> Entry:
    """The function (blocks, shared, *arguments) -> whether it launched.

    conversions: for each parameter its name, dtype or None, and what makes its scalar. kind: the class of device arrays.
    leading: what was given for the array of whose dtype the kernel is; it may be a table of arrays.
    scope: what it calls: `current` (the number of the device in use), `ready` (kernel, dtype, device -> the compiled function),
    and `most`, the largest grid.
    """
    names = [f"a{i}" for i in range(len(conversions))]
    known: dict[str, Any] = {
        **scope, "kind": kind, "kernel": kernel, "counts": kernel.launches, "dtype": dtype, "block": (kernel.threads,),
    }  # fmt: skip
    first, passed = names[kernel.first_typed], []
    if tabled := type(leading) is PointerTable:  # its arrays were made contiguous, and are of one dtype and on one device
        known["table"], known["tabled"] = PointerTable, leading.dtype
        array = f"{first}.first"
        wrong = f"type({first}) is not table or {first}.dtype is not tabled or type({array}) is not kind"
    else:
        array, wrong = first, f"type({first}) is not kind or {first}.dtype is not dtype_{first}"
    lines = [f"if {wrong}: return False", f"device = {array}.data.device_id", "if device != current(): return False"]
    for name, (_, expected, convert) in zip(names, conversions, strict=True):
        if expected is None:
            known[f"make_{name}"] = convert
            passed.append(f"make_{name}({name})")
            continue
        known[f"dtype_{name}"] = expected
        if name == first and tabled:
            passed.append(f"{name}.on_device()")
            continue
        passed.append(name)
        wrong = f"not {name}.flags.c_contiguous or (d := {name}.data).ptr % {expected.itemsize}"
        if name == first:
            lines.append(f"if {wrong}: return False")
        else:
            other = f"type({name}) is not kind or {name}.dtype is not dtype_{name}"
            lines += [f"if {name} is None: {name} = null", f"elif {other} or {wrong} or d.device_id != device: return False"]
    lines += [
        "function = ready(kernel, dtype, device)",
        "grid = (blocks if blocks < most else most,)",
        f"arguments = ({', '.join(passed)},)",
        "if not shared:",
        "    function(grid, block, arguments)",
        "else:",
        "    if shared > function.max_dynamic_shared_size_bytes:",
        "        function.max_dynamic_shared_size_bytes = shared",
        "    function(grid, block, arguments, shared_mem=shared)",
        "counts[dtype] += 1",
        "return True",
    ]
    text = "\n    ".join([f"def entry(blocks, shared, {', '.join(names)}):", *lines])
    exec(compile(text, f"<launch of {kernel.name}>", "exec"), known)  # noqa: S102 - the text is our own
    made: Entry = known["entry"]
    return made
