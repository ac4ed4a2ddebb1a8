"""Layers for one, two and three dimensions: each docstring says what one does and shows it, the base says the rest once."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, ClassVar

from .module import Module

WORDS = {
    1: {
        "space": "W", "out": "OW", "first": "W", "axes": "the axis", "each": "in values", "ints": "",
        "other_outputs": "", "other_axes": "", "sides": "left, right", "grown": "``W + left + right``",
    },
    2: {
        "space": "H,W", "out": "OH,OW", "first": "H", "axes": "each axis", "each": "one for all axes or one for each of H and W",
        "ints": ", one int for all axes or one for each", "other_outputs": " and likewise OW",
        "other_axes": ", and likewise for W",
        "sides": "left, right, top, bottom", "grown": "``H + top + bottom`` and ``W + left + right``",
    },
    3: {
        "space": "D,H,W", "out": "OD,OH,OW", "first": "D", "axes": "each axis",
        "each": "one for all axes or one for each of D, H and W", "ints": ", one int for all axes or one for each",
        "other_outputs": "\nand likewise for the other axes", "other_axes": ", and likewise on the other axes",
        "sides": "left, right, top, bottom, front, back",
        "grown": "``D + front + back``, ``H + top + bottom`` and ``W + left + right``",
    },
}  # fmt: skip
"""How a docstring speaks of each number of dimensions."""


class _Dimensional(Module):
    """Base of layers that differ in their dimensions, and of their docstrings.

    ``sections`` goes between the summary of a subclass and its examples, with the words of its ``rank`` and, as ``layer``, the
    class itself. A subclass that lists its parameters, or shows no example, keeps its docstring as it is.
    """

    rank: int
    sections: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        summary, examples, rest = cleandoc(cls.__doc__ or "").partition("\n\nExamples\n")
        if cls.sections and examples and "\nParameters\n" not in summary:
            text = cleandoc(cls.sections).format(layer=cls, **WORDS[cls.rank])
            cls.__doc__ = f"{summary}\n\n{text}{examples}{rest}"
