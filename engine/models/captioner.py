"""Captions for images: a convolutional encoder and a recurrent decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from ..ops.conversion import asarray
from ..ops.elementwise import tanh
from ..ops.rectifiers import relu
from ..ops.shape import permute_dims, reshape
from .seq2seq import Decoder

if TYPE_CHECKING:
    from .._tensor import Tensor


class Captioner(nn.Module):
    """Score the words of captions: three convolutions make a grid of L = (size/8)^2 places with H features, a decoder reads it.

    With attention, the decoder attends to single places at each word. Without, all places are merged into one vector, which it
    sees at each word. Its first state is computed from the mean over the places.

    Shape: images (N,3,size,size), captions (N,T), integers that begin with BEGIN -> scores (N,V,T).

    Parameters
    ----------
    size : int
        The height and width of the images, a multiple of 8.
    vocabulary : int
        V, the number of words.
    embedding : int
        D, the length of the word vectors.
    hidden : int
        H, the number of hidden units.
    filters : int
        The number of filters of the first convolution.
    attention : bool
        Whether the decoder attends to places.

    Attributes
    ----------
    see : Sequential
        The convolutions.
    merge : Linear or None
        Without attention, the layer that merges the places.
    begin : Linear
        The layer that computes the first state of the decoder.
    decoder : Decoder
        The decoder.

    References
    ----------
    Vinyals et al., 2015, "Show and tell"; Xu et al., 2015, "Show, attend and tell".

    Examples
    --------
    >>> model = dl.models.Captioner(size=8, vocabulary=6, embedding=3, hidden=4, filters=2, attention=True)
    >>> model(dl.zeros((2, 3, 8, 8)), dl.ones((2, 5), dtype=dl.int64)).shape
    (2, 6, 5)
    """

    def __init__(self, size: int, vocabulary: int, embedding: int, hidden: int, filters: int, attention: bool) -> None:
        def block(inputs: int, outputs: int) -> list[nn.Module]:
            return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]

        self.see = nn.Sequential(*block(3, filters), *block(filters, 2 * filters), *block(2 * filters, hidden))
        self.merge = None if attention else nn.Linear(hidden * (size // 8) ** 2, hidden)
        self.begin = nn.Linear(hidden, 2 * hidden)
        self.decoder = Decoder(vocabulary, embedding, hidden, attention=True)

    def encode(self, images: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor]:
        """Compute what the decoder starts from and attends to.

        Parameters
        ----------
        images : Tensor
            The images, shape (N,3,size,size).

        Returns
        -------
        state : tuple of Tensor
            The first state of the decoder, two tensors of shape (1,N,H).
        places : Tensor
            The features of the places, shape (N,L,H); L = 1 without attention.
        mask : Tensor
            All True, shape (N,L).
        """
        grid: Tensor = self.see(images)
        n, hidden = grid.shape[:2]
        if self.merge is None:
            places = permute_dims(reshape(grid, (n, hidden, -1)), (0, 2, 1))
        else:
            places = relu(self.merge(reshape(grid, (n, -1))))[:, None]
        start = tanh(self.begin(places.mean(axis=1)))
        mask = asarray([[True] * places.shape[1]] * n, device=images.device)
        return (start[None, :, :hidden], start[None, :, hidden:]), places, mask

    def forward(self, images: Tensor, captions: Tensor) -> Tensor:
        scores: Tensor = self.decoder(captions, *self.encode(images))[0]
        return scores
