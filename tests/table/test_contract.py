"""The table is complete: every op and every public function that computes has a row, every kernel is named by one."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend as backends
from dlengine.autograd.base import TensorBase
from dlengine.autograd.op import OPS
from dlengine.kernels import cuda, jit, reference
from dlengine.testing import Case, calls, rows
from dlengine.testing.parity import Oracle

NOT_OPS = {
    # the engine itself
    "Generator", "Tensor", "anomaly", "backward", "checkpoint", "enable_grad", "get_backend", "get_default_dtype", "grad",
    "get_matmul_precision", "gradients", "hessian", "is_grad_enabled", "jacobian", "jvp", "manual_seed", "no_grad", "op",
    "set_backend", "set_default_dtype", "set_matmul_precision", "use_backend", "use_default_dtype", "use_matmul_precision",
    "value_and_grad", "vjp",
    # questions about dtypes and arrays, and what computes nothing; tests of their own
    "asarray", "broadcast_shapes", "can_cast", "default_device", "device", "from_numpy",
    "empty", "empty_like", "finfo", "from_dlpack", "iinfo",
    "isdtype", "result_type", "tensor",
    # models from data and from files
    "fit", "load",
}  # fmt: skip
"""Public names that no row can call."""

UNCALLED = {"_checkpointed", "_running_mean", "_running_variance"}
"""Ops that only the engine calls; test_recompute and the tests of layers test them. (Ops that tests make are named test_...)"""

UNCALLED |= {"extreme", "gathered", "scattered", "sent", "sync_batch_norm", "total"}
"""Ops of several ranks: tests/distributed tests them."""


def graph_names(t: Any) -> set[str]:
    """Names of the ops behind a tensor."""
    seen: set[Any] = set()
    stack = [t.node] if isinstance(t, TensorBase) and t.node is not None else []
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += [s[0] for s in node.inputs if type(s) is tuple]
    return {node.op.name for node in seen}


@pytest.fixture(scope="module")
def called() -> set[str]:
    """The ops that some row calls: itself, in its graph, or in the graph of its gradient."""
    found: set[str] = set()
    with backends.use_backend("numpy"), calls.default_dtype("float64"):
        for row in rows():
            direct = getattr(row.op, "op", None)
            if direct is not None:
                found.add(direct.name)
            for number, sample in enumerate(row.samples):
                grad = calls.differentiates(row, sample)
                args, leaves = calls.tensors(sample, Oracle(row, "float64").arrays(number), grad=grad)
                outputs = calls.flat(row.op(*args, **calls.consts(sample)))
                ends = [y for y in outputs if isinstance(y, TensorBase) and y.needs_grad]
                for y in ends:
                    found |= graph_names(y)
                if leaves and ends and row.second_order:
                    ones = [dl.ones(y.shape, dtype=y.dtype).requires_grad_() for y in ends]
                    for g in dl.gradients(ends, leaves, ones, create_graph=True):
                        found |= graph_names(g)
    return found


def shipped() -> dict[str, Any]:
    """The ops that dlengine defines; tests of other files, run before these, may have registered toys of their own.

    Those of dlengine.torch are compared with PyTorch by tests/torch_names.
    """
    modules = {name: f.__module__ or "" for name, f in OPS.items()}
    return {n: OPS[n] for n, m in modules.items() if m.startswith("dlengine.") and not m.startswith("dlengine.torch.")}


def test_every_op_has_a_row(called: set[str]) -> None:
    assert len(shipped()) > 150
    assert not sorted(set(shipped()) - called - UNCALLED)


def public_functions() -> dict[str, Any]:
    """Every function of dlengine, dlengine.linalg and dlengine.fft that a user may call."""
    found = {}
    for module, prefix in ((dl, ""), (dl.linalg, "linalg."), (dl.fft, "fft.")):
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            if not name.startswith("_") and callable(value) and not inspect.isclass(value) and not inspect.ismodule(value):
                found[prefix + name] = value
    return found


def test_every_public_function_has_a_row() -> None:
    functions = {id(row.op) for row in rows()}
    names = {row.name for row in rows()}
    missing = [
        name
        for name, f in public_functions().items()
        if name not in NOT_OPS and id(f) not in functions and name.split(".")[-1] not in names
    ]
    assert not missing


def test_every_public_function_says_what_it_does() -> None:
    assert not [name for name, f in public_functions().items() if not (inspect.getdoc(f) or "").strip()]


def test_every_op_says_what_it_does() -> None:
    assert not [name for name, f in shipped().items() if not (f.__doc__ or "").strip()]


def test_rows_have_samples(row: Case) -> None:
    assert row.samples
    assert row.dtypes
    if row.differentiable:
        assert any(calls.differentiates(row, s) for s in row.samples), "no sample of a differentiable row has a gradient"


SETS = {"reference": reference.SET, "jit": jit.SET, "cuda": cuda.SET}
WITHOUT_ROWS = {
    "sgd", "adam", "sum_of_squares", "scale", "skipgram_negative", "batch_norm_tracked", "clip_by_norm", "random_bits",
}  # fmt: skip
"""Kernels of no op: updates in place, by optimizers and layers, and the words that the other random kernels are made of."""


def test_rows_name_kernels_that_exist() -> None:
    known = {kernel for kernels in SETS.values() for kernel in kernels.declared}
    assert not [(row.name, k) for row in rows() for k in row.kernels if k not in known]


def test_every_declared_kernel_is_proved_by_a_row() -> None:
    named = {k for row in rows() for k in row.kernels} | WITHOUT_ROWS
    assert not {name: sorted(set(s.declared) - named) for name, s in SETS.items() if set(s.declared) - named}


def test_samples_are_the_same_every_time() -> None:
    for row in rows():
        for number in range(len(row.samples)):
            first, second = (calls.flat(calls.draw(row, number, "float32")) for _ in range(2))
            for a, b in zip(first, second, strict=True):
                if isinstance(a, np.ndarray):
                    assert np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"), row.name
