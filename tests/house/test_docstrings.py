"""Every public callable is documented: numpydoc sections without a gap, and an example that runs on numpy and numba."""

from __future__ import annotations

import doctest
import inspect
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpydoc.validate import validate

import dlengine as dl

MODULES = (
    "dlengine", "dlengine.linalg", "dlengine.fft", "dlengine.nn", "dlengine.nn.functional", "dlengine.nn.init",
    "dlengine.optim", "dlengine.optim.lr_scheduler", "dlengine.data", "dlengine.data.transforms", "dlengine.data.synthetic",
    "dlengine.io", "dlengine.models", "dlengine.training", "dlengine.testing", "dlengine.recipes",
    "dlengine.show", "dlengine.fitting", "dlengine.serving",
    "dlengine.sklearn", "dlengine.distributed",
)  # fmt: skip
REQUIRED = {
    "GL08": "no docstring",
    "SS01": "no summary",
    "PR01": "parameters without a description",
    "PR02": "descriptions of parameters that are not there",
    "PR03": "parameters in another order",
    "PR04": "a parameter without a type",
    "PR07": "a parameter without a description",
    "RT01": "no Returns section",
    "RT03": "a return value without a description",
}
"""The findings of numpydoc's validator that may not occur."""

EXTRAS = {"dlengine.fitting.Bundle.export": "onnx"}
"""Packages that are no part of the test extra, by the example that needs one."""

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def public() -> Iterator[tuple[str, Any]]:
    """Each public function and class once, with the first full name that leads to it."""
    seen = set()
    for module_name in MODULES:
        module = import_module(module_name)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            documentable = inspect.isclass(value) or inspect.isroutine(value)
            ours = documentable and (value.__module__ or "").startswith("dlengine")
            if not name.startswith("_") and ours and id(value) not in seen:
                seen.add(id(value))
                yield f"{module_name}.{name}", value


def methods(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class defines itself; forward and extra_repr are the layer's business."""
    if inspect.isclass(value):
        for key, member in vars(value).items():
            hidden = key.startswith("_") or key in ("forward", "extra_repr")
            if not hidden and (inspect.isroutine(member) or isinstance(member, property)):
                yield f"{name}.{key}", getattr(value, key)


PUBLIC = dict(public())
EVERYTHING = {**PUBLIC, **{name: value for owner in PUBLIC.items() for name, value in methods(*owner)}}
WITH_EXAMPLES = {name: value for name, value in EVERYTHING.items() if name in PUBLIC or ">>>" in (value.__doc__ or "")}


@pytest.mark.parametrize("name", EVERYTHING)
def test_sections(name: str) -> None:
    found = [f"{code} ({REQUIRED[code]}): {text}" for code, text in validate(name)["errors"] if code in REQUIRED]
    assert not found


@pytest.mark.parametrize("switch", ["numpy", "numba"])
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name: str, switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples give the output that they show, on both backends, in an empty folder."""
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(EVERYTHING[name]) or "", {"dl": dl, "np": np}, name, name, 0)
    assert test.examples, f"{name} has no example"
    report: list[str] = []
    dl.manual_seed(0)
    with dl.use_backend(switch):
        failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    assert not failed, "".join(report)
    assert os.getcwd() == str(tmp_path), "an example must stay in its folder"
