"""A caption for a picture: a convolutional network sees, a decoder writes."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..ops.activation import relu
from ..ops.creation import asarray
from ..ops.elementwise import tanh
from ..ops.shape import permute_dims, reshape
from .seq2seq import Decoder


class Captioner(nn.Module):
    """Three convolutions turn an image into a grid of L = (size/8)^2 places with H features each.

    With attention the decoder may look at each place by itself while it writes. Without, all places are merged into one
    vector, the whole picture, which it sees at every word. It begins with a state made of the mean of what it can see.
    images (N,3,size,size), captions (N,T) with BEGIN -> scores (N,vocabulary,T).
    Source: Vinyals et al. 2015, "Show and tell"; Xu et al. 2015, "Show, attend and tell".
    """

    def __init__(self, size: int, vocabulary: int, embedding: int, hidden: int, filters: int, attention: bool) -> None:
        def block(inputs: int, outputs: int) -> list[Any]:
            return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]

        self.see = nn.Sequential(*block(3, filters), *block(filters, 2 * filters), *block(2 * filters, hidden))
        self.merge = None if attention else nn.Linear(hidden * (size // 8) ** 2, hidden)
        self.begin = nn.Linear(hidden, 2 * hidden)
        self.decoder = Decoder(vocabulary, embedding, hidden, attention=True)

    def encode(self, images: Any) -> tuple[Any, Any, Any]:
        """The decoder's first state, the places (N,L,H) that it sees, L = 1 without attention, and a mask (N,L), all True."""
        grid = self.see(images)
        n, hidden = grid.shape[:2]
        if self.merge is None:
            places = permute_dims(reshape(grid, (n, hidden, -1)), (0, 2, 1))
        else:
            places = relu(self.merge(reshape(grid, (n, -1))))[:, None]
        start = tanh(self.begin(places.mean(axis=1)))
        mask = asarray([[True] * places.shape[1]] * n, device=images.device)
        return (start[None, :, :hidden], start[None, :, hidden:]), places, mask

    def forward(self, images: Any, captions: Any) -> Any:
        return self.decoder(captions, *self.encode(images))[0]
