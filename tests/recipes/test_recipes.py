"""Every recipe at its quick scale: it reaches its figures, leaves its pictures, and trains alike on both CPU backends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dlengine as dl
from dlengine import nn, recipes
from dlengine.errors import ConfigError
from dlengine.optim import Optimizer
from dlengine.recipes import RECIPES

STEPS = 20


@pytest.mark.recipes
@pytest.mark.parametrize("name", RECIPES)
def test_quick_reaches_its_figures_and_leaves_its_pictures(name: str, tmp_path: Path) -> None:
    run = recipes.train(name, scale="quick", out=tmp_path / "run", progress=False)
    assert run.reached, run.verdicts()
    pictures = {p.name for p in run.folder.glob("*.png") if not p.name.startswith("curves")}
    assert pictures == set(run.recipe.experiment.captions)
    again = recipes.evaluate(run.folder)
    assert {f.name: v for f, v, _ in again.verdicts()} == {f.name: v for f, v, _ in run.verdicts()}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_model_that_does_not_learn_misses_a_figure(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Optimizer, "step", lambda self, closure=None: closure() if closure else None)
    monkeypatch.setattr(nn.Perceptron, "learn", lambda self, x, target: dl.zeros(()))  # a rule that needs no optimizer
    run = recipes.train(name, scale="quick", out=tmp_path / "run", progress=False)
    assert not run.reached, run.verdicts()


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_first_losses_are_those_of_the_other_backend(name: str) -> None:
    found: list[Any] = []
    for backend in ("numpy", "numba"):
        with dl.use_backend(backend):
            found.append(recipes.first_values(name, steps=STEPS))
    ours, theirs = found
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert value == pytest.approx(b[key], rel=1e-8, abs=1e-8), key


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_explains_itself(name: str) -> None:
    recipe = RECIPES[name]
    text = recipes.explain(recipe)
    assert recipe.title in text
    assert len((recipe.experiment.__doc__ or "").split()) > 30, "an idea, its equations and its source"
    for scale in recipe.scales:
        recipe.configure({}, scale)
        assert recipe.scales[scale].figures


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"count": "0"}, "sample: count must be from 1 to 10000, got 0"),
        ({"temperature": "-1"}, "sample: temperature must be at least 0, got -1"),
        ({"temperature": "nan"}, "sample: temperature must be at least 0, got nan"),
        ({"count": "few"}, "sample: count must be like 100, got 'few'"),
        ({"caunt": "1"}, "sample of vae has no option 'caunt'.*count"),
    ],
)
def test_options_of_a_run_are_checked(option: dict[str, str], message: str, codes: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        recipes.use(codes, "sample", **option)


def test_a_test_image_is_chosen_by_its_number(codes: Path) -> None:
    assert recipes.use(codes, "interpolate", first="3", steps="2") == codes / "interpolate.png"
    with pytest.raises(ConfigError, match="first must be from 0 to [0-9]+, got 99999"):
        recipes.use(codes, "interpolate", first="99999")
    with pytest.raises(ConfigError, match="vae has nothing for `dlengine attack`; these can: adversarial-training, fgsm"):
        recipes.use(codes, "attack")


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "vae"
    return recipes.train("vae", {"epochs": 1}, scale="quick", out=folder, progress=False).folder
