"""Every network of every recipe leaves as ONNX and comes back: at other batch sizes, with equal outputs and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange.test_onnx_export import close, judged

import dlengine as dl
from dlengine import recipes
from dlengine.nn import Module
from dlengine.recipes.export import networks
from dlengine.recipes.run import restored

pytestmark = pytest.mark.slow

WITHOUT = {"optimizers", "word2vec"}
"""Recipes that call no network: points on a surface, and a table of word vectors that is only looked up."""


def leaves(part: Any) -> list[Any]:
    return [x for p in part for x in leaves(p)] if isinstance(part, tuple | list) else [] if part is None else [part]


def like(part: Any, count: int) -> Any:
    """The inputs with so many samples, taken again where there are fewer."""
    if isinstance(part, tuple | list):
        return tuple(like(p, count) for p in part)
    return None if part is None else dl.asarray(np.resize(part.numpy(), (count, *part.shape[1:])))


def sizes(inputs: Any) -> list[Any]:
    """The inputs at 1, 2 and 5 samples; as they are where samples do not lie along the first axis of all."""
    tensors = leaves(inputs)
    alike = all(x.ndim and x.shape[0] == tensors[0].shape[0] for x in tensors)
    return [like(inputs, n) for n in (1, 2, 5)] if alike else [inputs]


def gradients(net: Module, call: Any, tensors: list[Any], steady: list[bool]) -> list[Any]:
    """The gradients of the outputs' squares with respect to the inputs."""
    for p in net.parameters():
        p.grad = None
    for x in tensors:
        x.requires_grad_(x.dtype == np.float32).grad = None
    outputs = [y for y, fixed in zip(leaves(call()), steady, strict=True) if fixed and y.dtype == np.float32]
    sum((y * y).sum() for y in outputs).backward()
    return [x.grad for x in tensors]


@pytest.mark.parametrize("name", [n for n in recipes.RECIPES if n not in WITHOUT])
def test_networks_leave_and_come_back(name: str, tmp_path: Path) -> None:
    recipes.train(name, scale="quick", out=tmp_path / "run", progress=False)
    with restored(tmp_path / "run") as (_, experiment):
        found = networks(experiment)
        assert found
        for part, (module, inputs) in found.items():
            module.eval()
            path = tmp_path / f"{part}.onnx"
            dl.io.onnx.save(module, inputs, path)
            again = dl.io.onnx.load(path)
            for given in sizes(inputs):
                tensors = leaves(given)
                wanted, twice = leaves(module(*given)), leaves(module(*given))
                # What a network draws at random, as the codes of a variational autoencoder, cannot be compared.
                steady = [bool(np.array_equal(a.numpy_copy(), b.numpy_copy())) for a, b in zip(wanted, twice, strict=True)]
                assert any(steady)
                for got in (judged(path, *(x.numpy() for x in tensors)), leaves(again(*tensors))):
                    for a, b, fixed in zip(got, wanted, steady, strict=True):
                        if fixed:
                            close(a, b)
            copies = [x.detach() for x in tensors]
            theirs = gradients(again, lambda net=again, x=copies: net(*x), copies, steady)
            ours = gradients(module, lambda net=module, x=given: net(*x), tensors, steady)
            for a, b in zip(theirs, ours, strict=True):
                assert (a is None) == (b is None), part
                if a is not None:
                    close(a, b, 1e-4)
