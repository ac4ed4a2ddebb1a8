"""An output that shares memory with an input counts writes together with it, so that a write through one is seen."""

from __future__ import annotations

import numpy as np
import pytest

from dlengine.autograd.base import TensorBase
from dlengine.testing import Case, calls


@pytest.mark.backends("numpy", "numba", "cuda")
def test_shared_memory_shares_the_version(row: Case, backend: str) -> None:
    for number, sample in enumerate(row.samples):
        for grad in (False, True):
            args, _ = calls.tensors(sample, calls.draw(row, number, "float32"), grad=grad and row.differentiable)
            inputs = [t for t in calls.flat(args) if isinstance(t, TensorBase)]
            with calls.seeded():
                outputs = calls.flat(row.op(*args, **calls.consts(sample)))
            made = [t for t in outputs if isinstance(t, TensorBase) and isinstance(t.array, np.ndarray)]
            for i, y in enumerate(made):
                for j, x in enumerate(inputs + made[:i]):
                    if y is not x and np.shares_memory(y.array, x.array):
                        assert y.version is x.version, f"sample {number}: output {i} shares memory with tensor {j}"
                        assert y._view or x._view, f"sample {number}: output {i} is a view that does not know it"


@pytest.mark.backends("numpy")
def test_kernel_outputs_are_fresh_and_contiguous(row: Case, backend: str) -> None:
    """What is no view owns its memory in C order, so that it can be written and handed to any kernel."""
    for number, sample in enumerate(row.samples):
        args, _ = calls.tensors(sample, calls.draw(row, number, "float32"), grad=False)
        inputs = [t for t in calls.flat(args) if isinstance(t, TensorBase)]
        with calls.seeded():
            outputs = calls.flat(row.op(*args, **calls.consts(sample)))
        for i, y in enumerate(outputs):
            if isinstance(y, TensorBase) and not y._view and not any(y is x for x in inputs):
                assert y.array.flags.writeable, f"sample {number}: output {i} cannot be written"
