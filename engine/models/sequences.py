"""Recurrent networks over whole sequences: one answer at the end, or one at every step."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..autograd.base import no_grad
from ..ops.creation import eye
from ..ops.shape import permute_dims, reshape


class ManyToOne(nn.Module):
    """y = V h_T + b: what a recurrent network answers when it has read the whole sequence.

    recurrent: RNN, LSTM or GRU with batch_first. x: (N,T,I), lengths: (N,) or None -> (N, outputs).
    """

    def __init__(self, recurrent: Any, outputs: int) -> None:
        self.recurrent = recurrent
        self.head = nn.Linear(recurrent.hidden_size, outputs)

    def forward(self, x: Any, lengths: Any = None) -> Any:
        _, state = self.recurrent(x, lengths=lengths)
        return self.head((state[0] if isinstance(state, tuple) else state)[-1])

    def at_each_step(self, x: Any) -> Any:
        """What it would answer if the sequence ended there: (N,T,outputs)."""
        return self.head(self.recurrent(x)[0])


class RowClassifier(nn.Module):
    """An image read row by row, from the top, as if the rows were words: images (N,1,H,W) -> scores (N,K)."""

    def __init__(self, width: int, hidden: int, classes: int) -> None:
        self.read = ManyToOne(nn.LSTM(width, hidden, batch_first=True), classes)

    def forward(self, images: Any) -> Any:
        return self.read(images[:, 0])


class ReviewClassifier(nn.Module):
    """Words in, one class out: embedding, LSTM, and a linear layer on its last state.

    tokens: (N,T) integers, 0 behind the end of a text. Returns scores (N,K).
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int, classes: int) -> None:
        self.embed = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.read = ManyToOne(nn.LSTM(embedding, hidden, batch_first=True), classes)

    def forward(self, tokens: Any) -> Any:
        return self.read(self.embed(tokens), (tokens != 0).astype("int64").sum(axis=1))


class FrameLabeller(nn.Module):
    """A class for every frame of a clip: a small convolutional network sees each frame, an LSTM goes through what it saw.

    clips: (N,T,1,H,W), H and W divisible by 4. memory False leaves the LSTM out: each frame is then judged alone.
    Returns scores (N,K,T). Source: Donahue et al. 2015, "Long-term recurrent convolutional networks".
    """

    def __init__(self, size: int, classes: int, filters: int = 16, hidden: int = 64, memory: bool = True) -> None:
        self.see = nn.Sequential(
            nn.Conv2d(1, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(filters, 2 * filters, 3, padding=1), nn.BatchNorm2d(2 * filters), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(2 * filters * (size // 4) ** 2, hidden), nn.ReLU(),
        )  # fmt: skip
        self.remember = nn.LSTM(hidden, hidden, batch_first=True) if memory else None
        self.head = nn.Linear(hidden, classes)

    def forward(self, clips: Any) -> Any:
        n, steps = clips.shape[:2]
        seen = reshape(self.see(reshape(clips, (n * steps, *clips.shape[2:]))), (n, steps, -1))
        known = seen if self.remember is None else self.remember(seen)[0]
        return permute_dims(self.head(known), (0, 2, 1))


def identity_rnn(inputs: int, hidden: int) -> Any:
    """The IRNN: ReLU, and a recurrent matrix that begins as the identity, so that a state stays as it is until an input comes.

    Source: Le, Jaitly, Hinton 2015, "A simple way to initialize recurrent networks of rectified linear units".
    """
    rnn: Any = nn.RNN(inputs, hidden, nonlinearity="relu", batch_first=True)
    with no_grad():
        nn.init.normal_(rnn.weight_ih_l0, 0.0, 0.03)
        rnn.weight_hh_l0[...] = eye(hidden)
        rnn.bias_ih_l0[...] = 0.0
        rnn.bias_hh_l0[...] = 0.0
    return rnn


def states_over_time(recurrent: Any, x: Any) -> list[Any]:
    """The hidden state after each step of x (N,T,I), as tensors of one graph: (N,H) each, read step by step."""
    state, found = None, []
    for t in range(x.shape[1]):
        _, state = recurrent(x[:, t : t + 1], state)
        found.append(state[0] if isinstance(state, tuple) else state)
    return found
