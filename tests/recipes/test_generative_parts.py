"""What the recipes about autoencoders and adversarial nets are made of: models, trajectories, measures."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, models
from dlengine.errors import ConfigError
from dlengine.models.vae import negative_elbo
from dlengine.recipes import RECIPES
from dlengine.recipes.catalogue.pix2pix_digits import edges_of
from dlengine.recipes.catalogue.text2image import caption_of, kind_of, numbers
from dlengine.recipes.parts import images
from dlengine.recipes.use import can


def test_trajectories_repeat_and_do_what_their_label_says() -> None:
    first, second = (data.trajectories(400, generator=dl.Generator(3)).arrays for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    paths, kinds = first
    assert paths.shape == (400, 32, 2)
    assert set(kinds) == set(range(5))
    end = paths[:, -1]
    assert (end[kinds == 1, 1] > 0.05).all(), "left is up"
    assert (end[kinds == 2, 1] < -0.05).all()
    assert (np.abs(end[kinds == 0, 1]) < 0.06).all()
    assert end[kinds == 4, 0].max() < end[kinds == 0, 0].min(), "who brakes does not get far"
    with pytest.raises(ConfigError, match="length"):
        data.trajectories(3, length=2)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (models.Autoencoder([16, 8, 2]), (3, 16)),
        (models.ConvAutoencoder(8, 5, 4), (3, 1, 8, 8)),
        (models.ResidualTranslator(3, 4, 1), (2, 3, 8, 8)),
        (models.SkipTranslator(1, 1, 4), (2, 1, 8, 8)),
    ],
)
def test_outputs_have_the_shape_of_inputs_and_lie_between_0_and_1(model: dl.nn.Module, shape: tuple[int, ...]) -> None:
    y = model(dl.rand(*shape)).numpy_copy()
    assert y.shape == shape
    assert ((y >= 0) & (y <= 1)).all()


def test_tied_layers_use_one_matrix_both_ways() -> None:
    layer = models.TiedLayer(6, 4)
    assert {name: p.shape for name, p in layer.named_parameters()} == {"linear.weight": (4, 6), "linear.bias": (4,), "back": (6,)}
    x = dl.rand(3, 6)
    h = layer.encode(x).numpy_copy()
    expected = 1 / (1 + np.exp(-(h @ layer.linear.weight.numpy_copy() + layer.back.numpy_copy())))
    assert layer(x).numpy_copy() == pytest.approx(expected, rel=1e-5)


def test_the_bound_of_a_vae_is_the_sum_over_pixels_and_codes() -> None:
    logits, x = dl.zeros((2, 3)), dl.ones((2, 3))
    mean, log_var = dl.asarray([[1.0, 0.0], [0.0, 0.0]]), dl.zeros((2, 2))
    error, divergence = negative_elbo(logits, x, mean, log_var)
    assert float(error) == pytest.approx(3 * np.log(2.0))
    assert float(divergence) == pytest.approx(0.25)


def test_conditional_players_read_the_condition() -> None:
    dl.manual_seed(0)
    game = models.GAN(models.DenseGenerator(4, 8, 8, 10), models.DenseDiscriminator(8, 8, 10), 4).eval()
    noise = dl.randn(2, 4)
    a, b = (game.generator(noise, dl.asarray([k, k])).numpy_copy() for k in (0, 1))
    assert a.shape == (2, 1, 8, 8)
    assert np.abs(a - b).max() > 1e-4
    assert game.discriminator(dl.asarray(a), dl.asarray([0, 1])).shape == (2,)
    words = dl.asarray([numbers("a large red circle"), numbers("a small red circle")])
    assert models.CaptionedGenerator(13, 4, 16, 4)(noise, words).shape == (2, 3, 16, 16)
    assert models.CaptionedDiscriminator(13, 16, 4)(dl.rand(2, 3, 16, 16), words).shape == (2,)


def test_area_under_the_curve_counts_pairs() -> None:
    scores, positive = np.array([3.0, 1.0, 2.0, 2.0, 0.0]), np.array([True, True, False, True, False])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert images.area_under_curve(scores, positive) == pytest.approx(np.mean(pairs))


def test_the_angle_between_planes() -> None:
    turn = 0.3
    a = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    b = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(turn), np.sin(turn)]])
    assert images.largest_angle(a, b) == pytest.approx(turn)
    assert images.largest_angle(a, np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])) == pytest.approx(0.0, abs=1e-7)


def test_a_blur_keeps_the_sum_and_edges_are_where_the_image_changes() -> None:
    image = np.zeros((1, 15, 15))
    image[0, 7, 7] = 1.0
    blur = images.blurred(image, 1.0)
    assert blur.sum() == pytest.approx(1.0)
    assert blur == pytest.approx(blur.transpose(0, 2, 1))
    step = np.zeros((1, 1, 6, 6))
    step[..., 3:] = 1.0
    found = edges_of(step)[0, 0, 2]
    assert found.tolist() == [0, 0, 1, 1, 0, 1], "the border of the image is an edge too"


def test_captions_and_kinds_are_each_others_inverse() -> None:
    texts = [caption_of(k) for k in range(40)]
    assert len(set(texts)) == 40
    assert kind_of(np.array([numbers(text) for text in texts])).tolist() == list(range(40))
    with pytest.raises(ConfigError, match="purple"):
        numbers("a large purple circle")


def test_abilities_are_there() -> None:
    able = {name for name, recipe in RECIPES.items() if can(recipe, "sample")}
    assert {"vae", "gan", "cgan", "dcgan", "text2image"} <= able
