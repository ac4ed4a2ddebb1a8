"""The grammar of a kernel's declaration. The declarations themselves are in registry.py.

A line is a kernel's name, its arguments in order, and after `->` its outputs in order:

    layer_norm       x:float(M,D) weight:float(D)? bias:float(D)? eps             -> y | mean rstd
    layer_norm_grad  gy:float(M,D) x:float(M,D) weight:float(D)? mean:float(M) rstd:float(M)   -> gx gweight gbias

An argument without a colon is a constant (a geometry, an axis, a number); one that is a size of the forward kernel's arrays says
which: `rows=V`. The others are arrays, `name:kind(shape)`:

kind
    float    a floating array; all of a call have one dtype. Integers and booleans take the floats' dtype, or the default
             dtype where no other argument is floating. Different floats meet in the wider one, as the array API promotes.
    number   likewise, but integers among themselves stay integers.
    follows  a cotangent: it takes the dtype that the others have, and never widens it.
    int      class numbers, ids, lengths. Kernels get int64.
    place    flat places that a kernel of the same set returned: as narrow as it made them, or int64.
    scalar   a 0-d array of a dtype of its own.
    saved    what the forward kernel returned for its gradient; only the set that made it can read it.
shape
    Letters bind sizes and must agree wherever they stand; 4H is four times H; *S is any number of axes; g.x_shape is the
    geometry's; =x is another argument's shape; ... is any shape.
behind it
    <V       every integer is from 0 to V - 1; <V|k: or equals the constant k.
    ?        may be None.
    *        a list of such arrays.
    !        written in place: never converted, so its dtype must be the one that the call computes in.

Outputs behind a `|` are saved for the gradient and are no result of the op. The gradient with respect to `x` is called `gx`,
among arguments (of an output) and among outputs (of an argument). A kernel without outputs writes to its arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_ARGUMENT = re.compile(
    r"(?P<name>\w+)(?:=(?P<size>[A-Z]))?(?::(?P<kind>\w+)(?:\((?P<shape>[^)]*)\))?(?:<(?P<bound>[\w.]+)(?:\|(?P<spared>\w+))?)?(?P<flags>[*!?]*))?"
)
KINDS = ("float", "number", "follows", "int", "place", "scalar", "saved")


@dataclass(frozen=True)
class Argument:
    """One argument of a kernel; kind "" is a constant. See the head of this module for the words."""

    name: str
    size: str
    kind: str
    shape: str
    bound: str
    spared: str
    optional: bool
    listed: bool
    written: bool

    @property
    def is_array(self) -> bool:
        """Whether it is an array, or a list of them, whose dtype and shape are checked."""
        return self.kind not in ("", "saved")


@dataclass(frozen=True)
class Declaration:
    """What a kernel is called with and what it returns.

    family: name of the module that holds it, in every set. outputs: names of the results. saved: names of what else the
    kernel returns, behind them, for its gradient.
    """

    name: str
    family: str
    arguments: tuple[Argument, ...]
    outputs: tuple[str, ...]
    saved: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all arguments."""
        return tuple(a.name for a in self.arguments)

    @cached_property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arguments that are arrays."""
        return tuple(a.name for a in self.arguments if a.is_array)

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """Names of the arguments that are neither arrays nor residuals."""
        return tuple(a.name for a in self.arguments if not a.kind)


def parse(family: str, line: str) -> Declaration:
    """Read one line. Raises ValueError that quotes what it cannot read."""
    call, _, results = line.partition("->")
    name, *arguments = call.split()
    outputs, _, saved = results.partition("|")
    return Declaration(name, family, tuple(map(_argument, arguments)), tuple(outputs.split()), tuple(saved.split()))


def _argument(text: str) -> Argument:
    found = _ARGUMENT.fullmatch(text)
    if found is None or (found["kind"] or KINDS[0]) not in KINDS:
        raise ValueError(f"{text!r} declares no argument of a kernel")
    flags = found["flags"] or ""
    shape = "..." if found["shape"] is None else found["shape"]
    return Argument(
        found["name"], found["size"] or "", found["kind"] or "", shape, found["bound"] or "",
        found["spared"] or "", "?" in flags, "*" in flags, "!" in flags,
    )  # fmt: skip
