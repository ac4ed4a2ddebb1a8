"""The tensor namespace: one dictionary, in which every name that op definitions use means one thing."""

from __future__ import annotations

import ast
from pathlib import Path

import dlengine as dl
from dlengine.autograd.op import OPS
from dlengine.kernels import reference
from dlengine.kernels.registry import KERNELS
from dlengine.ops import creation, inspection, linalg, shape
from dlengine.ops.namespace import TensorNamespace, _exported, tensor_namespace

OF_ARRAYS = {"library", "several", "kernels", "all_finite"}
"""What definitions ask a namespace of arrays about itself, or ask it only where it is one of arrays."""


def test_every_name_that_definitions_use_is_there() -> None:
    package = Path(dl.__file__).parent
    folders = package / "ops", Path(reference.__file__).parent
    used = {
        node.attr
        for folder in folders
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp"
    }
    assert len(used) > 100
    names = vars(tensor_namespace(dl.ones(1))).keys() | vars(TensorNamespace).keys() | OF_ARRAYS
    assert not sorted(used - names)


def test_a_name_means_one_thing() -> None:
    """Only a kernel's name may be another function to users: the op, with its checks and defaults."""
    shipped = {name: f for name, f in OPS.items() if f.__module__.startswith("dlengine.")}
    layers = [shipped, *map(_exported, (shape, linalg, creation, inspection))]
    for name in set().union(*layers) - set(KERNELS):
        assert len({id(layer[name]) for layer in layers if name in layer}) == 1, name


def test_a_kernels_name_is_called_as_kernels_are() -> None:
    names = vars(tensor_namespace(dl.ones(1)))
    assert set(reference.SET.declared) <= set(names)
    assert names["conv2d"] is OPS["conv2d"] is not dl.conv2d
    assert names["lstm"].func is reference.SET.load("lstm")
