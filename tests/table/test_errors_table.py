"""The error samples of every row: the promised class and message, the same on each backend."""

from __future__ import annotations

import numpy as np
import pytest

from dlengine import backend as backends
from dlengine.errors import DLEngineError
from dlengine.testing import Case, calls
from dlengine.testing.table import Sample


def complaint(row: Case, number: int) -> tuple[type[Exception], str]:
    """What the op raises for an error sample on the backend in force."""
    wrong = row.errors[number]
    sample = Sample(wrong.args, wrong.consts)
    args, _ = calls.tensors(sample, sample.arrays(f"{row.name}/error {number}", np.dtype("float32")), grad=False)
    with pytest.raises(wrong.error) as caught:
        row.op(*args, **calls.consts(sample))
    return type(caught.value), str(caught.value)


@pytest.mark.backends("numpy", "numba", "cuda", "strict")
def test_errors(row: Case, backend: str) -> None:
    for number, wrong in enumerate(row.errors):
        kind, message = complaint(row, number)
        assert wrong.match in message
        if backend == "strict":  # its own words, where a message quotes the array library
            continue
        with backends.use_backend("numpy"):
            assert (kind, message) == complaint(row, number), "another backend says it otherwise"


@pytest.mark.backends("numpy")
def test_errors_name_the_op_and_are_ours(row: Case, backend: str) -> None:
    """One line that starts with the name of what the user called."""
    for number in range(len(row.errors)):
        kind, message = complaint(row, number)
        assert issubclass(kind, DLEngineError | IndexError), f"{kind.__name__} is not one of ours"
        assert "\n" not in message
        assert message.split(":")[0].strip(), message
