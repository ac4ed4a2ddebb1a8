"""Training of language models, and decoding by sampling, greedily, or by beam search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import nn, optim
from ...autograd.base import no_grad
from ...errors import ConfigError
from ...generator import Generator
from ...models import Decoder, LanguageModel
from ...models.seq2seq import BEGIN, END
from ...ops.conversion import asarray
from ...ops.random import rand
from ...training import ClipGradients, TruncatedBPTT
from ..experiment import HELD_OUT, Experiment, Stage


class Reader(Experiment):
    """Trains a LanguageModel. prepare() sets model, and the sequences train and valid.

    Adam with a cosine schedule, clipped gradients, truncated backpropagation through time over s.steps tokens.
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
        yield Stage(self.reading, self.train, s.epochs, HELD_OUT, monitor="val_loss")

    def loss_per_token(self) -> float:
        """The mean cross-entropy in nats per token on the held-out text."""
        return float(self.reading.evaluate(self.valid)["loss"])


def generate(model: Any, prompt: Any, length: int, temperature: float = 1.0, seed: int = 0) -> list[int]:
    """Continue a prompt (T,), T at least 1, by `length` tokens, each sampled from softmax(scores / temperature).

    Temperature 0 always takes the most probable token.
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
    """Sample from softmax(scores / temperature) by inverting its cumulative sum at `chance` in [0, 1)."""
    if temperature == 0:
        return int(np.argmax(scores))
    shares = np.exp((scores.astype(np.float64) - scores.max()) / temperature).cumsum()
    return min(int(np.searchsorted(shares, chance * shares[-1], side="right")), len(shares) - 1)


def greedy(decoder: Decoder, state: Any, memory: Any, mask: Any, limit: int) -> list[list[int]]:
    """Greedy decoding: for each sample the most probable next token in turn, up to END or `limit` tokens."""
    n = memory.shape[0]
    tokens, written = np.full((n, 1), BEGIN), []
    with no_grad():
        for _ in range(limit):
            scores, state, _ = decoder(asarray(tokens), state, memory, mask)
            tokens = scores.numpy_copy().argmax(axis=1)
            written.append(tokens[:, 0])
            if (np.stack(written) == END).any(axis=0).all():
                break
    return [before_end(row) for row in np.stack(written, axis=1).tolist()]


def beam_search(decoder: Decoder, state: Any, memory: Any, mask: Any, limit: int, width: int = 4) -> list[int]:
    """Beam search for one sample, with the `width` best prefixes at each length.

    Sequences are ranked by the mean log-probability of their tokens, END included. state, memory and mask: of one sample.
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
    return before_end(max(ranked, key=lambda entry: entry[0])[1][1:])


def before_end(tokens: list[int]) -> list[int]:
    """The tokens before the first END."""
    return tokens[: tokens.index(END)] if END in tokens else tokens


def _log_softmax(scores: Any) -> Any:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
