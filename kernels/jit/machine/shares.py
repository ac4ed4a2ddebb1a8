"""A kernel's parallel loops as functions of a part of them: the kernel is compiled once, for one thread and for several.

    for t in prange(threads):            becomes        launch(share, (x, y), threads)
        body(x, y, t)                                    with share(x, y, first, last), the loop from first to last

Numba's own parallel loops are compiled anew for one thread, and each through many passes of their own, which made up a third of
the time of compilation. Here the loop is cut out of the kernel's text, compiled as any function, and called by one thread, or
by each of Numba's pool. Kernels whose loops are not of this form are left to Numba.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numba
import numba.extending
from llvmlite import ir
from numba.core import cgutils
from numba.core import types as numba_types

types: Any = numba_types  # which its type hints leave empty

PARTS = "threads"
"""The argument that says how many parts a loop has."""

INTP = types.intp

ENDS = ("first_part", "last_part")
"""What a loop is given beside the variables that it reads."""


def outlined(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any] | None:
    """The function with its parallel loops launched, for Numba to compile without parallel=True; None where it cannot be.

    options: of numba.njit, for the loops.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or definition.name != function.__name__:
        return None
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    _strip(definition)
    places = [i for i, part in enumerate(definition.body) if _parallel(part)]
    if not places or len(places) != sum(_is_prange(part) for part in ast.walk(definition)):
        return None
    shares = []
    for k, i in enumerate(places):
        share = _share(definition, i, f"{definition.name}_share{k}")
        if share is None:
            return None
        shares.append(share)
    return _made(function, definition, shares, options)


def _strip(definition: ast.FunctionDef) -> None:
    """Leave out what a function compiled alone cannot look up."""
    definition.decorator_list, definition.returns = [], None
    for argument in (*definition.args.posonlyargs, *definition.args.args, *definition.args.kwonlyargs):
        argument.annotation = None


def _is_prange(part: ast.AST) -> bool:
    return isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "prange"


def _parallel(part: ast.stmt) -> bool:
    """Whether a statement is a loop over the parts of a kernel."""
    if not isinstance(part, ast.For) or not _is_prange(part.iter) or part.orelse:
        return False
    count = part.iter.args  # type: ignore[attr-defined]
    return len(count) == 1 and isinstance(count[0], ast.Name) and count[0].id == PARTS


def _names(parts: list[Any], kind: type) -> set[str]:
    """The names that statements read (ast.Load) or assign (ast.Store)."""
    found = [n for part in parts for n in ast.walk(part)]
    names = {n.id for n in found if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}
    if kind is ast.Load:  # x += 1 reads x too
        names |= {n.target.id for n in found if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    return names


def _share(definition: ast.FunctionDef, place: int, name: str) -> ast.FunctionDef | None:
    """Cut a loop out of a kernel and launch it there; gives its function. None where it hands a value to what follows."""
    loop: Any = definition.body[place]
    arguments = [a.arg for a in (*definition.args.posonlyargs, *definition.args.args)]
    before = {*arguments, *_names(definition.body[:place], ast.Store)}
    inside, after = _names([loop], ast.Store), _names(definition.body[place + 1 :], ast.Load)
    if inside & before & after or any(isinstance(n, (ast.Return, ast.Yield)) for n in ast.walk(loop)):
        return None
    held = sorted(_names(loop.body, ast.Load) & before)
    values = ", ".join(held)
    share: Any = ast.parse(f"def {name}({', '.join([*held, *ENDS])}):\n    for _ in range({', '.join(ENDS)}): pass").body[0]
    share.body[0].target, share.body[0].body = loop.target, loop.body
    launched = ast.parse(f"launch({name}, ({values}{',' if len(held) == 1 else ''}), {PARTS})").body[0]
    definition.body[place] = launched
    return None if {*ENDS, "launch"} & ({*held} | inside) else share


def _made(
    function: Callable[..., Any], definition: ast.FunctionDef, shares: list[ast.FunctionDef], options: dict[str, Any]
) -> Callable[..., Any]:
    """The functions of the new text, with the globals and the surrounding variables of the old one."""
    free = dict(zip(function.__code__.co_freevars, (c.cell_contents for c in function.__closure__ or ()), strict=True))
    for share in shares:
        free[share.name] = numba.njit(**options)(_compiled(share, function, free))
    made: Callable[..., Any] = _compiled(definition, function, {**free, "launch": launch})
    return made


def _compiled(definition: ast.FunctionDef, function: Callable[..., Any], free: dict[str, Any]) -> Any:
    around: Any = ast.parse(f"def around({', '.join(free)}):\n    return {definition.name}")
    around.body[0].body.insert(0, definition)
    ast.fix_missing_locations(around)
    space: dict[str, Any] = {}
    exec(compile(around, function.__code__.co_filename, "exec"), function.__globals__, space)  # noqa: S102 - the kernel's own text
    made = space["around"](**free)
    made.__module__ = function.__module__
    made.__qualname__ = function.__qualname__.replace(function.__name__, definition.name)
    return made


# ---------------------------------------------------------------------- machine code
@numba.extending.intrinsic
def launch(typing: Any, share: Any, held: Any, parts: Any) -> Any:
    """share(*held, first, last) for parts of the range, by as many threads; by this one if it is one part."""
    inner = share.get_call_type(typing, (*held.types, types.intp, types.intp), {})

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        compiled = share.dispatcher.overloads[inner.args]
        context.active_code_library.add_linking_library(compiled.library)
        _, values, count = args
        each = zip(held.types, cgutils.unpack_tuple(builder, values), strict=True)
        values = cgutils.pack_struct(builder, [_lent(context, builder, t, v) for t, v in each])
        kept = ir.LiteralStructType([values.type, ir.IntType(8)])
        place = cgutils.alloca_once(builder, kept)
        builder.store(cgutils.pack_struct(builder, (values, ir.Constant(ir.IntType(8), 0))), place)
        part = _part(context, builder, compiled.fndesc, inner, kept)
        _run(builder, part, place, count)
        failed = builder.load(cgutils.gep_inbounds(builder, place, 0, 1))
        with builder.if_then(cgutils.is_not_null(builder, failed), likely=False):
            context.call_conv.return_user_exc(builder, MemoryError, ("a part of a kernel has no memory",))
        return context.get_dummy_value()

    return types.none(share, held, types.intp), code


def _lent(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """An array without the holder of its memory, which the kernel keeps for as long as its parts run.

    Each slice of an array counts its holder up and down again, with operations that two threads at once take far longer for.
    """
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = context.get_constant_null(types.MemInfoPointer(kind.dtype))
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        parts = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(builder, kind, [_lent(context, builder, t, v) for t, v in parts])
    return value


def _part(context: Any, builder: Any, described: Any, inner: Any, kept: Any) -> Any:
    """The function that Numba's pool calls: its first argument is the first part, in the place of an address."""
    word, byte = ir.IntType(INTP.bitwidth), ir.IntType(8)
    address, numbers = byte.as_pointer(), word.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [address.as_pointer(), numbers, numbers, address])
    part = ir.Function(builder.module, kind, builder.module.get_unique_name(f"{builder.function.name}.part"))
    part.linkage = "internal"
    inside = ir.IRBuilder(part.append_basic_block("entry"))
    first = inside.ptrtoint(inside.load(part.args[0]), word)
    last = inside.add(first, inside.load(part.args[1]))
    place = inside.bitcast(part.args[3], kept.as_pointer())
    values = cgutils.unpack_tuple(inside, inside.load(cgutils.gep_inbounds(inside, place, 0, 0)))
    status, _ = context.call_internal_no_propagate(inside, described, inner, [*values, first, last])
    with inside.if_then(status.is_error, likely=False):
        inside.store(byte(1), cgutils.gep_inbounds(inside, place, 0, 1))
    inside.ret_void()
    return part


def _run(builder: Any, part: Any, place: Any, count: Any) -> None:
    """Call the parts: one here, several in the pool."""
    word, byte = ir.IntType(INTP.bitwidth), ir.IntType(8)
    address = byte.as_pointer()
    arguments, counts, steps = (cgutils.alloca_once(builder, t) for t in (address, word, word))
    builder.store(address(None), arguments)
    builder.store(count, counts)
    builder.store(word(1), steps)
    given = [arguments, counts, steps, builder.bitcast(place, address)]
    with builder.if_else(builder.icmp_signed("==", count, word(1))) as (alone, several):
        with alone:
            builder.call(part, given)
        with several:
            pool = ir.FunctionType(ir.VoidType(), [address] * 5 + [word] * 3)
            run = cgutils.get_or_insert_function(builder.module, pool, "numba_parallel_for")
            builder.call(run, [*(builder.bitcast(a, address) for a in (part, *given)), word(0), word(1), count])
