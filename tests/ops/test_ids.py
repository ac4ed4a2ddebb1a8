"""Ids, labels and positions: what names nothing is refused in the same words on every backend, whatever integer type holds it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.backend.device import namespace_for
from dlengine.errors import BadIndexError, DataError, LabelError
from dlengine.kernels.ranges import in_range
from dlengine.nn import functional as F
from dlengine.ops.gather import put_along

pytestmark = pytest.mark.backends("numpy", "numba", "cuda", "strict")
ROWS = 4


def table() -> Any:
    return dl.asarray(np.arange(12, dtype="float32").reshape(ROWS, 3))


def unpooled(ids: Any) -> Any:
    return F.max_unpool1d(dl.ones((1, 1, ids.shape[0])), dl.reshape(ids, (1, 1, -1)), ROWS)


TAKERS: dict[str, Callable[[Any], Any]] = {
    "embedding": lambda ids: F.embedding(table(), ids),
    "one_hot": lambda ids: dl.one_hot(ids, ROWS),
    "scatter_add": lambda ids: dl.scatter_add(table(), ids, dl.ones((*ids.shape, 3))),
    "max_unpool1d": unpooled,
    "cross_entropy": lambda ids: F.cross_entropy(dl.zeros((*ids.shape, ROWS)), ids),
    "nll_loss": lambda ids: F.nll_loss(dl.zeros((*ids.shape, ROWS)), ids),
    "multi_margin_loss": lambda ids: F.multi_margin_loss(dl.zeros((*ids.shape, ROWS)), ids),
}
FROM_THE_END: dict[str, Callable[[Any], Any]] = {
    "take": lambda ids: dl.take(table(), ids, axis=0),
    "take_along_axis": lambda ids: dl.take_along_axis(table(), ids[:, None], axis=0),
}


@pytest.mark.parametrize("taker", [*TAKERS, *FROM_THE_END])
@pytest.mark.parametrize(("number", "dtype"), [(4, "int64"), (-5, "int32"), (200, "uint8"), (2**64 - 2, "uint64")])
def test_a_number_that_names_nothing_is_refused_with_value_and_place(
    backend: str, taker: str, number: int, dtype: str
) -> None:
    ids = dl.asarray(np.array([1, 3, number], dtype))
    with pytest.raises(IndexError) as caught:
        {**TAKERS, **FROM_THE_END}[taker](ids)
    message = str(caught.value)
    assert message.startswith(f"{taker}:"), message
    assert str(number) in message, message
    assert re.search(r"\[(0, )*2(, 0)*\]", message), message  # the place
    assert isinstance(caught.value, BadIndexError)


@pytest.mark.parametrize("taker", TAKERS)
def test_a_negative_number_is_no_row(backend: str, taker: str) -> None:
    with pytest.raises(IndexError, match="-1"):
        TAKERS[taker](dl.asarray(np.array([0, -1])))


@pytest.mark.parametrize("taker", FROM_THE_END)
def test_take_counts_negative_numbers_from_the_end_as_the_array_api_says(backend: str, taker: str) -> None:
    y = FROM_THE_END[taker](dl.asarray(np.array([-1, -ROWS])))
    assert y.numpy_copy()[:, 0].tolist() == [9, 0]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64"])
def test_every_integer_type_names_rows(backend: str, dtype: str) -> None:
    ids = dl.asarray(np.array([3, 0, 3], dtype))
    for taker, of in TAKERS.items():
        if taker != "max_unpool1d":
            assert (of(ids).numpy_copy() == of(ids.astype("int64")).numpy_copy()).all(), taker
    assert unpooled(dl.asarray(np.array([3, 0], dtype))).numpy_copy().ravel().tolist() == [1, 0, 0, 1]


def test_numbers_of_more_classes_than_their_type_can_count(backend: str) -> None:
    bytes_ = np.array([[0, 127], [128, 255]], "uint8")
    hot = dl.one_hot(dl.asarray(bytes_), 300).numpy_copy()
    assert (hot.argmax(axis=-1) == bytes_).all()
    assert (hot.sum(axis=-1) == 1).all()
    hot = dl.one_hot(dl.asarray(np.array([127, 0], "int8")), 1000, dtype=np.dtype("int64")).numpy_copy()
    assert hot.sum() == 2
    assert hot[0, 127] == 1


def test_labels_that_are_ignored_are_no_classes_and_may_be_anything(backend: str) -> None:
    x = dl.zeros((3, ROWS))
    loss = F.cross_entropy(x, dl.asarray(np.array([-100, 2, -100])))
    assert float(loss) == pytest.approx(np.log(ROWS), rel=1e-6)
    with pytest.raises(LabelError) as caught:  # -100 as uint64 is a number like any other
        F.cross_entropy(x, dl.asarray(np.array([-100, 2, 1]).astype("uint64")))
    assert isinstance(caught.value, DataError)


@pytest.mark.backends("numpy", "numba")
def test_an_index_of_uint64_does_not_wrap(backend: str) -> None:
    huge = dl.asarray(np.array([2**64 - 1], "uint64"))
    with pytest.raises(IndexError, match="18446744073709551615"):
        table()[huge]
    with pytest.raises(IndexError, match="18446744073709551615"):
        dl.set_at(table(), 1.0, key=huge)


@pytest.mark.backends("numpy", "numba")
@pytest.mark.parametrize(("centre", "context"), [(5, 0), (-1, 0), (0, 5), (0, -1)])
def test_skipgrams_refuse_words_that_are_not_in_the_table(backend: str, centre: int, context: int) -> None:
    words, contexts = dl.ones((5, 2)), dl.ones((5, 2))
    with pytest.raises(BadIndexError, match="skipgram_step_: (centres|seen)"):
        optim.skipgram_step_(words, contexts, dl.asarray(np.array([centre])), dl.asarray(np.array([[context, 1]])), 0.1)
    assert (words.numpy_copy() == 1).all()


@pytest.mark.backends("numpy", "numba", "cuda")
def test_a_layer_refuses_before_it_counts_from_the_end(backend: str) -> None:
    layer = nn.Embedding(7, 2, padding_idx=0)
    with pytest.raises(IndexError, match=r"embedding: ids\[1, 0\] is -3"):
        layer(dl.asarray(np.array([[1, 2], [-3, 0]])))


@pytest.mark.backends("numpy", "numba")
@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize(("rows", "place"), [(3, 3), (3, 5), (3, -1), (3, -4), (0, 0)])
def test_values_are_put_nowhere_but_along_the_axis(backend: str, rows: int, place: int, side: int) -> None:
    """A place that does not exist is no place in the next line."""
    x, places = dl.zeros((2, rows, side)), np.zeros((2, 1, side), "int64")
    places[0, 0, -1] = place
    with pytest.raises(BadIndexError, match=rf"put_along: .*{place}"):
        put_along(x, dl.asarray(places), dl.ones((2, 1, side)))
    with pytest.raises(IndexError, match=rf"put_along_grad: .*{place}"):
        namespace_for("cpu").put_along_grad(x.array, places)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", ">i2", ">i8"])
@pytest.mark.parametrize("count", [3, 13, 100])
def test_ids_out_of_range_are_found_in_every_dtype(dtype, count):
    """Read as an unsigned number of as many bits, -1 of int8 is 255, which is an id where there are 300."""
    lowest = np.iinfo(np.dtype(dtype)).min
    for size in (1, 127, 128, 129, 255, 256, 300, 32768, 70000):
        for number in (0, -1, lowest, size - 1, size):
            if lowest <= number <= np.iinfo(np.dtype(dtype)).max:
                ids = np.zeros(count, dtype)
                ids[1] = number
                assert in_range(ids, size) == (0 <= number < size)


def test_a_negative_small_integer_is_no_class():
    ids = np.zeros(20, np.int8)
    ids[3] = -1
    with pytest.raises(BadIndexError, match="one_hot"):
        dl.one_hot(dl.asarray(ids), 300)
