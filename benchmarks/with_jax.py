"""The functions that the definitions use, from JAX: whole steps and whole networks under jax.jit. Imported only if it is used.

It has what training steps and inference need; peers.py lists the workloads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", os.environ.get("DLENGINE_BENCH_DEVICE", "cpu"))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from . import jax_layers  # noqa: E402
from .clocks import Clock, host_clock  # noqa: E402
from .definitions import Computation  # noqa: E402
from .jax_layers import Adam, Module, Parameter, Randomness, bound  # noqa: E402

NAME = "jax"

nn = jax_layers
optim = SimpleNamespace(Adam=Adam, SGD=jax_layers.SGD)
fallbacks: dict[str, int] = {}
tanh = jnp.tanh
sigmoid = jax.nn.sigmoid
sum = jnp.sum
relu = jax.nn.relu


def add_relu(a: Any, b: Any) -> Any:
    return relu(a + b)


exp = jnp.exp
matmul = jnp.matmul
logsigmoid = jax.nn.log_sigmoid
softmax = jax.nn.softmax
permute = jnp.transpose
mean = jnp.mean
concat = jnp.concatenate


def gelu(x: Any) -> Any:
    return jax.nn.gelu(x, approximate=False)


def attention(q: Any, k: Any, v: Any, is_causal: bool = False) -> Any:
    """Scaled dot-product attention over (N,heads,T,D)."""
    scores = q @ jnp.swapaxes(k, -1, -2) * q.shape[-1] ** -0.5
    if is_causal:
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    return jax.nn.softmax(scores, -1) @ v


def standard_normal(*shape: int) -> Any:
    return jax.random.normal(Randomness.split(), shape)


def constant(array: Any, dtype: str | None = None) -> Any:
    return jnp.asarray(array, dtype)


def value(array: Any) -> Any:
    return np.array(array)


def placed(model: Any) -> Any:
    return model


def write(parameter: Parameter, array: Any) -> None:
    parameter.array = jnp.asarray(array)


def trained(parameters: list[tuple[str, Parameter]], optimizer: Any, loss_of: Callable[[], Any]) -> Computation:
    """A training step as one compiled function of the parameters, the optimizer's state and a random key."""
    boxes = [box for _, box in parameters]

    def loss(values: Any, key: Any) -> Any:
        with bound(boxes, values, key):
            return loss_of()

    def stepped(values: Any, state: Any, key: Any) -> Any:
        key, used = jax.random.split(key)
        told, gradients = jax.value_and_grad(loss)(values, used)
        values, state = optimizer.update(values, gradients, state)
        return (values, state, key), told

    compiled = jax.jit(stepped, donate_argnums=(0, 1))
    held = [([jnp.array(box.array) for box in boxes], optimizer.start([box.array for box in boxes]), jax.random.key(0))]

    def step() -> Any:
        held[0], told = compiled(*held[0])
        wait: Any = jax.block_until_ready
        wait(held[0])
        return told

    def results() -> dict[str, Any]:
        gradients = jax.jit(jax.grad(loss))(held[0][0], held[0][2])
        found = {f"gradient of {name}": value(g) for (name, _), g in zip(parameters, gradients, strict=True)}
        return found | {"losses": np.stack([value(step()) for _ in range(3)])}

    return Computation(step, results)


def inference(model: Module, x: Any) -> Callable[[], Any]:
    """A call of a compiled model on an input."""
    boxes = model.eval().parameters()
    values = [box.array for box in boxes]

    def called(values: Any, x: Any) -> Any:
        with bound(boxes, values, None):
            return model(x)

    compiled = jax.jit(called)
    return lambda: compiled(values, x).block_until_ready()


def clock() -> Clock:
    """The host's clock: every run waits for its results."""
    return host_clock


def pool() -> dict[str, float]:
    return {}


def empty_pool() -> None:
    """JAX keeps no memory that could be returned."""


def launches() -> dict[str, int]:
    return {}


def set_precision(name: str) -> None:
    config: Any = jax.config
    config.update("jax_default_matmul_precision", "highest" if name == "highest" else "tensorfloat32")


def precision() -> dict[str, str]:
    return {"dtype": "float32", "matmul": "highest"}


def describe() -> dict[str, Any]:
    return {
        "version": jax.__version__, "device": jax.default_backend(), "precision": precision(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")),
    }  # fmt: skip
