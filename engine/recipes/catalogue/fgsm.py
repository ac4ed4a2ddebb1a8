"""The fast gradient sign attack, and the smallest perturbation that changes the class of an image."""

from __future__ import annotations

from ...autograd.derivatives import gradients
from ..parts.attacks import _BUNDLED, _SETTINGS, Attacked, fgsm, pgd
from ..recipe import Figure, Recipe, Scale

RECIPE = Recipe(
    "fgsm",
    "the fast gradient sign attack, PGD, and the smallest change that flips an image",
    Attacked,
    _SETTINGS,
    full=Scale(
        (Figure("fgsm-error", at_least=0.6, percent=True), Figure("clean-error", at_most=0.02, percent=True)),
        {"epochs": 5},
        data=("mnist",),
    ),
    small=Scale(
        (Figure("fgsm-error", at_least=0.6, percent=True), Figure("clean-error", at_most=0.06, percent=True)),
        {**_BUNDLED, "epochs": 12},
    ),
    quick=Scale(
        (Figure("fgsm-error", at_least=0.6, percent=True), Figure("clean-error", at_most=0.1, percent=True)),
        {**_BUNDLED, "epochs": 6, "attacked": 200},
    ),
    shows=(fgsm, pgd, gradients),
)
