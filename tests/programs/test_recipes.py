"""Fifty steps of recipes, captured and not: the same numbers in parameters, buffers, optimizers, streams, metrics and schedules.

Recipes that train by the trainer's own step run through Trainer(capture=True); of the others, whose steps read numbers, the
step is written here with the recipe's model, data and loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from programs.steps import arrays_of, everything
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import optim, training
from dlengine.data import DataLoader
from dlengine.models.vae import negative_elbo
from dlengine.recipes import RECIPES, Experiment
from dlengine.recipes.parts.adversarial_digits import logits_loss

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("host")]

STEPS = {"numba": 50, "numpy": 15}
"""The kernels of the reference take ten times as long."""


def bound(fuse: bool, host: str) -> float:
    """Bit for bit without fusion; with it, what fifty steps make of differences in the last bits."""
    return 2e-3 if fuse and host == "numba" else 0.0


def experiment(name: str, **settings: Any) -> Any:
    dl.manual_seed(11)
    recipe = RECIPES[name]
    return recipe.experiment(recipe.configure(settings, "quick"), 0)


def batches_of(data: Any, size: int, count: int) -> list[Any]:
    """The first batches, the last of them smaller."""
    found = []
    loader = data if isinstance(data, DataLoader) else DataLoader(data, size)
    while len(found) < count:
        for batch in loader:
            found.append(batch)
            if len(found) == count:
                break
    if not isinstance(data, DataLoader):
        found[-1] = tuple(part[: max(2, size // 3)] for part in found[-1])
    return found


# ---------------------------------------------------------------------- by the trainer
TRAINED: dict[str, dict[str, Any]] = {
    "digits-cnn": {},  # convolutions, dropout, Adam, a schedule
    "segmentation": {},  # batch norm, transposed convolutions
    "sequence-frames": {},  # batch norm before a recurrent reading
    "adding-problem": {},  # RNN, clipped gradients
    "forecasting": {},  # LSTM, AdamW, clipped gradients
    "sequence-rows": {},
    "init-and-norm": {},  # SGD, clipped gradients
    "mc-dropout": {"accumulate": 3},
    "depth-vs-width": {"accumulate": 2},
    "linear-svm": {},
}


def fitted(name: str, capture: bool, fuse: bool, steps: int, monkeypatch: Any) -> tuple[list[Any], Any]:
    """What a training of three epochs leaves behind, and the trainer."""
    options = TRAINED[name]
    with monkeypatch.context() as patch:
        usual = Experiment.trainer

        def trainer_of(self: Any, model: Any, loss: Any, optimizer: Any, kind: type = training.Trainer, **more: Any) -> Any:
            given = {"capture": capture, **options} if kind.train_step is training.Trainer.train_step else {}
            return usual(self, model, loss, optimizer, kind, **{**more, **given})

        patch.setattr(Experiment, "trainer", trainer_of)
        stage = next(experiment(name).stages())
    trainer = stage.trainer
    if capture:
        trainer._captured.fuse = fuse
    dl.manual_seed(12)
    given = batches_of(stage.parts(0)[0], 16, -(-steps // 3) * options.get("accumulate", 1))
    history = trainer.fit(given, epochs=3, validate=given[:2])
    rows = [[np.float64(v) for k, v in sorted(row.items()) if k != "seconds"] for row in history]
    optimizer = trainer.optimizer
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rows, everything([trainer.model, optimizer]), rates], trainer


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("name", TRAINED)
def test_by_the_trainer(name: str, fuse: bool, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = fitted(name, False, fuse, STEPS[host], monkeypatch)
    found, trainer = fitted(name, True, fuse, STEPS[host], monkeypatch)
    equal(found[1:], expected[1:], bound(fuse, host))
    np.testing.assert_allclose(found[0], expected[0], rtol=max(1e-12, 10 * bound(fuse, host)))
    assert trainer._captured.replays >= STEPS[host] - 8  # of each of two shapes the first calls are none


# ---------------------------------------------------------------------- by steps of their own
Own = tuple[Callable[..., Any], list[Any], Callable[[int], tuple[Any, ...]]]


def given_by(batches: list[Any]) -> Callable[[int], tuple[Any, ...]]:
    return lambda i: tuple(dl.asarray(part) for part in batches[i % len(batches)])


def stage_of(name: str, number: int = 0) -> tuple[Any, Any]:
    made = experiment(name)
    stages = made.stages()
    return [next(stages) for _ in range(number + 1)][-1], made


def autoencoder() -> Own:
    stage, _ = stage_of("denoising-autoencoder")
    trainer = stage.trainer
    model, opt = trainer.model, trainer.optimizer
    slower = optim.ExponentialLR(opt, 0.97)
    batches = given_by(batches_of(stage.train, 16, 9))

    def step(x: Any, *_: Any) -> Any:
        opt.zero_grad()
        loss = dl.nn.MSELoss()(model(x + 0.3 * dl.randn(*x.shape)), x)
        loss.backward()
        opt.step()
        return loss

    def batch(i: int) -> Any:
        if i:
            slower.step()
        return batches(i)

    return step, [model, opt], batch


def vae() -> Own:
    stage, _ = stage_of("vae")
    model, opt = stage.trainer.model, stage.trainer.optimizer

    def step(x: Any) -> Any:
        opt.zero_grad()
        logits, mean, log_var = model(x, None)
        error, divergence = negative_elbo(logits, x, mean, log_var)
        (error + divergence).backward()
        opt.step()
        return {"error": error, "divergence": divergence}

    return step, [model, opt], given_by(batches_of(stage.train, 16, 9))


def gan() -> Own:
    stage, made = stage_of("dcgan", 1)
    trainer = stage.trainer
    model, first, second = trainer.model, trainer.optimizers["discriminator"], trainer.optimizers["generator"]
    assert made is not None

    def step(x: Any, *_: Any) -> Any:
        judge, drawn = model.discriminator, model(x.shape[0], None)
        first.zero_grad()
        d_loss = logits_loss(judge(x, None), 0.9) + logits_loss(judge(drawn.detach(), None), 0.0)
        d_loss.backward()
        first.step()
        second.zero_grad()
        g_loss = logits_loss(judge(drawn, None), 1.0)
        g_loss.backward()
        second.step()
        return d_loss, g_loss

    return step, [model, first, second], given_by(batches_of(stage.train, 8, 7))


def recurrent(name: str) -> Own:
    """Truncated back-propagation: the state is an argument and a result."""
    stage, _ = stage_of(name)
    model, opt, loss_of = stage.trainer.model, stage.trainer.optimizer, stage.trainer.loss
    (x, y), *_ = batches_of(stage.train, 8, 2)
    kept: list[Any] = [None]

    def step(x: Any, y: Any, state: Any) -> Any:
        opt.zero_grad()
        scores, state = model(x, state)
        loss = loss_of(scores, y)
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 0.5)
        opt.step()
        return loss, training.detach(state)

    def batch(i: int) -> Any:
        at = 16 * (i % 6)
        return dl.asarray(x[:, at : at + 16]), dl.asarray(y[:, at : at + 16]), kept[0] if i % 6 else None

    def stepping(train: Any) -> Any:
        def run(*args: Any) -> Any:
            loss, kept[0] = train(*args)
            return loss

        return run

    step.stepping = stepping  # type: ignore[attr-defined]
    return step, [model, opt], batch


def words() -> Own:
    stage, _ = stage_of("word2vec")
    model = stage.trainer.model
    opt = optim.SGD(model.parameters(), lr=0.05)
    batches = given_by(batches_of(stage.train, 64, 9))

    def step(given: Any, seen: Any) -> Any:
        opt.zero_grad()
        scores = model(given, seen)
        loss = dl.nn.functional.softplus(-scores[..., 0]).mean() + dl.nn.functional.softplus(scores[..., 1:]).mean()
        loss.backward()
        opt.step()
        return loss

    return step, [model, opt], batches


def few_shot() -> Own:
    stage, _ = stage_of("protonet")
    trainer = stage.trainer
    model, opt, loss_of, episode = trainer.model, trainer.optimizer, trainer.loss, trainer.sampler
    known = dl.asarray(np.repeat(np.arange(episode.n_way), episode.k_shot))
    labels = dl.asarray(episode.query_labels)

    def step(x: Any, *_: Any) -> Any:
        opt.zero_grad()
        codes = model(x)
        loss = loss_of(episode.support(codes), known, episode.query(codes), labels)
        loss.backward()
        opt.step()
        return loss

    return step, [model, opt], given_by(batches_of(stage.train, 0, 9))


def adversarial() -> Own:
    """Trained on images that were moved against it, which is a gradient inside of the step."""
    stage, _ = stage_of("adversarial-training")
    model, opt, loss_of = stage.trainer.model, stage.trainer.optimizer, stage.trainer.loss

    def step(x: Any, y: Any) -> Any:
        moved = x.detach().clone().requires_grad_()
        slope = dl.gradients(loss_of(model(moved), y), moved)
        moved = dl.clip(x + 0.1 * dl.sign(slope), 0.0, 1.0)
        opt.zero_grad()
        loss = (loss_of(model(x), y) + loss_of(model(moved), y)) / 2.0
        loss.backward()
        opt.step()
        return loss

    return step, [model, opt], given_by(batches_of(stage.train, 16, 9))


def attention() -> Own:
    stage, _ = stage_of("seq2seq-translation")
    model, opt, loss_of = stage.trainer.model, stage.trainer.optimizer, stage.trainer.loss

    def step(source: Any, target: Any) -> Any:
        opt.zero_grad()
        loss = loss_of(model(source, target[:, :-1]), target[:, 1:])
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        return loss

    return step, [model, opt], given_by(batches_of(stage.train, 16, 9))


OWN: dict[str, Callable[[], Own]] = {
    "char-lstm": lambda: recurrent("char-lstm"),
    "char-gru": lambda: recurrent("char-gru"),
    **{f.__name__: f for f in (autoencoder, vae, gan, words, few_shot, adversarial, attention)},
}


def stepped(name: str, captured: bool, fuse: bool, steps: int) -> tuple[list[Any], Any]:
    step, held, batch = OWN[name]()
    dl.manual_seed(13)
    train: Any = training.capture(step, fuse=fuse) if captured else step
    run = getattr(step, "stepping", lambda train: train)(train)
    results = [list(arrays_of(run(*batch(i)))) for i in range(steps)]
    return [results, everything(held)], train


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("name", OWN)
def test_by_steps_of_their_own(name: str, fuse: bool, host: str) -> None:
    steps = 50 if name == "words" else STEPS[host]  # its batches have several shapes, of each of which the first calls are none
    expected, _ = stepped(name, False, fuse, steps)
    found, train = stepped(name, True, fuse, steps)
    equal(found, expected, bound(fuse, host))
    assert train.replays >= (steps - 20 if host == "numba" else 2)
