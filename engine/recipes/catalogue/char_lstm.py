"""The next character of a text by an LSTM."""

from __future__ import annotations

from ... import nn
from ..parts.characters import Characters, character_recipe


class CharLSTM(Characters):
    __doc__ = Characters.__doc__
    cell = "lstm"


RECIPE = character_recipe(CharLSTM, nn.LSTM, small=1.6, quick=2.8)
