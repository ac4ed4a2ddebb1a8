"""The next character of a text by an RNN."""

from __future__ import annotations

from ... import nn
from ..parts.characters import Characters, character_recipe


class CharRNN(Characters):
    __doc__ = Characters.__doc__
    cell = "rnn"


RECIPE = character_recipe(CharRNN, nn.RNN, small=1.6, quick=2.9)
