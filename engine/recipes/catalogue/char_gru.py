"""The next character of a text by a GRU."""

from __future__ import annotations

from ... import nn
from ..parts.characters import Characters, character_recipe


class CharGRU(Characters):
    __doc__ = Characters.__doc__
    cell = "gru"


RECIPE = character_recipe(CharGRU, nn.GRU, small=1.6, quick=2.8)
