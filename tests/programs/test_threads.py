"""Captured steps where several threads compute."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from programs.comparing import batch, network

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import CaptureError
from dlengine.kernels.graph_capture import NotCapturable

pytestmark = pytest.mark.usefixtures("host")


def test_steps_in_two_threads() -> None:
    found: dict[tuple[int, bool], Any] = {}

    backend = dl.get_backend()

    def work(number: int, captured: bool) -> None:
        with dl.use_backend(backend):  # a new thread has the default one
            trained(number, captured)

    def trained(number: int, captured: bool) -> None:
        generator = dl.Generator(number)
        model = nn.Linear(4, 2)
        with dl.no_grad():
            model.weight[...] = dl.asarray(np.full((2, 4), 0.1 * number, "float32"))
            model.bias[...] = 0.0
        opt = optim.Adam(model.parameters(), lr=0.1)

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = nn.CrossEntropyLoss()(model(x + dl.randn(6, 4, generator=generator)), y)
            loss.backward()
            opt.step()
            return loss

        train = training.capture(step, fuse=False) if captured else step
        found[number, captured] = [float(train(*batch(i)).detach()) for i in range(12)]

    with_capture = [Thread(target=work, args=(n, True)) for n in (1, 2)]
    for thread in with_capture:
        thread.start()
    for thread in with_capture:
        thread.join()
    for n in (1, 2):
        work(n, False)
        assert found[n, True] == found[n, False]


def test_another_thread_that_computes_with_the_same_network() -> None:
    model = network().eval()
    x = batch(0)[0]
    with dl.no_grad():
        expected = model(x).numpy().copy()
    backend, done, wrong = dl.get_backend(), Event(), list[Any]()

    def predict() -> None:
        with dl.use_backend(backend), dl.no_grad():
            while not done.is_set():
                try:
                    if model(x).numpy().tobytes() != expected.tobytes():
                        wrong.append("another result")
                except Exception as error:  # what a test of threads must not lose
                    wrong.append(error)

    other = Thread(target=predict)
    other.start()
    try:
        for _ in range(20):
            captured = training.capture(lambda y: model(y).detach(), warmup=1)
            with dl.no_grad():
                assert all(captured(x).numpy().tobytes() == expected.tobytes() for _ in range(4))
    finally:
        done.set()
        other.join()
    assert not wrong


def test_a_step_that_waits_for_another_thread() -> None:
    """It is refused at once: a replay would not start the thread."""
    model, backend = nn.Linear(4, 2), dl.get_backend()

    def step(x: Any) -> Any:
        found = [x]

        def work() -> None:
            with dl.use_backend(backend), suppress(CaptureError, NotCapturable):
                found[0] = model(x).detach()

        thread = Thread(target=work)
        thread.start()
        thread.join()
        return found[0]

    train = training.capture(step, warmup=1)
    assert train(batch(0)[0]).shape == (6, 2)
    with pytest.raises(CaptureError, match="the step computes in another thread"):
        train(batch(1)[0])
    assert model(batch(0)[0]).shape == (6, 2)
