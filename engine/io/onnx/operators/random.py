"""Random numbers, of dlengine's own generator; a seed of the model begins a new one."""

from __future__ import annotations

from ....generator import Generator
from .. import namespace as dl
from ..table import operator
from ..values import Raw, dtype_of


def generator(seed):
    return None if seed is None else Generator(int(seed))


def uniform(shape, dtype, low, high, seed):
    return dl.astype(dl.rand(*shape, generator=generator(seed)) * (high - low) + low, dtype)


def normal(shape, dtype, mean, scale, seed):
    return dl.astype(dl.randn(*shape, generator=generator(seed)) * scale + mean, dtype)


@operator("RandomUniform", folds=False)
def random_uniform(*, shape, dtype=1, low=0.0, high=1.0, seed=None):
    return uniform(shape, dtype_of(dtype), low, high, seed)


@operator("RandomUniformLike", folds=False)
def random_uniform_like(x: Raw, *, dtype=None, low=0.0, high=1.0, seed=None):
    return uniform(x.shape, x.dtype if dtype is None else dtype_of(dtype), low, high, seed)


@operator("RandomNormal", folds=False)
def random_normal(*, shape, dtype=1, mean=0.0, scale=1.0, seed=None):
    return normal(shape, dtype_of(dtype), mean, scale, seed)


@operator("RandomNormalLike", folds=False)
def random_normal_like(x: Raw, *, dtype=None, mean=0.0, scale=1.0, seed=None):
    return normal(x.shape, x.dtype if dtype is None else dtype_of(dtype), mean, scale, seed)


@operator("Bernoulli", folds=False)
def bernoulli(p, *, dtype=None, seed=None):
    draws = dl.rand(*p.shape, device=p.device, generator=generator(seed))
    return dl.astype(dl.less(draws, p), p.dtype if dtype is None else dtype_of(dtype))


@operator("Multinomial", folds=False)
def multinomial(x, *, dtype=6, sample_size=1, seed=None):
    drawn = dl.multinomial(dl.softmax(x, axis=-1), sample_size, True, generator=generator(seed))
    return dl.astype(drawn, dtype_of(dtype))


