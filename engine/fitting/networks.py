"""Networks by name and settings, as bundles name them: no code is stored, only these words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn
from ..autograd.base import no_grad
from ..data.host_arrays import HostArray
from ..errors import CheckpointError
from ..models import LanguageModel
from ..ops.conversion import asarray
from ..ops.creation import empty
from ..ops.reduce import logsumexp
from ..ops.shape import permute_dims
from ..ops.softmax import log_softmax

if TYPE_CHECKING:
    from .._tensor import Tensor


class Parallel(nn.Module):
    """Linear maps of several networks side by side, ``y_k = x_k W_k + b_k``, in one product.

    Shape: x (K,N,I), or (N,I) for all -> (K,N,O).

    Parameters
    ----------
    members, inputs, outputs : int
        K, I and O.
    zero : bool
        Begin with zeros instead of random weights.
    """

    def __init__(self, members: int, inputs: int, outputs: int, zero: bool = False) -> None:
        self.weight = nn.Parameter(empty((members, inputs, outputs)))
        self.bias = nn.Parameter(empty((members, 1, outputs)))
        bound = 0.0 if zero else inputs**-0.5
        for p in (self.weight, self.bias):
            nn.init.uniform_(p, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x @ self.weight + self.bias
        return y


class Ensemble(nn.Module):
    """Networks side by side: each is trained by itself, and what they say is averaged.

    Shape: x (N,I) -> (N,O,K) in training, K members; (N,O) in evaluation, for scores the logarithm of the mean probability.

    Parameters
    ----------
    body : Module
        The networks, which give (K,N,O).
    scores : bool
        Whether outputs are scores of classes.
    """

    def __init__(self, body: nn.Module, scores: bool) -> None:
        self.body, self.scores = body, scores

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        if self.training:
            return permute_dims(y, (1, 2, 0))
        return logsumexp(log_softmax(y, axis=2), axis=0) if self.scores else y.mean(axis=0)


class WithLinear(nn.Module):
    """Networks with a linear map beside each, whose outputs are added: what is linear need not be learnt by hidden layers.

    Parameters
    ----------
    members, inputs, outputs : int
        The sizes of the linear maps, which begin with zeros.
    body : Module
        The networks, which give (K,N,O).
    """

    def __init__(self, members: int, inputs: int, outputs: int, body: nn.Module) -> None:
        self.direct = Parallel(members, inputs, outputs, zero=True)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.direct(x) + self.body(x)
        return y


class TokenMean(nn.Module):
    """Texts: the mean of the vectors of their tokens, and linear scores.

    Parameters
    ----------
    vocabulary, embedding, outputs : int
        The sizes; token 0 is no token.
    dropout : float
        The probability with which a token is left out in training.
    """

    def __init__(self, vocabulary: int, embedding: int, outputs: int, dropout: float) -> None:
        self.embed = nn.Embedding(vocabulary + 1, embedding, padding_idx=0)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(embedding, outputs)
        nn.init.uniform_(self.embed.weight, -0.05, 0.05)  # what rare tokens begin with stays as noise

    def forward(self, tokens: Tensor) -> Tensor:
        there: Any = (tokens != 0).astype(self.embed.weight.dtype)
        kept = self.drop(there)
        total = (self.embed(tokens) * kept.reshape((*tokens.shape, 1))).sum(axis=1)
        y: Tensor = self.head(total / (there.sum(axis=1, keepdims=True) + 1.0) ** 0.5)
        return y


class Characters(nn.Module):
    """A recurrent language model over characters.

    Parameters
    ----------
    vocabulary, embedding, width, layers : int
        The sizes.
    dropout : float
        The probability with which units are dropped.
    """

    def __init__(self, vocabulary: int, embedding: int, width: int, layers: int, dropout: float) -> None:
        self.reader = LanguageModel(vocabulary, embedding, width, layers, dropout=dropout)

    def forward(self, characters: Tensor) -> Tensor:
        scores: Tensor = self.reader(characters)[0]
        return scores


def _convolutional(s: Mapping[str, Any]) -> nn.Module:
    """Blocks of two convolutions and a pooling, then the means over a grid of places, and linear scores."""
    layers: list[nn.Module] = []
    before = s["channels"]
    for k in range(s["blocks"]):
        width = s["width"] << k
        for inputs in (before, width):
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if k < s["blocks"] - 1 else []
        before = width
    grid = nn.AdaptiveAvgPool2d((s["rows"], s["columns"]))
    head = [nn.Dropout(s["dropout"]), nn.Linear(before * s["rows"] * s["columns"], s["outputs"])]
    return nn.Sequential(*layers, grid, nn.Flatten(), *head)


def _dense(s: Mapping[str, Any]) -> nn.Module:
    """Networks of fully connected layers with dropout, each beside a linear map, as an ensemble."""
    layers: list[nn.Module] = []
    before = s["inputs"]
    for _ in range(s["layers"]):
        norm = nn.LayerNorm(s["width"], elementwise_affine=False)
        layers += [Parallel(s["members"], before, s["width"]), norm, nn.ReLU(), nn.Dropout(s["dropout"])]
        before = s["width"]
    body = nn.Sequential(*layers, Parallel(s["members"], before, s["outputs"]))
    return Ensemble(WithLinear(s["members"], s["inputs"], s["outputs"], body), bool(s["scores"]))


def _forecast(s: Mapping[str, Any]) -> nn.Module:
    """Linear maps beside small networks, both 0 at the start: what is to be added to a simple forecast."""
    members, inputs, outputs = s["members"], s["inputs"], s["outputs"]
    hidden = [Parallel(members, inputs, s["width"]), nn.ReLU(), nn.Dropout(s["dropout"])]
    body = nn.Sequential(*hidden, Parallel(members, s["width"], outputs, zero=True))
    return Ensemble(WithLinear(members, inputs, outputs, body), False)


NETWORKS: dict[str, tuple[Callable[[Mapping[str, Any]], nn.Module], tuple[str, ...]]] = {
    "characters": (
        lambda s: Characters(s["vocabulary"], s["embedding"], s["width"], s["layers"], s["dropout"]),
        ("vocabulary", "embedding", "width", "layers", "dropout"),
    ),
    "convolutional": (_convolutional, ("channels", "blocks", "width", "rows", "columns", "outputs", "dropout")),
    "dense": (_dense, ("inputs", "layers", "width", "outputs", "members", "scores", "dropout")),
    "forecast": (_forecast, ("inputs", "width", "outputs", "members", "dropout")),
    "tokens": (
        lambda s: TokenMean(s["vocabulary"], s["embedding"], s["outputs"], s["dropout"]),
        ("vocabulary", "embedding", "outputs", "dropout"),
    ),
}
"""How each network is built, and its settings."""

MOST = {"blocks": 8, "width": 4096, "layers": 16, "members": 64, "channels": 1024, "rows": 64, "columns": 64}
"""Bounds of settings, so that a damaged bundle does not ask for more memory than there is; of all others a million."""


def network(name: str, settings: Mapping[str, Any]) -> nn.Module:
    """Build a network by its name and settings.

    Parameters
    ----------
    name : {"characters", "convolutional", "dense", "forecast", "tokens"}
        The name.
    settings : dict
        Whole numbers from 1, and ``dropout`` from 0 to 1.

    Returns
    -------
    Module
        The network with random weights.

    Raises
    ------
    CheckpointError
        If there is no such network, or a setting is missing or out of bounds.

    Examples
    --------
    >>> settings = {"inputs": 4, "layers": 1, "width": 8, "outputs": 3, "members": 2, "scores": 1, "dropout": 0.1}
    >>> dl.fitting.network("dense", settings).eval()(dl.zeros((5, 4))).shape
    (5, 3)
    """
    if name not in NETWORKS:
        raise CheckpointError(f"no network is called {name!r}; known: {', '.join(NETWORKS)}")
    build, wanted = NETWORKS[name]
    for key in wanted:
        value = settings.get(key)
        if key == "dropout":
            good = isinstance(value, int | float) and 0 <= value < 1
        else:
            good = isinstance(value, int) and (0 if key == "scores" else 1) <= value <= MOST.get(key, 1_000_000)
        if not good:
            raise CheckpointError(f"network {name}: {key} is {value!r}, which it cannot be")
    return build(settings)


def start_from_linear(model: nn.Module, weights: HostArray, bias: float) -> None:
    """Let dense networks with one output begin as y = x @ weights + bias; their other layers then add 0. weights: (I,)."""
    for part in model.modules():
        if isinstance(part, WithLinear):
            with no_grad():
                part.direct.weight[...] = asarray(weights[:, None].astype(np.float32))
                part.direct.bias[...] = bias
                for p in list(part.body.parameters())[-2:]:
                    p[...] = 0.0
