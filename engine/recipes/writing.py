"""Language models read, and write: by drawing from what they hold likely, greedily, or by beam search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import nn, optim
from ..autograd.base import no_grad
from ..errors import ConfigError
from ..generator import Generator
from ..models import Decoder, LanguageModel
from ..models.seq2seq import BEGIN, END
from ..ops.creation import asarray
from ..ops.random import rand
from ..training import ClipGradients, TruncatedBPTT
from .experiment import Experiment, Stage


class Reader(Experiment):
    """A LanguageModel that learns the next token of stretches of text. prepare() sets model, and train and valid, the stretches.

    Adam at a rate that falls along a cosine, gradients clipped, truncated back-propagation through time over s.steps tokens.
    """

    model: LanguageModel
    train: Any
    valid: Any

    def stages(self) -> Iterator[Stage]:
        s = self.s
        optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        slower = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.02 * s.lr)
        self.reading = self.trainer(
            self.model, nn.CrossEntropyLoss(), optimizer, TruncatedBPTT, length=s.steps, axis=1, metrics=[],
            scheduler=slower, callbacks=[ClipGradients(s.clip)],
        )  # fmt: skip
        yield Stage(self.reading, self.train, s.epochs, self.valid, monitor="val_loss")

    def loss_per_token(self) -> float:
        """The mean cross-entropy, nats per token, on the unseen text."""
        return float(self.reading.evaluate(self.valid)["loss"])


def generate(model: Any, prompt: Any, length: int, temperature: float = 1.0, seed: int = 0) -> list[int]:
    """`length` tokens that go on from a prompt (T,), T at least 1, each drawn from softmax(scores / temperature).

    A low temperature makes the likely likelier; 0 always takes the likeliest.
    """
    if len(prompt) < 1 or length < 1 or temperature < 0:
        raise ConfigError(
            f"generate: needs a prompt, length >= 1 and temperature >= 0, got {len(prompt)}, {length}, {temperature}"
        )
    chances = rand(length, dtype="float64", device="cpu", generator=Generator(seed)).numpy()
    tokens, state, found = np.asarray(prompt)[None], None, list[int]()
    model.eval()
    with no_grad():
        for chance in chances:
            scores, state = model(asarray(tokens), state)
            found.append(draw(scores.numpy_copy()[0, :, -1], temperature, float(chance)))
            tokens = np.array([found[-1:]])
    return found


def draw(scores: Any, temperature: float, chance: float) -> int:
    """The token whose share of softmax(scores / temperature) holds the point `chance` of [0, 1)."""
    if temperature == 0:
        return int(np.argmax(scores))
    shares = np.exp((scores.astype(np.float64) - scores.max()) / temperature).cumsum()
    return min(int(np.searchsorted(shares, chance * shares[-1], side="right")), len(shares) - 1)


def greedy(decoder: Decoder, state: Any, memory: Any, mask: Any, limit: int) -> list[list[int]]:
    """For each sample the tokens that come of always taking the likeliest next one, up to END or `limit`."""
    n = memory.shape[0]
    tokens, written = np.full((n, 1), BEGIN), []
    with no_grad():
        for _ in range(limit):
            scores, state, _ = decoder(asarray(tokens), state, memory, mask)
            tokens = scores.numpy_copy().argmax(axis=1)
            written.append(tokens[:, 0])
            if (np.stack(written) == END).any(axis=0).all():
                break
    return [until_end(row) for row in np.stack(written, axis=1).tolist()]


def beam_search(decoder: Decoder, state: Any, memory: Any, mask: Any, limit: int, width: int = 4) -> list[int]:
    """The best sequence for one sample that a search finds which keeps the `width` best beginnings at each length.

    A sequence counts by the mean log-probability of its tokens, END included. state, memory and mask are of one sample.
    """
    live: list[tuple[float, list[int]]] = [(0.0, [BEGIN])]
    done: list[tuple[float, list[int]]] = []
    with no_grad():
        for _ in range(limit):
            rows = [len(live)] + [1] * (memory.ndim - 1)
            last = asarray(np.array([tokens[-1:] for _, tokens in live]))
            seen = asarray(np.tile(memory.numpy_copy(), rows)), asarray(np.tile(mask.numpy_copy(), [len(live), 1]))
            scores, state, _ = decoder(last, state, *seen)
            found = _log_softmax(scores.numpy_copy()[:, :, 0]) + np.array([[total] for total, _ in live])
            best = np.argsort(-found, axis=None, kind="stable")[:width].tolist()
            grown, parents = [], []
            for place in best:
                parent, token = divmod(place, found.shape[1])
                total, tokens = float(found[parent, token]), [*live[parent][1], token]
                if token == END:
                    done.append((total / (len(tokens) - 1), tokens))
                else:
                    grown.append((total, tokens))
                    parents.append(parent)
            if not grown or len(done) >= width:
                break
            live = grown
            state = tuple(asarray(part.numpy_copy()[:, parents]) for part in state)
    ranked = done or [(total / len(tokens), tokens) for total, tokens in live]
    return until_end(max(ranked, key=lambda entry: entry[0])[1][1:])


def until_end(tokens: list[int]) -> list[int]:
    """The tokens before the first END."""
    return tokens[: tokens.index(END)] if END in tokens else tokens


def _log_softmax(scores: Any) -> Any:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
