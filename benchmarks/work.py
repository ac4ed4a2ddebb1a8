"""How much work a workload is: arithmetic and the least traffic with memory, by formula from its sizes.

Arithmetic counts a multiply-add as 2 and leaves out what is not a product, except where there are no products. Traffic
counts every input read once and every result written once, as if all in between stayed in registers; float32 unless the
workload says otherwise. Forward and backward of a product is three products of the same size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import bodies, networks, steps


@dataclass(frozen=True)
class Work:
    """flops: operations in one run. bytes: least traffic; None for training steps, where no such bound means much."""

    flops: float
    bytes: float | None = None

    @property
    def intensity(self) -> float | None:
        """Operations for each byte."""
        return self.flops / self.bytes if self.bytes else None


def work(body: Callable[..., Any] | None, sizes: dict[str, int], options: dict[str, Any] | None = None) -> Work | None:
    """The work of a body at some sizes; None where it is not arithmetic that takes the time."""
    formula = FORMULAS.get(body) if body is not None else None
    return None if formula is None else formula(**sizes, **(options or {}))


def _width(dtype: str | None) -> int:
    return 2 if dtype and dtype.endswith("16") else 4


def _pointwise(*, elements: int) -> Work:
    return Work(20 * elements, 4 * 7 * elements)


def _conv(
    *, N: int, C: int, H: int, K: int, kernel: int, stride: int = 1, padding: int = 0, groups: int = 1, backward: bool = True,
    dtype: str | None = None,
) -> Work:  # fmt: skip
    out = (H + 2 * padding - kernel) // stride + 1
    product = 2 * N * K * out**2 * (C // groups) * kernel**2
    x, y, w = N * C * H**2, N * K * out**2, K * (C // groups) * kernel**2
    forward = x + w + y
    return (
        Work(3 * product, _width(dtype) * (forward + y + x + w + x + w)) if backward else Work(product, _width(dtype) * forward)
    )


def _max_pool(*, N: int, C: int, H: int, kernel: int) -> Work:
    x = N * C * H**2
    y = x // kernel**2
    return Work(2 * x, 4 * 2 * (x + y))


def _batch_norm(*, N: int, C: int, H: int) -> Work:
    return Work(15 * N * C * H**2, 4 * 5 * N * C * H**2)


def _layer_norm(*, M: int, D: int) -> Work:
    return Work(15 * M * D, 4 * 5 * M * D)


def _dropout(*, elements: int) -> Work:
    return Work(2 * elements, 4 * 4 * elements)


def _recurrent(gates: int, kept: int, T: int, N: int, widths: list[tuple[int, int]], backward: bool) -> Work:
    """Layers of (inputs, H). kept: arrays of (T,N,H) that backward needs beside x and y."""
    flops = moved = 0
    for inputs, H in widths:
        w = gates * H * (inputs + H)
        flops += 2 * T * N * w * (3 if backward else 1)
        x, y = T * N * inputs, T * N * H
        moved += x + w + y + (x + y + 2 * w + y + x + 2 * kept * y if backward else 0)
    return Work(flops, 4 * moved)


def _lstm(*, T: int, N: int, I: int, H: int, layers: int, backward: bool = True) -> Work:
    return _recurrent(4, 5, T, N, [(H if layer else I, H) for layer in range(layers)], backward)


def _gru(*, T: int, N: int, I: int, H: int, backward: bool = True) -> Work:
    return _recurrent(3, 4, T, N, [(I, H)], backward)


def _cross_entropy(*, N: int, V: int) -> Work:
    return Work(8 * N * V, 4 * 3 * N * V)


def _embedding(*, V: int, D: int, N: int, T: int) -> Work:
    return Work(N * T * D, 4 * (3 * N * T * D + V * D))


def _adam(*, parameters: int, tensors: int) -> Work:
    return Work(12 * parameters, 4 * 7 * parameters)


def _trained(*products: float, inputs: float = 0) -> Work:
    """A step over layers of so many multiply-adds; inputs: those of layers whose input needs no gradient."""
    return Work(2 * (3 * sum(products) - inputs))


def _mlp(*, N: int, I: int, H: int, classes: int) -> Work:
    return _trained(N * I * H, N * H * classes, inputs=N * I * H)


def _cnn(*, N: int, H: int, K: int, hidden: int, **options: Any) -> Work:
    first = N * K * 9 * (H - 2) ** 2
    features = 2 * K * ((H - 4) // 2) ** 2
    return _trained(first, N * 2 * K * K * 9 * (H - 4) ** 2, N * features * hidden, N * hidden * 10, inputs=first)


def _resnet(*, N: int, H: int, width: int, blocks: int) -> Work:
    first = N * width * 3 * 9 * H**2
    products: list[float] = [first, N * 4 * width * 10]
    for stage in range(3):
        outputs, pixels = width << stage, N * (H >> stage) ** 2
        products += [9 * outputs * outputs * pixels] * (2 * blocks - (stage > 0))
        if stage > 0:
            products += [10 * outputs * (outputs // 2) * pixels]  # the narrower input: 3x3 and the 1x1 shortcut
    return _trained(*products, inputs=first)


def _autoencoder(*, N: int, I: int, H: int, D: int) -> Work:
    return _trained(2 * N * I * H, 2 * N * H * D, inputs=N * I * H)


def _vae(*, N: int, I: int, H: int, D: int, **options: Any) -> Work:
    return _trained(2 * N * I * H, 3 * N * H * D, inputs=N * I * H)


def _dcgan(*, N: int, D: int, width: int) -> Work:
    generator = N * (D * 2 * width * 49 + 2 * width * width * 16 * 49 + width * 16 * 196)
    first, second, last = N * width * 16 * 196, N * 2 * width * width * 16 * 49, N * 2 * width * 49
    discriminator = first + second + last
    # the discriminator learns from two batches; a third carries the generator's gradient, and its own along
    return Work(2 * (3 * generator - N * D * 2 * width * 49 + 9 * discriminator - 2 * first))


def _char_lstm(*, T: int, N: int, H: int, layers: int, V: int) -> Work:
    return _trained(layers * T * N * 8 * H * H, T * N * H * V)


def _seq2seq(*, T: int, N: int, V: int, H: int) -> Work:
    return _trained(2 * T * N * 8 * H * H, 2 * N * T * T * H, T * N * 2 * H * H, T * N * H * V)


def _word2vec(*, V: int, D: int, N: int, negatives: int) -> Work:
    return _trained(N * (1 + negatives) * D)


def _captured(*, step: Callable[..., Any], **arguments: Any) -> Work:
    return FORMULAS[step](**arguments)


FORMULAS: dict[Callable[..., Any], Callable[..., Work]] = {
    bodies.pointwise_chain: _pointwise, bodies.conv: _conv, bodies.max_pool: _max_pool, bodies.batch_norm: _batch_norm,
    bodies.layer_norm: _layer_norm, bodies.dropout: _dropout, bodies.lstm: _lstm, bodies.gru: _gru,
    bodies.softmax_cross_entropy: _cross_entropy, bodies.embedding: _embedding,
    steps.captured: _captured, steps.adam: _adam, steps.mlp: _mlp, steps.cnn: _cnn, steps.char_lstm: _char_lstm,
    networks.resnet: _resnet, networks.autoencoder: _autoencoder, networks.vae: _vae, networks.dcgan: _dcgan,
    networks.seq2seq: _seq2seq, networks.word2vec: _word2vec,
}  # fmt: skip
