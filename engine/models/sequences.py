"""Recurrent networks that classify sequences: one output at the end, or one at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import nn
from ..autograd.base import no_grad
from ..ops.creation import eye
from ..ops.shape import permute_dims, reshape

if TYPE_CHECKING:
    from .._tensor import Tensor


class ManyToOne(nn.Module):
    """One output for a whole sequence, from the last hidden state: ``y = W h_T + b``.

    Shape: x (N,T,I), lengths (N,), integers, or None for T -> (N,O).

    Parameters
    ----------
    recurrent : RNN, LSTM or GRU
        The recurrent network, with ``batch_first=True``.
    outputs : int
        O, the number of outputs.

    Attributes
    ----------
    head : Linear
        W, shape (O,H), and b, shape (O,).

    Examples
    --------
    >>> model = dl.models.ManyToOne(dl.nn.GRU(3, 4, batch_first=True), outputs=2)
    >>> model(dl.zeros((5, 6, 3))).shape
    (5, 2)
    """

    def __init__(self, recurrent: nn.RNN | nn.LSTM | nn.GRU, outputs: int) -> None:
        self.recurrent = recurrent
        self.head = nn.Linear(recurrent.hidden_size, outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        _, state = self.recurrent(x, lengths=lengths)
        y: Tensor = self.head((state[0] if isinstance(state, tuple) else state)[-1])
        return y

    def at_each_step(self, x: Tensor) -> Tensor:
        """Compute the output after each step, as if the sequence ended there.

        Parameters
        ----------
        x : Tensor
            The sequences, shape (N,T,I).

        Returns
        -------
        Tensor
            The outputs, shape (N,T,O).
        """
        y: Tensor = self.head(self.recurrent(x)[0])
        return y


class RowClassifier(nn.Module):
    """Classify images with an LSTM that reads them row by row, from top to bottom.

    Shape: images (N,1,H,W) -> scores (N,V).

    Parameters
    ----------
    width : int
        W, the width of the images.
    hidden : int
        The number of hidden units.
    classes : int
        V, the number of classes.

    Examples
    --------
    >>> model = dl.models.RowClassifier(width=8, hidden=4, classes=10)
    >>> model(dl.zeros((2, 1, 6, 8))).shape
    (2, 10)
    """

    def __init__(self, width: int, hidden: int, classes: int) -> None:
        self.read = ManyToOne(nn.LSTM(width, hidden, batch_first=True), classes)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.read(images[:, 0])
        return scores


class ReviewClassifier(nn.Module):
    """Classify texts: an embedding, an LSTM, and a linear layer on its last state.

    Shape: tokens (N,T), integers, 0 after the end of a text -> scores (N,classes).

    Parameters
    ----------
    vocabulary : int
        V, the number of different tokens, with 0.
    embedding : int
        D, the length of the token vectors.
    hidden : int
        H, the number of hidden units.
    classes : int
        The number of classes.

    Examples
    --------
    >>> model = dl.models.ReviewClassifier(vocabulary=6, embedding=3, hidden=4, classes=2)
    >>> model(dl.asarray([[1, 2, 3], [4, 5, 0]])).shape
    (2, 2)
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int, classes: int) -> None:
        self.embed = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.read = ManyToOne(nn.LSTM(embedding, hidden, batch_first=True), classes)

    def forward(self, tokens: Tensor) -> Tensor:
        scores: Tensor = self.read(self.embed(tokens), (tokens != 0).astype("int64").sum(axis=1))
        return scores


class FrameLabeller(nn.Module):
    """Classify every frame of a video clip: convolutions on each frame, and an LSTM over the frames.

    Shape: clips (N,T,1,size,size) -> scores (N,V,T).

    Parameters
    ----------
    size : int
        The height and width of the frames, a multiple of 4.
    classes : int
        V, the number of classes.
    filters : int
        The number of filters of the first convolution; the second has twice as many.
    hidden : int
        The number of features of a frame, and of hidden units.
    memory : bool
        Whether there is an LSTM; without, each frame is classified by itself.

    References
    ----------
    Donahue et al., 2015, "Long-term recurrent convolutional networks", arXiv:1411.4389.

    Examples
    --------
    >>> model = dl.models.FrameLabeller(size=8, classes=3, filters=2, hidden=4)
    >>> model(dl.zeros((2, 5, 1, 8, 8))).shape
    (2, 3, 5)
    """

    def __init__(self, size: int, classes: int, filters: int = 16, hidden: int = 64, memory: bool = True) -> None:
        self.see = nn.Sequential(
            nn.Conv2d(1, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(filters, 2 * filters, 3, padding=1), nn.BatchNorm2d(2 * filters), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(2 * filters * (size // 4) ** 2, hidden), nn.ReLU(),
        )  # fmt: skip
        self.remember = nn.LSTM(hidden, hidden, batch_first=True) if memory else None
        self.head = nn.Linear(hidden, classes)

    def forward(self, clips: Tensor) -> Tensor:
        n, steps = clips.shape[:2]
        seen: Tensor = reshape(self.see(reshape(clips, (n * steps, *clips.shape[2:]))), (n, steps, -1))
        known = seen if self.remember is None else self.remember(seen)[0]
        return permute_dims(self.head(known), (0, 2, 1))


def identity_rnn(inputs: int, hidden: int) -> nn.RNN:
    """Make an IRNN: an RNN with ReLU whose recurrent matrix starts as the identity, so that it keeps its state without input.

    The input weights are drawn from N(0, 0.03^2), the biases are 0.

    Parameters
    ----------
    inputs : int
        I, the number of inputs.
    hidden : int
        H, the number of hidden units.

    Returns
    -------
    RNN
        The network, with ``batch_first=True``.

    References
    ----------
    Le, Jaitly and Hinton, 2015, arXiv:1504.00941.

    Examples
    --------
    >>> rnn = dl.models.identity_rnn(inputs=3, hidden=2)
    >>> rnn.weight_hh_l0.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rnn: Any = nn.RNN(inputs, hidden, nonlinearity="relu", batch_first=True)
    with no_grad():
        nn.init.normal_(rnn.weight_ih_l0, 0.0, 0.03)
        rnn.weight_hh_l0[...] = eye(hidden)
        rnn.bias_ih_l0[...] = 0.0
        rnn.bias_hh_l0[...] = 0.0
    made: nn.RNN = rnn
    return made


def states_over_time(recurrent: nn.RNN | nn.LSTM | nn.GRU, x: Tensor) -> list[Tensor]:
    """Run a recurrent network step by step, so that the gradient at each hidden state can be observed.

    Parameters
    ----------
    recurrent : RNN, LSTM or GRU
        The network, with ``batch_first=True``.
    x : Tensor
        The sequences, shape (N,T,I).

    Returns
    -------
    list of Tensor
        The hidden state after each step, shape (1,N,H) for one layer, in one graph.

    Examples
    --------
    >>> states = dl.models.states_over_time(dl.models.identity_rnn(3, 2), dl.zeros((5, 4, 3)))
    >>> len(states), states[0].shape
    (4, (1, 5, 2))
    """
    state: Any = None
    found: list[Tensor] = []
    for t in range(x.shape[1]):
        _, state = recurrent(x[:, t : t + 1], state)
        found.append(state[0] if isinstance(state, tuple) else state)
    return found
