"""A classifier that is trained on adversarial examples."""

from __future__ import annotations

from ..parts.attacks import _BUNDLED, _SETTINGS, Attacked, _Robust, fgsm, pgd
from ..recipe import Figure, Recipe, Scale, Setting

_TOUGH = (
    Figure("fgsm-error", at_least=0.6, percent=True),
    Figure("robust-fgsm-error", at_most=0.2, percent=True),
    Figure("robust-clean-error", at_most=0.05, percent=True),
)


_SOFT = (Figure("robust-fgsm-error", at_most=0.4, percent=True), Figure("robust-clean-error", at_most=0.15, percent=True))


RECIPE = Recipe(
    "adversarial-training",
    "a classifier that has met the attack in training",
    Attacked,
    {**_SETTINGS, "robust": Setting(True, "also train a network against the attack")},
    full=Scale(_TOUGH, data=("mnist",)),
    small=Scale(_SOFT, {**_BUNDLED, "epochs": 8, "robust_epochs": 20, "eps": 0.12}),
    quick=Scale(_SOFT, {**_BUNDLED, "epochs": 4, "robust_epochs": 10, "attacked": 200, "eps": 0.12}),
    shows=(_Robust, fgsm, pgd),
)
