"""The cost of a workload: its arithmetic and its least traffic with memory, by formula from its sizes.

Arithmetic counts a multiply-add as 2 and leaves out what is not a product, except where there are no products. Traffic
counts every input read once and every result written once, as if all in between stayed in registers; float32 unless the
workload says otherwise. Forward and backward of a product is three products of the same size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import definitions, models, more_steps, networks, steps


@dataclass(frozen=True)
class Cost:
    """flops: operations in one run. bytes: least traffic; None for whole networks, where no such bound means much.

    forward: of a training step, the operations of its forward pass.
    """

    flops: float
    bytes: float | None = None
    forward: float | None = None

    @property
    def intensity(self) -> float | None:
        """Operations for each byte."""
        return self.flops / self.bytes if self.bytes else None


def cost(definition: Callable[..., Any] | None, sizes: dict[str, int], options: dict[str, Any] | None = None) -> Cost | None:
    """The cost of a definition at some sizes; None for definitions whose time is not spent on arithmetic."""
    formula = FORMULAS.get(definition) if definition is not None else None
    return None if formula is None else formula(**sizes, **(options or {}))


def _width(dtype: str | None) -> int:
    return 2 if dtype and dtype.endswith("16") else 4


def _pointwise(*, elements: int) -> Cost:
    return Cost(20 * elements, 4 * 7 * elements)


def _conv(*, backward: bool = True, dtype: str | None = None, **sizes: int) -> Cost:
    size = definitions.ConvSizes(**sizes)
    x, y, w = size.N * size.C * size.H**2, size.N * size.K * size.output**2, size.K * size.products
    product, forward = 2 * y * size.products, x + w + y
    if not backward:
        return Cost(product, _width(dtype) * forward)
    return Cost(3 * product, _width(dtype) * (forward + y + x + w + x + w))


def _max_pool(*, N: int, C: int, H: int, kernel: int) -> Cost:
    x = N * C * H**2
    y = x // kernel**2
    return Cost(2 * x, 4 * 2 * (x + y))


def _batch_norm(*, N: int, C: int, H: int) -> Cost:
    return Cost(15 * N * C * H**2, 4 * 5 * N * C * H**2)


def _layer_norm(*, M: int, D: int) -> Cost:
    return Cost(15 * M * D, 4 * 5 * M * D)


def _dropout(*, elements: int) -> Cost:
    return Cost(2 * elements, 4 * 4 * elements)


def _recurrent(gates: int, kept: int, T: int, N: int, widths: list[tuple[int, int]], backward: bool) -> Cost:
    """Layers of (inputs, H). kept: arrays of (T,N,H) that backward needs beside x and y."""
    flops = moved = 0
    for inputs, H in widths:
        w = gates * H * (inputs + H)
        flops += 2 * T * N * w * (3 if backward else 1)
        x, y = T * N * inputs, T * N * H
        moved += x + w + y + (x + y + 2 * w + y + x + 2 * kept * y if backward else 0)
    return Cost(flops, 4 * moved)


def _lstm(*, T: int, N: int, I: int, H: int, layers: int, backward: bool = True) -> Cost:
    return _recurrent(4, 5, T, N, [(H if layer else I, H) for layer in range(layers)], backward)


def _gru(*, T: int, N: int, I: int, H: int, backward: bool = True) -> Cost:
    return _recurrent(3, 4, T, N, [(I, H)], backward)


def _cross_entropy(*, N: int, V: int) -> Cost:
    return Cost(8 * N * V, 4 * 3 * N * V)


def _embedding(*, V: int, D: int, N: int, T: int) -> Cost:
    return Cost(N * T * D, 4 * (3 * N * T * D + V * D))


def _adam(*, parameters: int, tensors: int) -> Cost:
    return Cost(12 * parameters, 4 * 7 * parameters)


def _trained(*products: float, inputs: float = 0) -> Cost:
    """A step over layers of so many multiply-adds; inputs: those of layers whose input needs no gradient."""
    return Cost(2 * (3 * sum(products) - inputs), forward=2 * sum(products))


def _mlp(*, N: int, I: int, H: int, classes: int) -> Cost:
    return _trained(N * I * H, N * H * classes, inputs=N * I * H)


def _cnn(*, N: int, H: int, K: int, hidden: int, **options: Any) -> Cost:
    first = N * K * 9 * (H - 2) ** 2
    features = 2 * K * ((H - 4) // 2) ** 2
    return _trained(first, N * 2 * K * K * 9 * (H - 4) ** 2, N * features * hidden, N * hidden * 10, inputs=first)


def _resnet(*, N: int, H: int, width: int, blocks: int) -> Cost:
    first = N * width * 3 * 9 * H**2
    products: list[float] = [first, N * 4 * width * 10]
    for stage in range(3):
        outputs, pixels = width << stage, N * (H >> stage) ** 2
        products += [9 * outputs * outputs * pixels] * (2 * blocks - (stage > 0))
        if stage > 0:
            products += [10 * outputs * (outputs // 2) * pixels]  # the narrower input: 3x3 and the 1x1 shortcut
    return _trained(*products, inputs=first)


def _autoencoder(*, N: int, I: int, H: int, D: int) -> Cost:
    return _trained(2 * N * I * H, 2 * N * H * D, inputs=N * I * H)


def _vae(*, N: int, I: int, H: int, D: int, **options: Any) -> Cost:
    return _trained(2 * N * I * H, 3 * N * H * D, inputs=N * I * H)


def _dcgan(*, N: int, D: int, width: int) -> Cost:
    generator = N * (D * 2 * width * 49 + 2 * width * width * 16 * 49 + width * 16 * 196)
    first, second, last = N * width * 16 * 196, N * 2 * width * width * 16 * 49, N * 2 * width * 49
    discriminator = first + second + last
    # the discriminator learns from two batches; a third carries the generator's gradient, and its own along
    return Cost(2 * (3 * generator - N * D * 2 * width * 49 + 9 * discriminator - 2 * first))


def _char_lstm(*, T: int, N: int, H: int, layers: int, V: int) -> Cost:
    return _trained(layers * T * N * 8 * H * H, T * N * H * V)


def _seq2seq(*, T: int, N: int, V: int, H: int) -> Cost:
    return _trained(2 * T * N * 8 * H * H, 2 * N * T * T * H, T * N * 2 * H * H, T * N * H * V)


def _word2vec(*, V: int, D: int, N: int, negatives: int) -> Cost:
    return _trained(N * (1 + negatives) * D)


def _blocks(places: int, D: int, layers: int, T: int) -> list[float]:
    """Transformer layers over sequences of length T: four products of D by D, two of D by 4D, scores and mixtures."""
    return [layers * places * (12 * D * D + 2 * T * D)]


def _gpt(*, N: int, T: int, D: int, heads: int, layers: int, V: int) -> Cost:
    return _trained(*_blocks(N * T, D, layers, T), N * T * D * V)


def _vit(*, N: int, H: int, patch: int, D: int, heads: int, layers: int) -> Cost:
    patches = (H // patch) ** 2
    first = N * patches * 3 * patch**2 * D
    return _trained(first, *_blocks(N * patches, D, layers, patches), N * D * 10, inputs=first)


def _unet(*, N: int, H: int, width: int) -> Cost:
    w, first = width, N * H**2 * 27 * width
    full = 9 * (w + 2 * w + w) * w + w
    half = 9 * (w + 2 * w + 4 * w + 2 * w) * 2 * w + 8 * w * w
    quarter = 9 * (2 * w + 4 * w) * 4 * w + 32 * w * w
    return _trained(first, N * (H**2 * full + (H // 2) ** 2 * half + (H // 4) ** 2 * quarter), inputs=first)


def _lstm_cell(*, T: int, N: int, I: int, H: int, classes: int) -> Cost:
    first = T * N * 4 * H * I
    return _trained(first, T * N * 4 * H * H, N * H * classes, inputs=first)


def _one_sample(*, model: Callable[..., Any], sample: Callable[..., Any], **sizes: int) -> Cost:
    """The forward pass of the step that trains the same model, on one sample."""
    length = {"T": more_steps.CHARACTERS} if model is models.char_lstm else {}
    return Cost(STEPS[model](N=1, **length, **sizes).forward or 0.0)


STEPS: dict[Callable[..., Any], Callable[..., Cost]] = {
    models.mlp: _mlp, models.cnn: _cnn, models.resnet: _resnet, models.char_lstm: _char_lstm, models.gpt: _gpt,
}  # fmt: skip


def _captured(*, step: Callable[..., Any], **arguments: Any) -> Cost:
    return FORMULAS[step](**arguments)


FORMULAS: dict[Callable[..., Any], Callable[..., Cost]] = {
    definitions.pointwise_chain: _pointwise, definitions.conv: _conv, definitions.max_pool: _max_pool,
    definitions.batch_norm: _batch_norm, definitions.layer_norm: _layer_norm, definitions.dropout: _dropout,
    definitions.lstm: _lstm, definitions.gru: _gru, definitions.softmax_cross_entropy: _cross_entropy,
    definitions.embedding: _embedding,
    steps.captured: _captured, steps.adam: _adam, steps.mlp: _mlp, steps.cnn: _cnn, steps.char_lstm: _char_lstm,
    networks.resnet: _resnet, networks.autoencoder: _autoencoder, networks.vae: _vae, networks.dcgan: _dcgan,
    networks.seq2seq: _seq2seq, networks.word2vec: _word2vec, more_steps.gpt: _gpt, more_steps.vit: _vit,
    more_steps.unet: _unet, more_steps.lstm_cell: _lstm_cell, more_steps.seq2seq_by_steps: _seq2seq,
    more_steps.inference: _one_sample,
}  # fmt: skip
