"""A formula as CUDA C: the function of one element, and the kernels that apply it to arrays.

Two kernels serve all shapes. `flat` walks through arrays that lie alike, several elements at a time, beside which an array of
one element may stand. `strided` gets a step for each axis of each array (layout.py), so that broadcast, transposed and cut
arrays are read where they lie. Halves are read as float and rounded when the result is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...generated.expansions import PRIMITIVES, NoExpansion, expand
from ...generated.expression import HALVES, Expression, in_order
from ..machine.source import C_TYPES, HEADERS

AXES = 8
"""Axes that a strided kernel walks through, after those that lie alike were joined."""

BYTES = 16
"""What a thread reads of an array at a time."""

_CALLS = {
    "round": "rint", "max": "larger", "min": "smaller", "sign": "sign_of", "logaddexp": "log_add", "mod": "rest_of",
    "floordiv": "floor_of", "exponent": "exponent_of", "mantissa": "mantissa_of", "pow2": "power_of_two", "abs": "fabs",
} | {
    name: name
    for name in (
        "exp expm1 log log1p log2 log10 sqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh erf erfc lgamma floor "
        "ceil trunc rint copysign atan2 hypot nextafter fma fmod"
    ).split()
}  # fmt: skip
_WRITTEN = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}", "lt": "{} < {}", "le": "{} <= {}",
    "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}", "and": "{} && {}", "or": "{} || {}", "xor": "{} != {}",
    "not": "!{}", "copy": "{}", "square": "{0} * {0}", "reciprocal": "1 / {}", "where": "{} ? {} : {}", "isnan": "{0} != {0}",
}  # fmt: skip
KNOWN = PRIMITIVES | frozenset(_CALLS) | frozenset(_WRITTEN) | {"pow", "isinf", "isfinite", "signbit"}
"""Functions that are written as they are; others are expanded first."""

PRODUCTS = {-1: "1 / {0}", 0: "1", 1: "{0}", 2: "{0} * {0}", 3: "{0} * {0} * {0}", 4: "({0} * {0}) * ({0} * {0})"}
"""Powers that are no call."""


def lowered(root: Expression) -> Expression:
    """The formula in functions that have a text here, with halves only in memory. Raises NoExpansion where that cannot be."""
    made = expand(root, KNOWN)
    for e in in_order([made]):
        if e.dtype.kind not in "fb" and e.dtype.name not in HALVES:
            raise NoExpansion(f"numbers of {e.dtype}")
        if e.dtype.name in HALVES and e.kind not in ("input", "cast"):
            raise NoExpansion(f"{e.kind} of {e.dtype}")
    return made


def per_read(dtypes: list[Any]) -> int:
    """Elements that a thread treats at a time: BYTES of the widest."""
    return BYTES // int(max(d.itemsize for d in dtypes))


def text(name: str, inputs: list[Any], root: Expression, kind: str) -> str:
    """The text of one kernel and of the function it applies.

    inputs: their dtypes in memory, by place. root: lowered. kind: "flat" or "strided".
    """
    dtypes = [*inputs, root.dtype]
    body = [_flat(name, dtypes)] if kind == "flat" else [_layout(name, len(inputs)), _strided(name, dtypes)]
    return "\n".join([*includes([root]), _function(name, inputs, root), *body, ""])


def includes(roots: Sequence[Expression]) -> list[str]:
    """What the text of formulas needs before it."""
    headers = sorted({HEADERS[e.dtype.name] for e in in_order(roots) if e.dtype.name in HEADERS})
    return [*[f"#include <{h}>" for h in headers], '#include "formula.cuh"']


def _function(name: str, inputs: list[Any], root: Expression) -> str:
    lines, names = statements([root])
    takes = ", ".join(f"const {type_of(d)} a{i}" for i, d in enumerate(inputs))
    of = f"__device__ __forceinline__ {type_of(root.dtype)} of_{name}({takes}) {{"
    return "\n".join([of, *[f"  {line}" for line in lines], f"  return {names[root]};", "}"])


def statements(roots: Sequence[Expression]) -> tuple[list[str], dict[Expression, str]]:
    """What computes lowered formulas of the inputs a0, a1 ..., and under which name each part of them is found then."""
    names: dict[Expression, str] = {}
    lines: list[str] = []
    for e in in_order(roots):
        if e.kind == "input":
            names[e] = f"a{e.value}"
        elif e.kind == "const":
            names[e] = _number(e.value, e.dtype)
        else:
            names[e] = f"v{len(lines)}"
            lines.append(f"const {type_of(e.dtype)} v{len(lines)} = {_value(e, [names[a] for a in e.args])};")
    return lines, names


def _value(e: Expression, a: list[str]) -> str:
    kind = e.kind
    if kind == "cast":
        return _cast(a[0], e.args[0].dtype, e.dtype)
    if kind == "guarded":  # a fast value, whether it holds, and what the C library's function is given
        return f"{a[1]} ? {a[0]} : {e.value}({a[2]})"
    if kind == "pow":
        n = e.args[1].value if e.args[1].kind == "const" else None
        return PRODUCTS[n].format(a[0]) if n in PRODUCTS else f"pow({a[0]}, {a[1]})"
    if kind in ("isinf", "isfinite"):
        return f"fabs({a[0]}) {'==' if kind == 'isinf' else '<'} {_number(np.inf, e.args[0].dtype)}"
    if kind == "signbit":
        return f"copysign({_number(1, e.args[0].dtype)}, {a[0]}) < 0"
    if kind in _CALLS:
        return f"{_CALLS[kind]}({', '.join(a)})"
    return _WRITTEN[kind].format(*a)


def _cast(a: str, old: Any, new: Any) -> str:
    """A conversion, rounded once. Of halves CUDA has only those of float and double."""
    if new.kind == "b":
        return f"{_cast(a, old, np.dtype('float32')) if old.name in HEADERS else a} != 0"
    if old.name in HEADERS:
        wide = f"__{'half' if old.name == 'float16' else 'bfloat16'}2float({a})"
        return wide if new == np.float32 else _cast(wide, np.dtype("float32"), new)
    if new.name in HEADERS:
        return f"__{'double' if old == np.float64 else 'float'}2{'half' if new.name == 'float16' else 'bfloat16'}({a})"
    return f"{type_of(new)}({a})"


def type_of(dtype: Any) -> str:
    return C_TYPES[dtype.name]


def _number(value: Any, dtype: Any) -> str:
    """A number in the dtype, exactly."""
    if dtype.kind == "b":
        return "true" if value else "false"
    with np.errstate(over="ignore"):
        exact = float(dtype.type(value)) if dtype.kind == "f" else float(value)
    if not np.isfinite(exact):
        word = "0x7fffffff" if exact != exact else "0xff800000" if exact < 0 else "0x7f800000"
        return f"{type_of(dtype)}(__int_as_float({word}))"
    if np.copysign(1, exact) < 0:
        return f"(-{_number(-exact, dtype)})"
    return f"{exact.hex()}{'f' if dtype.itemsize == 4 else ''}"


def _parameters(dtypes: list[Any]) -> str:
    *inputs, output = dtypes
    given = "".join(f"const {type_of(d)}* __restrict__ a{i}, " for i, d in enumerate(inputs))
    return f"{given}{type_of(output)}* __restrict__ y"


_FIRST = "blockIdx.x * (long long)blockDim.x + threadIdx.x"


def _flat(name: str, dtypes: list[Any]) -> str:
    places, n = range(len(dtypes) - 1), per_read(dtypes)
    fits = " && ".join([*[f"fits<{n}>(a{i}, single & {1 << i})" for i in places], f"fits<{n}>(y, false)"])
    several = "".join(
        f"    const auto b{i} = several<{n}>(a{i} + (single & {1 << i} ? 0 : p * {n}), single & {1 << i});\n" for i in places
    )
    each = ", ".join(f"b{i}.at[k]" for i in places)
    one = ", ".join(f"a{i}[single & {1 << i} ? 0 : i]" for i in places)
    out = f"Several<{type_of(dtypes[-1])}, {n}>"
    return f"""KERNEL({name}, 256)({_parameters(dtypes)}, long long n, int single) {{
  const long long threads = (long long)gridDim.x * blockDim.x, first = {_FIRST};
  const long long packs = {fits} ? n / {n} : 0;
  for (long long p = first; p < packs; p += threads) {{
{several}    {out} out;
#pragma unroll
    for (int k = 0; k < {n}; k++) out.at[k] = of_{name}({each});
    reinterpret_cast<{out}*>(y)[p] = out;
  }}
  for (long long i = packs * {n} + first; i < n; i += threads) y[i] = of_{name}({one});
}}"""


def _layout(name: str, inputs: int) -> str:
    """The struct that layout.py fills. Each array has its first element, and a step for each axis."""
    return (
        f"struct Layout_{name} {{ long long units, shape[{AXES}], first[{inputs}], step[{inputs}][{AXES}]; "
        "int axes, single, several, unused; };"
    )


def _strided(name: str, dtypes: list[Any]) -> str:
    places, n = range(len(dtypes) - 1), per_read(dtypes)
    begin = ", ".join(f"i{i} = g.first[{i}]" for i in places)
    steps = " ".join(f"i{i} += at * g.step[{i}][d];" for i in places)
    several = "".join(f"      const auto b{i} = several<{n}>(a{i} + i{i}, g.single & {1 << i});\n" for i in places)
    out = f"Several<{type_of(dtypes[-1])}, {n}>"
    return f"""KERNEL({name}, 256)({_parameters(dtypes)}, Layout_{name} g) {{
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long u = {_FIRST}; u < g.units; u += threads) {{
    long long rest = u, {begin};
    for (int d = g.axes - 1; d >= 0; d--) {{
      const long long at = split_off(rest, g.shape[d]);
      {steps}
    }}
    if (g.several) {{
{several}      {out} out;
#pragma unroll
      for (int k = 0; k < {n}; k++) out.at[k] = of_{name}({', '.join(f'b{i}.at[k]' for i in places)});
      reinterpret_cast<{out}*>(y)[u] = out;
    }} else {{
      y[u] = of_{name}({', '.join(f'a{i}[i{i}]' for i in places)});
    }}
  }}
}}"""
