"""What recipes measure and show is what they say: the rule before its correction, one hidden layer, frames, curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import dlengine as dl
from dlengine import nn, recipes
from dlengine.recipes.catalogue import perceptron
from dlengine.recipes.catalogue.mlp import DECAYS, UNITS, Perceptrons
from dlengine.recipes.parts.pictures import image_grid
from dlengine.recipes.recipe import RECIPES, find
from dlengine.recipes.use import can


def experiment(name: str, **settings: Any) -> Any:
    recipe = find(name)
    dl.manual_seed(0)
    return recipe.experiment(recipe.configure(settings, "quick"), 0)


def test_a_sample_is_measured_before_the_rule_learns_it() -> None:
    """At the first sample of a fresh perceptron all scores are equal: the class 0 is what it must be seen to answer."""
    made = experiment("perceptron")
    metric = made.rule.metrics[0]
    for digit, right in ((0, 1.0), (7, 0.0)):
        model = nn.Perceptron(64, 10)
        rule = perceptron._Rule(model, None, dl.optim.SGD(model.parameters(), lr=0.0), metrics=[metric], progress=False)
        metric.reset()
        rule.train_step((dl.ones((1, 64)), dl.asarray([digit])))
        assert metric.compute() == right
        assert dl.argmax(model.activation(dl.ones((1, 64))), axis=1).tolist() == [digit]  # learnt afterwards


def test_the_curve_is_fitted_by_one_hidden_layer() -> None:
    made = experiment("mlp")
    assert [tuple(m.weight.shape) for m in made.curve.modules() if isinstance(m, nn.Linear)] == [(64, 1), (1, 64)]


def test_decay_adds_the_squared_weights_to_the_loss() -> None:
    made = experiment("mlp")
    model = made.planes[f"decay-{DECAYS[1]:g}"]
    scores, y = model(dl.ones((3, 2))), dl.asarray([0, 1, 1])
    plain = Perceptrons._cost(f"units-{UNITS[0]}", model)(scores, y)
    decayed = Perceptrons._cost(f"decay-{DECAYS[1]:g}", model)(scores, y)
    squares = sum(float((m.weight**2).sum()) for m in model.modules() if isinstance(m, nn.Linear))
    np.testing.assert_allclose(float(decayed) - float(plain), DECAYS[1] * squares, rtol=1e-4)


def test_gradients_over_time_are_measured_on_long_sequences() -> None:
    """Over the ten steps of the quick training nothing vanishes."""
    made = experiment("adding-problem", samples=50)
    assert len(made.fresh["rnn"]) == 100
    assert made.fresh["rnn"][0] < 1e-10
    assert made.fresh["irnn"][0] > 0.1


def test_only_recipes_of_images_predict() -> None:
    able = {name for name, recipe in RECIPES.items() if can(recipe, "predict")}
    assert "mnist-cnn" in able
    assert "digits-cnn" in able
    assert "audio-cnn" not in able
    assert "dlengine predict" not in recipes.explain(find("audio-cnn"))


def test_white_images_have_a_border(tmp_path: Path) -> None:
    image_grid(tmp_path / "a.png", np.ones((2, 3, 3)), 2, title="white")
    shades = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    assert (shades < 200).sum() > 4 * 30  # frames and the title's letters


def test_trainings_of_a_single_epoch_have_no_curves(tmp_path: Path) -> None:
    run = recipes.train("optimizers", {"steps": 20}, scale="quick", out=tmp_path / "run", progress=False)
    assert (run.folder / "paths.png").is_file()
    assert not list(run.folder.glob("curves*.png"))
