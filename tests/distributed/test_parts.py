"""Parts of batches: several processes together draw, read and cut what one would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data
from dlengine.data.host_random import normal, uniform
from dlengine.data.parts import cut_batch, part_of
from dlengine.generator import default_generator, own_part

TOTAL = 11

DRAWS: list[tuple[str, int, Callable[[int], Any]]] = [
    ("randn", 0, lambda n: dl.randn(n, 3)),
    ("randn64", 0, lambda n: dl.randn(n, 3, dtype="float64")),
    ("rand", 0, lambda n: dl.rand(n)),
    ("bernoulli", 0, lambda n: dl.bernoulli(0.4, n, 5)),
    ("randint", 0, lambda n: dl.randint(0, 9, n, 3)),
    ("wide randint", 0, lambda n: dl.randint(0, 2**40, n, 3)),
    ("dropout", 0, lambda n: dl.dropout(dl.ones((n, 7)), 0.3)),
    ("aligned dropout", 0, lambda n: dl.dropout(dl.ones((n, 8)), 0.3)),
    ("dropout of time first", 1, lambda n: dl.dropout(dl.ones((4, n, 5)), 0.3, batch_axis=1)),
    ("channels", 0, lambda n: dl.nn.Dropout2d(0.3)(dl.ones((n, 5, 2, 2)))),
    ("alpha_dropout", 0, lambda n: dl.alpha_dropout(dl.ones((n, 7)), 0.3)),
    ("host uniform", 0, lambda n: uniform(default_generator, n)),
    ("host normal", 0, lambda n: normal(default_generator, (n, 3), np.float32)),
]


@pytest.mark.backends("numpy", "numba")
@pytest.mark.parametrize(("axis", "draw"), [d[1:] for d in DRAWS], ids=[d[0] for d in DRAWS])
@pytest.mark.parametrize("of", [2, 3, 4, 13])
def test_parts_draw_what_one_process_draws(backend: str, axis: int, draw: Callable[[int], Any], of: int) -> None:
    dl.manual_seed(3)
    whole, after = np.asarray(draw(TOTAL)), default_generator.counter
    found = []
    for number in range(of):
        part = part_of(TOTAL, number, of)
        token = own_part.set(part)
        try:
            dl.manual_seed(3)
            found.append(np.asarray(draw(part.stop - part.start)))
            assert default_generator.counter == after
        finally:
            own_part.reset(token)
    np.testing.assert_allclose(np.concatenate(found, axis=axis), whole, rtol=1e-6)


def test_what_is_drawn_for_no_sample_is_the_same_in_all_parts() -> None:
    def weights(number: int) -> tuple[list[float], int]:
        token = own_part.set(part_of(TOTAL, number, 2))
        try:
            dl.manual_seed(1)
            return dl.randn(4).tolist(), default_generator.counter
        finally:
            own_part.reset(token)

    assert weights(0) == weights(1)


class Noisy(data.Dataset):
    """Samples with random numbers of their own, some with more than others."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        generator = data.batch_generator()
        for _ in range(index % 3):
            dl.rand(2, generator=generator)
        return np.float32(index), dl.randn(3, generator=generator)


def _augment(x: np.ndarray[Any, Any], generator: dl.Generator) -> np.ndarray[Any, Any]:
    noise = dl.randn(*x.shape, generator=generator).numpy()
    return x + noise if x.ndim > 1 else x + np.asarray(noise)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda w: data.DataLoader(Noisy(), 4, True, num_workers=w, generator=dl.Generator(1), transform=_augment),
        lambda w: data.DataLoader(np.arange(20.0).reshape(10, 2), 4, True, num_workers=w, generator=dl.Generator(1)),
        lambda w: data.DataLoader((np.float32(i) for i in range(10)), 4, num_workers=min(w, 1), generator=dl.Generator(2)),
        lambda w: data.DataLoader(Noisy(), 4, num_workers=w, collate_fn=lambda s: [np.stack([np.ones(2) * a for a, _ in s])]),
    ],
    ids=["samples", "arrays", "stream", "collate"],
)
@pytest.mark.parametrize("of", [2, 3, 5])
def test_parts_of_a_loader(make: Callable[[int], data.DataLoader], of: int, workers: int) -> None:
    whole = [[np.asarray(p) for p in batch] for batch in make(workers)]
    for _ in range(1):
        loaders = [make(workers) for _ in range(of)]
        found = [list(loader.parts(number, of)) for number, loader in enumerate(loaders)]
        for place, batch in enumerate(whole):
            pieces = [f[place] for f in found]
            assert [p.total for _, p in pieces] == [len(batch[0])] * of
            for column, values in enumerate(batch):
                np.testing.assert_array_equal(np.concatenate([np.asarray(b[column]) for b, _ in pieces]), values)
        states = [loader.state_dict() for loader in loaders]
        assert all(state == states[0] for state in states)


def test_parts_resume_on_another_number_of_processes() -> None:
    def loader() -> data.DataLoader:
        return data.DataLoader(np.arange(20.0), 4, True, generator=dl.Generator(1))

    whole = [x.tolist() for (x,) in loader()]
    begun = loader()
    for (_, _), _ in zip(begun.parts(0, 2), range(2), strict=False):
        position = begun.state_dict()
    found = []
    for number in range(4):
        resumed = loader()
        resumed.load_state_dict(position)
        found.append([x.tolist() for (x,), _ in resumed.parts(number, 4)])
    assert [sum(parts, []) for parts in zip(*found, strict=True)] == whole[2:]


def test_cut_batch_refuses_parts_of_different_sizes() -> None:
    with pytest.raises(dl.errors.DataError, match="2, 3 samples"):
        cut_batch((np.zeros(2), np.zeros(3)), 0, 2)
    with pytest.raises(dl.errors.DataError, match="without arrays"):
        cut_batch(3, 0, 2)
    batch, part = cut_batch({"x": np.arange(5), "name": ["a", "b", "c", "d", "e"], "rate": np.float32(1)}, 1, 2)
    assert (batch["x"].tolist(), batch["name"], batch["rate"]) == ([3, 4], ["d", "e"], 1)
    assert (part.start, part.stop, part.total) == (3, 5, 5)
