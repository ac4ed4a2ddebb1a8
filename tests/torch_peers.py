"""Running a row of the layer table here and in PyTorch: all that must agree, by name, as NumPy arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load as load_numpy
from safetensors.numpy import save as save_numpy

import dlengine as dl
from dlengine.testing import calls
from dlengine.testing.arguments import Arg
from dlengine.testing.cases.layers import LAYERS
from dlengine.testing.layers import LayerRow

PEERS = [row for row in LAYERS if row.peer]
RECURRENT = ("RNN", "LSTM", "GRU")
SINGLE = {"Hardsigmoid": 1e-7}
"""Where PyTorch itself is less exact: the 1/6 in the derivative of its hardsigmoid is a float32."""

Found = dict[str, Any]


def drawn(row: LayerRow) -> tuple[list[Any], list[Any]]:
    """The inputs and the parameters of a row, in float64."""
    arrays = row.sample().arrays(f"peer/{row.id}", "float64")
    return arrays[: len(row.inputs)], arrays[len(row.inputs) :]


def leaves(row: LayerRow, inputs: list[Any], tensor: Callable[[Any], Any]) -> tuple[list[Any], list[Any]]:
    """The inputs as tensors (lists of them as tuples), and those of them that get a gradient."""
    found = []

    def each(spec: Any, value: Any) -> Any:
        if isinstance(spec, (list, tuple)):
            return tuple(each(s, v) for s, v in zip(spec, value, strict=True))
        if not isinstance(spec, Arg):
            return value
        t = tensor(value)
        if spec.grad and spec.floating:
            found.append(t.requires_grad_())
        return t

    return [each(s, v) for s, v in zip(row.inputs, inputs, strict=True)], found


def state(module: Any, parameters: list[Any]) -> dict[str, Any]:
    """A state_dict of NumPy arrays: the drawn parameters, and buffers as they are."""
    named = dict(zip([n for n, _ in module.named_parameters()], parameters, strict=True))
    return {k: named.get(k, np.asarray(v.detach().numpy())) for k, v in module.state_dict().items()}


def ours(row: LayerRow) -> tuple[Found, bytes]:
    """Outputs, gradients, the state afterwards and outputs in evaluation here; and the state before as safetensors."""
    inputs, parameters = drawn(row)
    module = row.build(tensor=lambda v: dl.asarray(np.array(v))).double()
    content = save_numpy(state(module, parameters))
    module.load_state_dict(load_numpy(content))
    prepare = (lambda x: dl.nn.functional.log_softmax(x, axis=-1)) if row.prepare else None
    found = compare_values(row, module, inputs, dl.asarray, prepare, row.call)
    return found, content


def theirs(row: LayerRow, content: bytes) -> tuple[Found, bytes]:
    """The same in PyTorch, from the state in `content`; and its state as safetensors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of paths that it does not take
        return _theirs(row, content)


def _theirs(row: LayerRow, content: bytes) -> tuple[Found, bytes]:
    import torch
    from safetensors.torch import load, save

    inputs, _ = drawn(row)
    module = row.build(torch.nn, lambda v: torch.tensor(v, dtype=torch.float64)).double()
    module.load_state_dict(load(content))
    before = save({k: v.contiguous() for k, v in module.state_dict().items()})
    prepare = (lambda x: x.log_softmax(-1)) if row.prepare else None
    call = dict(row.call)
    run: Any = module
    if row.name in RECURRENT and "lengths" in call:
        run = packed(module, call.pop("lengths"))
    return compare_values(row, module, inputs, torch.from_numpy, prepare, call, run), before


def packed(module: Any, lengths: list[int]) -> Callable[..., Any]:
    """PyTorch's way to sequences of different lengths."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    def run(x: Any) -> Any:
        y, last = module(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(y, total_length=x.shape[0])[0], last

    return run


def compare_values(
    row: LayerRow, module: Any, inputs: list[Any], tensor: Callable[[Any], Any], prepare: Any, call: Any, run: Any = None
) -> Found:
    """Everything that must agree, computed by one engine."""
    run = run or module
    x, grads = leaves(row, inputs, lambda a: tensor(np.ascontiguousarray(a)) if np.ndim(a) else tensor(np.array(a)))

    def forward() -> list[Any]:
        args = [prepare(x[0]), *x[1:]] if prepare else x
        return [y for y in calls.flat(run(*args, **call)) if y is not None]

    outputs = forward()
    found = {f"output {i}": host(y) for i, y in enumerate(outputs)}
    total = 0.0
    for i, y in enumerate(outputs):
        if y.requires_grad:
            total = total + (y * tensor(np.random.default_rng(i).standard_normal(y.shape))).sum()
    total.backward()
    found |= {f"gradient of input {i}": host(t.grad) for i, t in enumerate(grads)}
    found |= {f"gradient of {n}": host(p.grad) for n, p in module.named_parameters()}
    found |= {f"state {n}": host(b) for n, b in module.named_buffers() if "running" in n}
    module.eval()
    found |= {f"evaluated {i}": host(y) for i, y in enumerate(forward())}
    return {name: found[name] for name in sorted(found)}


def host(t: Any) -> Any:
    """A tensor of either engine as a NumPy array."""
    return np.array(t.detach().numpy())


def check(found: Found, wanted: Found, where: str) -> None:
    """All names, shapes and values agree."""
    assert found.keys() == wanted.keys(), where
    for name, a in found.items():
        b = wanted[name]
        assert a.shape == b.shape, f"{where}, {name}"
        bound = SINGLE.get(where.split("-")[0], 1e-10)
        np.testing.assert_allclose(a, b, rtol=bound, atol=bound, err_msg=f"{where}, {name}")
