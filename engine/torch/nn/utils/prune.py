"""torch.nn.utils.prune: weights set to 0 by masks, which a hook applies before each forward."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

from ...names.core import own
from ...names.engine import dl
from .legacy import Recomputed, hooks_of, unhook


class BasePruningMethod(Recomputed, ABC):
    """Base of ways to prune: a subclass defines compute_mask, and PRUNING_TYPE as structured, unstructured or global."""

    PRUNING_TYPE = "unstructured"

    @property
    def _tensor_name(self) -> str:
        return self.name

    @_tensor_name.setter
    def _tensor_name(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask of 0 and 1 for scores of importance, under an older mask."""

    def compute(self, module: Any) -> Any:
        """The pruned values."""
        return self.apply_mask(module)

    def apply_mask(self, module: Any) -> Any:
        """The original values by the mask."""
        mask, original = getattr(module, f"{self.name}_mask"), getattr(module, f"{self.name}_orig")
        return own(dl.astype(mask, original.dtype) * original)

    @classmethod
    def apply(cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any) -> Any:
        """Prune a parameter of a module, which may be pruned already."""
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        scores = own(_like(original, importance_scores).detach())
        keys = hooks_of(module, BasePruningMethod, name)
        if keys:
            older = module.__dict__["_pre_hooks"][keys[0]]
            mask = _under(method, scores, getattr(module, f"{name}_mask").detach())
            together = older if isinstance(older, PruningContainer) else PruningContainer(older)
            together.add_pruning_method(method)
            del module.__dict__["_pre_hooks"][keys[0]]
            method = together
        else:
            mask = method.compute_mask(scores, default_mask=own(dl.ones_like(scores)))
            delattr(module, name)
            setattr(module, f"{name}_orig", original)
        module.register_buffer(f"{name}_mask", own(mask))
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """A tensor by the mask that belongs to it."""
        before = own(dl.ones_like(t)) if default_mask is None else default_mask
        return own(t * self.compute_mask(_like(t, importance_scores), default_mask=before))

    def remove(self, module: Any) -> None:
        """Make the pruned values those of the parameter."""
        parameter = getattr(module, f"{self.name}_orig")
        with dl.no_grad():
            parameter.copy_(self.apply_mask(module))
        for gone in (self.name, f"{self.name}_orig", f"{self.name}_mask"):
            delattr(module, gone)
        setattr(module, self.name, parameter)


def _like(t: Any, scores: Any) -> Any:
    """Scores of importance for the elements of a tensor: by default the tensor itself."""
    if scores is not None and tuple(scores.shape) != tuple(t.shape):
        shapes = f"expected the tensor's shape {tuple(t.shape)}, got {tuple(scores.shape)}"
        raise AssertionError(f"prune: importance_scores: {shapes}")
    return t if scores is None else scores


def _under(method: Any, t: Any, mask: Any) -> Any:
    """An older mask and the one that a method makes for what it left."""
    kind = method.PRUNING_TYPE
    if kind == "unstructured":
        chosen: Any = own(mask == 1)
    elif kind == "structured":
        dim = method.dim % t.ndim
        left = dl.sum(mask, axis=tuple(i for i in range(t.ndim) if i != dim)) != 0
        chosen = (*(slice(None),) * dim, own(left))
    elif kind == "global":
        chosen = (slice(None),) * t.ndim
    else:
        raise ValueError(f"prune: PRUNING_TYPE must be unstructured, structured or global, got {kind!r}")
    mask = own(dl.astype(dl.clone(mask), t.dtype))
    part = method.compute_mask(own(t[chosen]), default_mask=own(mask[chosen].clone()))
    mask[chosen] = dl.astype(part, mask.dtype)
    return mask


class PruningContainer(BasePruningMethod):
    """Ways to prune one parameter, one after another."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if args:
            self.name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a way at the end."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"PruningContainer: expected a BasePruningMethod, got {type(method).__name__}")
        if method._tensor_name != self._tensor_name:
            raise ValueError(f"PruningContainer: its methods prune {self._tensor_name!r}, got one for {method._tensor_name!r}")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask of the last way, under the older one."""
        return _under(self._pruning_methods[-1], t, default_mask)


class Identity(BasePruningMethod):
    """Nothing is pruned."""

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The older mask."""
        return default_mask


class _Share(BasePruningMethod):
    """A share of elements or slices, or a number of them."""

    def __init__(self, amount: Any) -> None:
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            raise TypeError(f"prune: amount: expected a number of elements or a share, got {amount!r}")
        if amount < 0 or (isinstance(amount, float) and amount > 1):
            raise ValueError(f"prune: amount: expected an integer from 0 or a share from 0 to 1, got {amount}")
        self.amount = amount

    def count(self, n: int) -> int:
        """How many of n go."""
        gone = self.amount if isinstance(self.amount, int) else round(self.amount * n)
        if gone > n:
            raise ValueError(f"prune: amount: {gone} of {n} cannot be pruned")
        return gone


class _Unstructured(_Share):
    """The elements with the least scores."""

    def scores(self, t: Any) -> Any:
        """A number for each element."""
        raise NotImplementedError

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask with elements at 0."""
        gone = self.count(math.prod(t.shape))
        mask = dl.reshape(dl.clone(default_mask), (-1,))
        if gone:
            least = own(dl.reshape(self.scores(t), (-1,))).topk(gone, largest=False).indices
            mask = dl.set_at(mask, 0, key=least)
        return own(dl.reshape(mask, tuple(default_mask.shape)))


class RandomUnstructured(_Unstructured):
    """Elements by chance."""

    def scores(self, t: Any) -> Any:
        """Random numbers."""
        return dl.rand(*t.shape, dtype=t.dtype, device=t.device)


class L1Unstructured(_Unstructured):
    """The elements nearest to 0."""

    def scores(self, t: Any) -> Any:
        """The sizes."""
        return dl.abs(t)


class _Structured(_Share):
    """The slices along an axis with the least scores."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def scores(self, t: Any) -> Any:
        """A number for each slice."""
        raise NotImplementedError

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask with slices at 0."""
        if t.ndim <= 1:
            raise ValueError(f"prune: whole slices need a tensor of two axes or more, got shape {tuple(t.shape)}")
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"prune: dim {self.dim} is no axis of a tensor of shape {tuple(t.shape)}")
        n = t.shape[self.dim]
        gone = self.count(n)
        if not gone:
            return default_mask
        kept = own(self.scores(t)).topk(n - gone).indices
        row = dl.set_at(dl.zeros(n, dtype=t.dtype, device=t.device), 1, key=kept)
        shape = tuple(n if i == self.dim % t.ndim else 1 for i in range(t.ndim))
        return own(dl.reshape(row, shape) * dl.astype(default_mask, t.dtype))


class RandomStructured(_Structured):
    """Slices by chance."""

    def scores(self, t: Any) -> Any:
        """Random numbers."""
        return dl.rand(t.shape[self.dim], device=t.device)


class LnStructured(_Structured):
    """The slices with the smallest norm."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def scores(self, t: Any) -> Any:
        """The norms."""
        rows = dl.reshape(dl.moveaxis(t, self.dim, 0), (t.shape[self.dim], -1))
        if self.n == "nuc":
            if t.ndim != 3:
                raise ValueError("ln_structured: n='nuc' needs slices that are matrices")
            return dl.sum(dl.linalg.svdvals(dl.moveaxis(t, self.dim, 0)), axis=-1)
        return dl.linalg.vector_norm(rows, ord=2 if self.n == "fro" else self.n, axis=1)


class CustomFromMask(BasePruningMethod):
    """What a given mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Both masks."""
        return own(default_mask * dl.astype(self.mask, default_mask.dtype))


def identity(module: Any, name: str) -> Any:
    """A mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Prune elements by chance."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Any = None) -> Any:
    """Prune the elements nearest to 0."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Prune slices by chance."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None) -> Any:
    """Prune the slices with the smallest norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Any) -> Any:
    """Prune what a mask says."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any) -> None:
    """Prune the least important elements of several parameters together."""
    pairs, given = list(parameters), importance_scores or {}
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(f"global_unstructured: expected an unstructured method, got a {method.PRUNING_TYPE} one")
    scores = [_like(getattr(m, name), given.get((m, name))).detach() for m, name in pairs]
    masks = [m.__dict__.get(f"{name}_mask", dl.ones_like(s)) for (m, name), s in zip(pairs, scores, strict=True)]
    together = [own(dl.concat([dl.reshape(t, (-1,)) for t in ts], axis=0)) for ts in (scores, masks)]
    mask, start = _under(method, *together), 0
    for (m, name), s in zip(pairs, scores, strict=True):
        n = math.prod(s.shape)
        custom_from_mask(m, name, own(dl.reshape(mask[start : start + n], tuple(s.shape))))
        start += n


def remove(module: Any, name: str) -> Any:
    """Make the pruned values those of the parameter."""
    unhook(module, BasePruningMethod, name, "pruning").remove(module)
    return module


def is_pruned(module: Any) -> bool:
    """Whether a module, or one inside it, is pruned."""
    return any(hooks_of(m, BasePruningMethod, "") for m in module.modules())
