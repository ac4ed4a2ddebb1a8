"""Layers, losses and optimizers in JAX with the names and layouts of dlengine.nn and dlengine.optim, for the definitions.

A parameter is a box around an array. While a step is traced the boxes hold its arguments, so that jax.jit sees a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


class Parameter:
    """A box around an array."""

    def __init__(self, *shape: int) -> None:
        self.array: Any = jnp.zeros(shape, jnp.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    def __getitem__(self, key: Any) -> Any:
        return self.array[key]

    def __radd__(self, other: Any) -> Any:
        return other + self.array


class Randomness:
    """The key from which random numbers are drawn; a step sets it to its argument."""

    key: Any = None

    @classmethod
    def split(cls) -> Any:
        cls.key, drawn = jax.random.split(cls.key)
        return drawn


@contextmanager
def bound(boxes: Sequence[Parameter], values: Sequence[Any], key: Any) -> Iterator[None]:
    """Inside the block the boxes hold other values, and random numbers come from a key."""
    held = [box.array for box in boxes]
    Randomness.key = key
    for box, value in zip(boxes, values, strict=True):
        box.array = value
    try:
        yield
    finally:
        for box, value in zip(boxes, held, strict=True):
            box.array = value


class Module:
    """A layer: parameters and layers in attributes."""

    def __init__(self) -> None:
        self.training = True

    def children(self) -> Iterator[tuple[str, Module]]:
        return ((name, held) for name, held in vars(self).items() if isinstance(held, Module))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        for name, held in vars(self).items():
            if isinstance(held, Parameter):
                yield name, held
        for name, child in self.children():
            yield from ((f"{name}.{inner}", parameter) for inner, parameter in child.named_parameters())

    def parameters(self) -> list[Parameter]:
        return [parameter for _, parameter in self.named_parameters()]

    def eval(self) -> Module:
        self.training = False
        for _, child in self.children():
            child.eval()
        return self

    def __call__(self, *arguments: Any) -> Any:
        return self.forward(*arguments)

    def forward(self, *arguments: Any) -> Any:
        raise TypeError(f"{type(self).__name__} has no method forward(*inputs); define one")


class Sequential(Module):
    def __init__(self, *layers: Module) -> None:
        super().__init__()
        vars(self).update({str(number): layer for number, layer in enumerate(layers)})

    def forward(self, x: Any) -> Any:
        for _, layer in self.children():
            x = layer(x)
        return x


class Linear(Module):
    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(outputs, inputs), Parameter(outputs) if bias else None

    def forward(self, x: Any) -> Any:
        y = x @ self.weight.array.T
        return y if self.bias is None else y + self.bias.array


class Conv2d(Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(outputs, inputs, kernel, kernel), Parameter(outputs) if bias else None
        self.stride, self.padding = (stride, stride), [(padding, padding)] * 2

    def forward(self, x: Any) -> Any:
        y = lax.conv_general_dilated(x, self.weight.array, self.stride, self.padding, dimension_numbers=("NCHW", "OIHW", "NCHW"))
        return y if self.bias is None else y + self.bias.array[:, None, None]


class ConvTranspose2d(Module):
    """Without padding."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(inputs, outputs, kernel, kernel), Parameter(outputs)
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Any) -> Any:
        flipped = jnp.flip(self.weight.array, (2, 3))
        y = lax.conv_general_dilated(
            x, flipped, (1, 1), [(self.kernel - 1, self.kernel - 1)] * 2, lhs_dilation=(self.stride, self.stride),
            dimension_numbers=("NCHW", "IOHW", "NCHW"),
        )  # fmt: skip
        return y + self.bias.array[:, None, None]


class MaxPool2d(Module):
    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.window = (1, 1, kernel, kernel)

    def forward(self, x: Any) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, self.window, self.window, "VALID")


class AvgPool2d(MaxPool2d):
    def forward(self, x: Any) -> Any:
        return lax.reduce_window(x, 0.0, lax.add, self.window, self.window, "VALID") / (self.window[2] * self.window[3])


class BatchNorm2d(Module):
    """Running statistics stay as they are: no step reads them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(channels), Parameter(channels)

    def forward(self, x: Any) -> Any:
        mean, var = (jnp.mean(x, (0, 2, 3)), jnp.var(x, (0, 2, 3))) if self.training else (0.0, jnp.ones(x.shape[1]))
        scale = self.weight.array * lax.rsqrt(var + 1e-5)
        return x * scale[:, None, None] + (self.bias.array - mean * scale)[:, None, None]


class LayerNorm(Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(width), Parameter(width)

    def forward(self, x: Any) -> Any:
        mean, var = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
        return (x - mean) * lax.rsqrt(var + 1e-5) * self.weight.array + self.bias.array


class Embedding(Module):
    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = Parameter(rows, width)

    def forward(self, ids: Any) -> Any:
        return self.weight.array[ids]


class Dropout(Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Any) -> Any:
        if not self.training or self.p == 0:
            return x
        return jnp.where(jax.random.bernoulli(Randomness.split(), 1 - self.p, x.shape), x / (1 - self.p), 0.0)


def _layer(function: Callable[[Any], Any]) -> type[Module]:
    class Layer(Module):
        def forward(self, x: Any) -> Any:
            return function(x)

    return Layer


ReLU, Sigmoid, Identity = _layer(jax.nn.relu), _layer(jax.nn.sigmoid), _layer(lambda x: x)
Flatten = _layer(lambda x: x.reshape((x.shape[0], -1)))


class CrossEntropyLoss(Module):
    def forward(self, logits: Any, labels: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits, -1), labels[:, None], -1))


class MSELoss(Module):
    def forward(self, y: Any, wanted: Any) -> Any:
        return jnp.mean((y - wanted) ** 2)


class BCEWithLogitsLoss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduce = jnp.sum if reduction == "sum" else jnp.mean

    def forward(self, logits: Any, wanted: Any) -> Any:
        return self.reduce(jnp.maximum(logits, 0) - logits * wanted + jnp.log1p(jnp.exp(-jnp.abs(logits))))


class SGD:
    """With momentum and weight decay."""

    def __init__(self, parameters: Any, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay

    def start(self, values: Sequence[Any]) -> Any:
        return [jnp.zeros_like(value) for value in values] if self.momentum else []

    def update(self, values: Sequence[Any], gradients: Sequence[Any], state: Any) -> tuple[list[Any], Any]:
        """The new values and the new state."""
        gradients = [g + self.weight_decay * p for p, g in zip(values, gradients, strict=True)]
        if self.momentum:
            state = gradients = [self.momentum * v + g for v, g in zip(state, gradients, strict=True)]
        return [p - self.lr * g for p, g in zip(values, gradients, strict=True)], state


class Adam:
    def __init__(self, parameters: Any, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        self.lr, self.betas, self.eps = lr, betas, eps

    def start(self, values: Sequence[Any]) -> Any:
        return [jnp.zeros_like(v) for v in values], [jnp.zeros_like(v) for v in values], jnp.zeros((), jnp.int32)

    def update(self, values: Sequence[Any], gradients: Sequence[Any], state: Any) -> tuple[list[Any], Any]:
        """The new values and the new state."""
        first, second, count = state
        count, (b1, b2) = count + 1, self.betas
        first = [b1 * m + (1 - b1) * g for m, g in zip(first, gradients, strict=True)]
        second = [b2 * v + (1 - b2) * g * g for v, g in zip(second, gradients, strict=True)]
        scale1, scale2 = 1 - b1**count, 1 - b2**count
        moved = [
            p - self.lr * (m / scale1) / (jnp.sqrt(v / scale2) + self.eps)
            for p, m, v in zip(values, first, second, strict=True)
        ]  # fmt: skip
        return moved, (first, second, count)
