"""Several of NumPy's elementwise functions, one after the other, as one C function from small tensors to a tensor.

Where an op's definition calls some of them on arrays of one shape, most of its time goes by between them. Here the same loops of
NumPy are called, so that every bit is as the definition has it; what lies between two of them is on the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .library import loop_at
from .small_calls import bound_loops, place_of
from .small_chains_code import PLACES

STACK = 1 << 15
"""Bytes for what lies between."""

_kept: list[Any] = []  # programs and constants, whose addresses machine code has


class Step(NamedTuple):
    """One call of a function: a ufunc of up to three arguments, or numpy.where.

    operands: for each argument the number of an array, or a Python number. The arrays that are given come first, then the results
    of the steps. result: the dtype of its result.
    """

    function: Any
    operands: tuple[Any, ...]
    result: Any


class Operand(int):
    """The number of an array, which a Python number is not."""


def chain(found: Mapping[int, tuple[Sequence[Step], int]], cls: type, count: int) -> Callable[..., Any] | None:
    """Steps as a function of so many tensors of one shape; None where some loop is not known, or there are too many.

    Parameters
    ----------
    found : mapping of int to tuple
        For itemsize 4, 8 or both: the steps, and the most elements of a call.
    cls : type
        The class of tensors.
    count : int
        The number of arguments: 1 or 2.
    """
    loops: list[Any] = [None, None]
    for i, size in enumerate((4, 8)):
        if size in found:
            steps, most = found[size]
            words = _program(steps, np.dtype(f"f{size}"), count)
            if words is None:
                return None
            program = np.array(words, np.uint64)
            _kept.append(program)
            result = steps[-1].result
            loops[i] = min(most, STACK // (8 * len(steps))), program.ctypes.data, 0, id(result), result.itemsize
    return bound_loops(loops, cls, "chain", count)


def _program(steps: Sequence[Step], dtype: Any, count: int) -> list[int] | None:
    """What small_chains_code.py reads; the last step has the result."""
    dtypes = [dtype] * count + [step.result for step in steps]
    between = len(steps) - 1
    table = [0] * (count + 1 + between)
    words: list[int] = []
    for k, step in enumerate(steps):
        kinds = _kinds(step, dtypes)
        loop = None if kinds is None else _loop(step, kinds)
        if kinds is None or loop is None:
            return None
        words += loop
        for operand, kind in zip((*step.operands, Operand(count + k)), (*kinds, step.result), strict=True):
            if isinstance(operand, Operand):
                number = operand if operand < count else count if operand == count + between else operand + 1
                words += number, kind.itemsize
            else:
                constant = np.array(operand, kind)
                _kept.append(constant)
                words += len(table), 0
                table.append(constant.ctypes.data)
        words += [0] * (2 * (3 - len(step.operands)))
    return [len(table), between, len(steps), *table, *words] if len(table) <= PLACES else None


def _kinds(step: Step, dtypes: Sequence[Any]) -> tuple[Any, ...] | None:
    """The dtypes in which a function takes its arguments; None where it would convert an array."""
    given = [dtypes[o] if isinstance(o, Operand) else type(o) for o in step.operands]
    if step.function is np.where:
        kinds: tuple[Any, ...] = (np.dtype(bool), step.result, step.result)
    else:
        try:
            *arguments, result = step.function.resolve_dtypes((*given, None))
        except (AttributeError, TypeError):  # an older NumPy, or no such loop
            return None
        if result != step.result:
            return None
        kinds = tuple(arguments)
    return kinds if all(g == k for g, k, o in zip(given, kinds, step.operands, strict=True) if isinstance(o, Operand)) else None


def _loop(step: Step, kinds: Sequence[Any]) -> tuple[int, int] | None:
    """Where a function's loop is, and what it is given."""
    if step.function is np.where:
        return (place_of(f"select{step.result.itemsize}"), 0) if step.result.itemsize in (1, 4, 8) else None
    letters = "".join([k.char for k in kinds]) + "->" + step.result.char
    if step.function.nout != 1 or letters not in step.function.types:
        return None
    loop = loop_at(step.function, step.function.types.index(letters))
    return loop if loop[0] else None
