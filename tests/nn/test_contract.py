"""Every public layer says what its shapes and its source are, and has a row in the table of layers."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from dlengine import nn
from dlengine.testing import rows
from dlengine.testing.cases.layers import LAYERS

PUBLIC: dict[str, Any] = {n: v for n in nn.__all__ if inspect.isclass(v := getattr(nn, n)) and issubclass(v, nn.Module)}

HOLDERS = {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList"}
NO_INPUT = HOLDERS | {"L1Penalty", "L2Penalty", "ElasticNetPenalty"}
"""What has no forward of its own, or one without an input: penalties, whose ops have rows."""

NO_ALGORITHM = HOLDERS | {"Flatten", "Identity", "Sequential", "Unflatten", "Threshold"} | {n for n in PUBLIC if "Pad" in n}
"""What only holds layers, moves axes or copies values: nothing to cite."""

LAZY = {n for n in PUBLIC if n.startswith("Lazy")}
"""Layers whose parameters have no shape before the first call; tests/nn/test_lazy.py compares them with the usual ones."""

NO_SHAPE = HOLDERS | {"Sequential", "Identity", "Residual"}
"""What takes whatever the layers inside take."""

SHAPE = re.compile(r"\((?:N|T|L|S|\.\.\.|\*|support|M,|K)[^)]*\)|of any shape|any shapes|of one shape|shapes as|\(\)")


def has_source(text: str) -> bool:
    return "References\n" in text or "Source:" in text


@pytest.mark.parametrize("name", PUBLIC)
def test_layers_say_their_shapes_and_source(name: str) -> None:
    text = PUBLIC[name].__dict__.get("__doc__") or ""
    assert text.strip(), f"{name} has no docstring of its own"
    assert name in NO_SHAPE or SHAPE.search(text), f"{name}: its docstring names no shapes"
    assert name in NO_ALGORITHM or has_source(text), f"{name}: its docstring names no source"
    for other in re.findall(r"Source: see (\w+)", text):
        assert has_source(PUBLIC[other].__doc__ or ""), f"{name} refers to {other}, which has no source"


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - NO_INPUT - LAZY))
def test_layers_have_rows(name: str) -> None:
    assert any(row.name == name for row in LAYERS), f"{name} has no row: add layer({name!r}, ...) to testing/cases/layers.py"
    assert any(row.name == f"nn.{name}" for row in rows())


def test_exceptions_are_used() -> None:
    assert not (NO_INPUT | NO_ALGORITHM | NO_SHAPE) - set(PUBLIC)


def test_everything_public_is_listed() -> None:
    """A layer that is in a module of nn and not in nn.__all__ would escape this file."""
    found = {
        n for m in vars(nn).values() if inspect.ismodule(m) and m.__name__.startswith("dlengine.nn.")
        for n, v in vars(m).items() if inspect.isclass(v) and issubclass(v, nn.Module) and not n.startswith("_")
    }  # fmt: skip
    assert not found - set(nn.__all__)


def test_initialisers_and_helpers_say_what_they_do() -> None:
    for module in (nn.init, nn.functional):
        for name, value in vars(module).items():
            if not name.startswith("_") and inspect.isfunction(value):
                assert (inspect.getdoc(value) or "").strip(), name
    for name in ("kaiming_normal_", "xavier_uniform_", "orthogonal_", "sparse_", "irnn_", "lecun_normal_", "forget_gate_bias_"):
        assert has_source(getattr(nn.init, name).__doc__ or ""), name
