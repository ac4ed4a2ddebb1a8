"""The parts of the sequence recipes: decoders, searches, trigrams, generated texts and clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, nn
from dlengine.errors import ConfigError
from dlengine.models import LanguageModel, Seq2Seq, states_over_time
from dlengine.models.seq2seq import BEGIN, END
from dlengine.recipes.catalogue.adding_problem import scale_radius
from dlengine.recipes.catalogue.captioning import descriptions
from dlengine.recipes.catalogue.sequence_frames import moving_digits
from dlengine.recipes.parts.ngrams import KneserNey
from dlengine.recipes.parts.pairs import Pairs
from dlengine.recipes.parts.reviews import BAD, DENIALS, GOOD, reviews
from dlengine.recipes.parts.toy_french import toy_french
from dlengine.recipes.parts.writing import beam_search, generate, greedy
from dlengine.training import TeacherForcing


@pytest.fixture
def model() -> Any:
    dl.manual_seed(3)
    return Seq2Seq(9, 9, 6, 8, attention=True).eval()


def log_probability(model: Any, source: Any, tokens: list[int]) -> float:
    """The mean log-probability that a model gives a whole sequence."""
    ids = np.array([[BEGIN, *tokens, END]])
    with dl.no_grad():
        scores = model(dl.asarray(source), dl.asarray(ids[:, :-1])).numpy_copy()[0].astype(np.float64)
    logs = scores - np.log(np.exp(scores).sum(axis=0))
    return float(np.mean([logs[token, t] for t, token in enumerate(ids[0, 1:])]))


def test_a_beam_of_one_is_greedy_and_a_wider_one_is_not_worse(model: Any) -> None:
    for start in range(4, 8):
        source = np.array([[start, 5, 7, 4]])
        with dl.no_grad():
            parts = model.encode(dl.asarray(source))
            first = greedy(model.decoder, *parts, limit=6)[0]
            assert beam_search(model.decoder, *parts, limit=6, width=1) == first
            best = beam_search(model.decoder, *parts, limit=6, width=9)
        if len(best) < 6 and len(first) < 6:
            assert log_probability(model, source, best) >= log_probability(model, source, first) - 1e-6


def test_padding_changes_nothing(model: Any) -> None:
    short, target = np.array([[4, 5]]), dl.asarray(np.array([[BEGIN, 6, 7]]))
    padded = np.array([[4, 5, 0, 0]])
    with dl.no_grad():
        a, b = (model(dl.asarray(source), target).numpy_copy() for source in (short, padded))
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_teacher_forcing_scores_each_next_token(model: Any) -> None:
    inputs, targets = (dl.asarray(part) for part in Pairs([[4, 5], [6]], [[7], [8, 4]]).batch([0, 1]))
    assert targets.numpy().tolist() == [[BEGIN, 7, END, 0], [BEGIN, 8, 4, END]]
    loss = nn.CrossEntropyLoss(ignore_index=0)
    trainer = TeacherForcing(model, loss, dl.optim.SGD(model.parameters(), lr=0.1), metrics=[], progress=False)
    expected = float(loss(model(inputs, targets[:, :-1]), targets[:, 1:]))
    assert trainer.evaluate([(inputs, targets)])["loss"] == pytest.approx(expected)
    before = expected
    trainer.fit([(inputs, targets)], 3)
    assert trainer.evaluate([(inputs, targets)])["loss"] < before


def test_generate_draws_by_temperature() -> None:
    dl.manual_seed(0)
    model = LanguageModel(7, 4, 5)
    assert generate(model, [1, 2], 12, 0.0) == generate(model, [1, 2], 12, 0.0, seed=5)
    assert generate(model, [1, 2], 30, 5.0, seed=1) == generate(model, [1, 2], 30, 5.0, seed=1)
    assert generate(model, [1, 2], 30, 5.0, seed=1) != generate(model, [1, 2], 30, 5.0, seed=2)
    with pytest.raises(ConfigError, match="prompt"):
        generate(model, [], 3)


def test_states_over_time_are_those_of_the_whole_sequence() -> None:
    dl.manual_seed(0)
    lstm = nn.LSTM(2, 3, batch_first=True)
    x = dl.randn(4, 5, 2)
    whole = lstm(x)[0].numpy_copy()
    steps = [h.numpy_copy()[0] for h in states_over_time(lstm, x)]
    np.testing.assert_allclose(np.stack(steps, axis=1), whole, rtol=1e-5, atol=1e-6)


def test_scale_radius_sets_the_largest_eigenvalue() -> None:
    rnn = scale_radius(nn.RNN(2, 6), 1.5)
    assert np.abs(np.linalg.eigvals(rnn.weight_hh_l0.numpy_copy())).max() == pytest.approx(1.5, rel=1e-5)


def test_trigram_probabilities_sum_to_one_and_follow_the_counts() -> None:
    text = [0, 1, 2, 0, 1, 2, 0, 1, 3, 4, 0, 1, 2]
    model = KneserNey(text, 6)
    for u, v in ((0, 1), (3, 4), (5, 5), (2, 5), (5, 0)):
        shares = [model.probability(u, v, w) for w in range(6)]
        assert sum(shares) == pytest.approx(1.0)
        assert min(shares) > 0
    assert model.probability(0, 1, 2) > model.probability(0, 1, 3) > model.probability(0, 1, 4)
    assert model.perplexity(text) < 4


def test_a_review_has_the_label_of_its_judgements() -> None:
    texts, labels = reviews(200, dl.Generator(1))
    for text, label in zip(texts, labels.tolist(), strict=True):
        verdicts = []
        for part in text.split("the ")[1:]:
            found = [word for word in part.split() if word in GOOD + BAD]
            if found:
                verdicts.append((found[0] in GOOD) != any(denial in part for denial in DENIALS))
        assert len(verdicts) in (1, 3)
        assert label == (sum(verdicts) > len(verdicts) / 2), text


def test_toy_french_agrees_and_turns_round() -> None:
    pairs = dict(toy_french(3000, dl.Generator(0)))
    translated = {" ".join(a): " ".join(b) for a, b in pairs.items()}
    assert any("la voiture verte" in b for a, b in translated.items() if "the green car" in a)
    bigrams = {(a, b) for _, french in pairs.items() for a, b in zip(french, french[1:], strict=False)}
    assert ("la", "voiture") in bigrams
    assert not {("le", "voiture"), ("la", "chat"), ("un", "fleur"), ("une", "livre"), ("voiture", "vert")} & bigrams
    negated = [(english, french) for english, french in pairs.items() if "not" in english]
    assert negated
    assert all(a.count("not") == b.count("ne") == b.count("pas") for a, b in negated)


def test_descriptions_say_the_same() -> None:
    a, b = "a small red cross", "a large blue square"
    assert descriptions(f"{a} left of {b}") == {f"{a} left of {b}", f"{b} right of {a}"}
    assert descriptions(f"{a} below {b}") == {f"{a} below {b}", f"{b} above {a}"}
    assert descriptions(a) == {a}


def test_moving_digits_keep_their_label_behind_the_noise() -> None:
    images, labels = data.digits().arrays
    clips, found = moving_digits(images, labels, 40, 9, 16, 0.4, dl.Generator(2)).arrays
    assert clips.shape == (40, 9, 1, 16, 16)
    changes = (found[:, 1:] != found[:, :-1]).sum(axis=1)
    assert set(changes.tolist()) <= {0, 1}
    assert (clips[:, 0].max(axis=(1, 2, 3)) > 0.5).all()
    hidden = clips.max(axis=(2, 3, 4)) < 0.5
    assert 0.2 < hidden.mean() < 0.5
