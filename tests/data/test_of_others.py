"""A DataLoader takes other people's data sets: by number, of any structure, and says which sample does not fit."""

from __future__ import annotations

import itertools
import resource
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data
from dlengine.errors import ConfigError, DataError, DLEngineError, DTypeError, ShapeError

Point = namedtuple("Point", "where label")


class ForeignTensor:
    """A tensor of a library that we do not know, as PyTorch's: NumPy may look at it once it is out of its graph."""

    def __init__(self, values: Any, dtype: str = "foreign.float32", in_graph: bool = True) -> None:
        self.values, self.dtype, self.in_graph = np.asarray(values), dtype, in_graph

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def detach(self) -> ForeignTensor:
        return ForeignTensor(self.values, self.dtype, in_graph=False)

    def cpu(self) -> ForeignTensor:
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.in_graph:
            raise RuntimeError("call detach first")
        return self.values


class MapStyle:
    """The class shape of torch.utils.data.Dataset."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> Any:
        assert type(index) is int
        self.asked.append(index)
        return ForeignTensor(np.full((2, 3), index, np.float32)), index


class Endless:
    """Every number gives a sample: iterating over it by Python's old protocol would never end."""

    def __getitem__(self, index: int) -> Any:
        return np.full(1000, index, np.float32), float(index)


class EndlessWithLength(Endless):
    def __len__(self) -> int:
        return 10**12


class Rows:
    """Rows by number, columns by name, and slices, as Hugging Face's data sets."""

    columns = {"ids": [[1, 2], [3, 4], [5, 6]], "text": ["a", "b", "c"], "score": [0.5, 1, 2.5]}

    def __len__(self) -> int:
        return 3

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self.columns[key]
        assert type(key) is int
        return {name: column[key] for name, column in self.columns.items()}

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("asked by number, never iterated")


@pytest.mark.parametrize("workers", [0, 2])
def test_map_style_data_sets_are_asked_by_number(workers: int) -> None:
    source = MapStyle()
    batches = list(data.DataLoader(source, 3, num_workers=workers))
    assert [x.shape for x, _ in batches] == [(3, 2, 3), (3, 2, 3), (1, 2, 3)]
    assert batches[1][1].tolist() == [3, 4, 5]
    assert batches[0][0].dtype == dl.float32
    assert batches[0][1].dtype == dl.int64
    assert sorted(source.asked) == list(range(7))
    shuffled = data.DataLoader(MapStyle(), 4, shuffle=True, drop_last=True, generator=dl.Generator(1))
    assert len(shuffled) == 1
    assert len(list(shuffled)) == 1


def test_torch_itself() -> None:
    torch = pytest.importorskip("torch")

    class Images(torch.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> Any:
            half = torch.full((2,), index, dtype=torch.bfloat16)
            return torch.ones(3, requires_grad=True) * index, half, torch.tensor(index)

    class Stream(torch.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Any]:
            return iter([(torch.ones(2) * i, i) for i in range(3)])

    x, half, y = list(data.DataLoader(Images(), 2))[1]
    assert x.tolist() == [[2, 2, 2], [3, 3, 3]]
    assert half.tolist() == [[2, 2], [3, 3]]
    assert y.tolist() == [2, 3]
    assert [y.tolist() for _, y in data.DataLoader(Stream(), 2)] == [[0, 1], [2]]
    rows = torch.utils.data.TensorDataset(torch.eye(4), torch.arange(4))
    assert next(iter(data.DataLoader(rows, 4)))[1].tolist() == [0, 1, 2, 3]
    part, _ = data.random_split(rows, [3, 1], generator=dl.Generator(0))
    assert len(list(data.DataLoader(part))) == 3
    assert next(iter(data.DataLoader(torch.eye(2), 2)))[0].tolist() == [[1, 0], [0, 1]]


def test_samples_read_together() -> None:
    class Together(MapStyle):
        def __getitems__(self, keys: list[int]) -> list[Any]:
            return [(k, k) for k in keys]

    assert next(iter(data.DataLoader(Together(), 2)))[0].tolist() == [0, 1]


def first(source: Any, **options: Any) -> Any:
    return next(iter(data.DataLoader(source, **{"batch_size": 2, **options})))


def test_structures() -> None:
    x, y = first([(np.ones(3, np.float32), 0), (np.zeros(3, np.float32), 1)])
    assert x.shape == (2, 3)
    assert y.dtype == dl.int64
    row = first(Rows())
    assert list(row) == ["ids", "text", "score"]
    assert row["ids"].tolist() == [[1, 2], [3, 4]]
    assert row["text"] == ["a", "b"]
    assert row["score"].dtype == dl.float32
    assert row["score"].tolist() == [0.5, 1]
    point = first([Point(np.ones(2), 1), Point(np.ones(2), 2)])
    assert isinstance(point, Point)
    assert point.label.tolist() == [1, 2]
    nested = first([{"a": (1, {"b": [2.0, 3.0]}), "c": b"x"}] * 2)
    assert nested["a"][1]["b"].tolist() == [[2, 3]] * 2
    assert nested["c"] == [b"x", b"x"]
    parts = first([[np.ones(2), "a"], [np.ones(2), "b"]])
    assert parts[0].shape == (2, 2)
    assert parts[1] == ["a", "b"]
    assert first(["a", "b"]) == (["a", "b"],)
    assert first([True, False])[0].dtype == dl.bool
    assert first(range(5))[0].tolist() == [0, 1]
    assert first([np.float64(1), np.float64(2)])[0].dtype == dl.float64
    assert first([dl.ones(2), dl.zeros(2)])[0].tolist() == [[1, 1], [0, 0]]


def test_python_floats_have_the_default_dtype() -> None:
    before = dl.get_default_dtype()
    try:
        dl.set_default_dtype("float64")
        for workers in (0, 1):
            assert first([0.1, 0.2], num_workers=workers)[0].dtype == dl.float64
    finally:
        dl.set_default_dtype(before)
    assert first([0.1, 0.2])[0].dtype == dl.float32


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([np.ones(2), np.ones(3)], r"sample 0 \(2,\), sample 1 \(3,\); pad them with pad_sequence"),
        ([[1, 2], [3]], "pad_sequence"),
        ([(np.ones(2), 0), (np.ones((2, 1)), 0)], r"field \[0\] of sample 1"),
        ([{"x": 1, "y": "a"}, {"x": 1, "y": 2}], r"field \['y'\] of sample 1 is of type int"),
        ([{"x": 1}, {"z": 1}], r"sample 1 has the keys \['z'\]"),
        ([(1, 2), (1, 2, 3)], "sample 1 has 3 parts"),
        ([(1, 2), {"a": 1}], "sample 1 is of type dict"),
        ([(1, None), (2, None)], r"field \[1\] of sample 0 is None; leave such samples out"),
        ([1, None], "sample 1 is None"),
        ([object(), object()], "sample 0 is of type object; a batch can be made of"),
        ([1, 2**63], "sample 1 cannot become an array"),
        ([np.array(["2020"], "datetime64[Y]")] * 2, "datetime64"),
        ([np.array([object()])] * 2, "object"),
        ([np.array(["a"]), np.array([1])], "sample 1 is int64"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_the_sample_that_does_not_fit_is_named(samples: list[Any], said: str, workers: int) -> None:
    with pytest.raises(DataError, match=said):
        first(samples, num_workers=workers)
    with pytest.raises(DataError, match=said):
        first(iter(samples))


def test_ragged_samples_are_a_shape_error_with_their_numbers() -> None:
    loader = data.DataLoader([np.ones(n) for n in (1, 1, 1, 1, 2, 1)], batch_sampler=[[0, 1], [3, 4]])
    with pytest.raises(ShapeError, match=r"sample 3 \(1,\), sample 4 \(2,\)"):
        list(loader)


class Faulty(MapStyle):
    def __getitem__(self, index: int) -> Any:
        if index == 4:
            raise StrangeError(index, "four")
        return index


class StrangeError(Exception):
    """Does not come out of a pickle as it went in."""

    def __init__(self, a: int, b: str) -> None:
        super().__init__(f"{a} {b}")


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_the_data_set_is_told_its_sample(workers: int) -> None:
    with pytest.raises(StrangeError, match="4 four") as caught:
        list(data.DataLoader(Faulty(), 3, num_workers=workers))
    assert "while reading sample 4 of Faulty" in caught.value.__notes__[0]


@pytest.mark.parametrize("workers", [0, 1])
def test_generators_are_read_once(workers: int) -> None:
    loader = data.DataLoader(((i, float(i)) for i in range(5)), 2, num_workers=workers)
    assert [x.tolist() for x, _ in loader] == [[0, 1], [2, 3], [4]]
    with pytest.raises(DataError, match="can be read once, and has been"):
        list(loader)
    with pytest.raises(TypeError):
        len(loader)

    class Anew:
        def __len__(self) -> int:
            return 3

        def __iter__(self) -> Iterator[int]:
            return iter(range(3))

    again = data.DataLoader(Anew(), 2, num_workers=workers)
    assert len(again) == 2
    assert [len(list(again)) for _ in range(2)] == [2, 2]


@pytest.mark.parametrize("workers", [0, 2])
def test_endless_sources_need_no_more_memory(workers: int) -> None:
    """Of a data set without end, a generator, and a sampler without end, only what is asked for is made."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loader = data.DataLoader(EndlessWithLength(), 64, num_workers=workers)
    assert len(loader) == 10**12 // 64
    assert [int(y[0]) for _, y in itertools.islice(loader, 3)] == [0, 64, 128]
    stream = (np.full(1000, i, np.float32) for i in itertools.count())
    assert len(list(itertools.islice(data.DataLoader(stream, 64, num_workers=min(workers, 1)), 100))) == 100
    endless = data.DataLoader(EndlessWithLength(), 64, sampler=itertools.cycle([3, 1]), num_workers=workers)
    assert next(iter(endless))[1].tolist() == [3, 1] * 32
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    with pytest.raises(ConfigError, match="replacement=True"):
        data.DataLoader(EndlessWithLength(), 64, shuffle=True)
    with pytest.raises(ConfigError, match="replacement=True"):
        data.random_split(EndlessWithLength(), [0.5, 0.5])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Endless(), "no __len__; write __len__, or __iter__"),
        ("abc", "text_file"),
        ({"x": [1, 2]}, "ArrayDataset"),
        (3, "got a int"),
        (None, "NoneType"),
        (MapStyle, "got a type"),
    ],
)
def test_what_gives_no_samples_is_refused(source: Any, said: str) -> None:
    with pytest.raises(DTypeError, match=said):
        data.DataLoader(source)


@pytest.mark.parametrize("make", [dl.asarray, dl.tensor, data.ArrayDataset, lambda x: data.pad_sequence([x])])
@pytest.mark.parametrize("source", [Endless(), EndlessWithLength()])
def test_no_array_is_made_of_what_may_not_end(make: Any, source: Any) -> None:
    """NumPy would ask for one item after another until an IndexError."""
    with pytest.raises((DLEngineError, TypeError), match="DataLoader"):
        make(source)


def test_without_batches() -> None:
    assert [(x.tolist(), y.tolist()) for x, y in data.DataLoader([(np.ones(2), 3)], batch_size=None)] == [([1, 1], 3)]
    made = data.DataLoader(range(3), batch_size=None, collate_fn=lambda i: (i, -i), shuffle=False)
    assert [tuple(int(v) for v in pair) for pair in made] == [(0, 0), (1, -1), (2, -2)]
    assert len(made) == 3
    blocks = data.DataLoader((np.full((4, 2), i) for i in range(2)), batch_size=None)
    assert [x.shape for (x,) in blocks] == [(4, 2), (4, 2)]
    with pytest.raises(ConfigError, match="batch_size=None"):
        data.DataLoader(range(3), batch_size=None, drop_last=True)


def test_a_transform_needs_a_first_part() -> None:
    with pytest.raises(ConfigError, match="collate_fn"):
        first(Rows(), transform=lambda x, generator: x)
    point = first([Point(np.ones(2), 1)] * 2, transform=lambda x, generator: x + 1)
    assert isinstance(point, Point)
    assert point.where.tolist() == [[2, 2]] * 2


def test_threads_begin_with_worker_init_fn() -> None:
    begun: list[int] = []
    assert len(list(data.DataLoader(MapStyle(), 1, num_workers=1, worker_init_fn=begun.append))) == 7
    assert begun == [0]

    def fails(number: int) -> None:
        raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        list(data.DataLoader(MapStyle(), 1, num_workers=1, worker_init_fn=fails))


def test_samplers_that_are_iterators_give_one_epoch() -> None:
    loader = data.DataLoader(MapStyle(), 2, sampler=iter([3, 1, 2]))
    assert [y.tolist() for _, y in loader] == [[3, 1], [2]]
    with pytest.raises(DataError, match="a sampler that is a list_iterator"):
        list(loader)
    with pytest.raises(ConfigError, match="must be iterable"):
        data.DataLoader(MapStyle(), 2, sampler=3)  # type: ignore[arg-type]


def test_arrays_side_by_side_say_what_does_not_fit() -> None:
    for arrays in (([[1.0], [1.0, 2.0]],), (np.array([object()]),)):
        with pytest.raises(DLEngineError, match="ArrayDataset: array 0"):
            data.ArrayDataset(*arrays)
    assert data.ArrayDataset([[1.0, 2.0]], [0]).arrays[0].dtype == np.float32


class Pairs(MapStyle):
    def __getitem__(self, index: int) -> Any:
        return np.full(2, index / 7, np.float32), np.full(1, index / 7, np.float32)


def test_a_trainer_takes_them() -> None:
    model = dl.nn.Linear(2, 1)
    trainer = dl.training.Trainer(model, dl.nn.MSELoss(), dl.optim.SGD(model.parameters(), lr=0.1), batch_size=3, progress=False)
    history = trainer.fit(Pairs(), epochs=2, validate=Pairs())
    assert len(history) == 2
    assert len(trainer.fit([Pairs()[k] for k in range(7)], epochs=3)) == 3
    with pytest.raises(ConfigError, match="train_step"):
        trainer.evaluate([{"x": dl.ones((2, 2)), "y": dl.ones((2, 1))}])


def test_ragged_rows_are_padded_by_key() -> None:
    rows = [{"ids": [1, 2, 3], "label": 0}, {"ids": [4], "label": 1}]
    batch = first(rows, collate_fn=data.PadCollate(["ids"], batch_first=True))
    assert batch["ids"].tolist() == [[1, 2, 3], [4, 0, 0]]
    assert batch["ids_lengths"].tolist() == [3, 1]
    assert batch["label"].tolist() == [0, 1]
    pairs = first([[[1.0, 2.0], "a"], [[3.0], "b"]], collate_fn=data.PadCollate())
    assert pairs[0].tolist() == [[1, 3], [2, 0]]
    assert pairs[2] == ["a", "b"]
    with pytest.raises(ShapeError, match="the keys"):
        first(rows, collate_fn=data.PadCollate(["words"]))
