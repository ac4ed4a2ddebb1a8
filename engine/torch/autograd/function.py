"""autograd.Function: an op with a forward and a backward of the user's own."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any

from ...autograd.base import TensorBase, wrap
from ...autograd.call import caller
from ...autograd.declaration import Op
from ..names.core import is_tensor, own
from ..names.engine import dl


class FunctionCtx:
    """What forward hands on to backward."""

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()
    _not_differentiable: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward."""
        self.saved_tensors = tensors

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The tensors that were kept."""
        return self.saved_tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Outputs through which no gradient flows."""
        self._not_differentiable = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Inputs that forward wrote to."""

    def set_materialize_grads(self, value: bool) -> None:
        """Gradients are always there."""


class Function:
    """Subclass with static methods forward(ctx, ...) and backward(ctx, *grads); call it by ``apply``."""

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """The values."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradients, one for each argument of forward."""
        raise NotImplementedError("You must implement the backward function for custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute forward, and record backward as its gradient."""
        ctx = FunctionCtx()
        places = [i for i, a in enumerate(args) if is_tensor(a)]
        ctx.needs_input_grad = tuple(is_tensor(a) and a.requires_grad for a in args)
        op = _op(cls, ctx, args, places)
        return own(op([args[i] for i in places]))


def once_differentiable(backward: Any) -> Any:
    """The backward as it is."""
    return backward


def _computed(cls: Any, ctx: Any, args: tuple[Any, ...]) -> Any:
    if hasattr(cls, "setup_context"):
        y = cls.forward(*args)
        cls.setup_context(ctx, args, y)
        return y
    return cls.forward(ctx, *args)


def _op(cls: Any, ctx: Any, args: tuple[Any, ...], places: list[int]) -> Any:
    """An op of a list of tensors whose pullback is the class's backward."""

    def text(xp: Any, tensors: list[Any], /) -> Any:
        again = any(isinstance(t, TensorBase) for t in tensors)
        given = list(args)
        for i, t in zip(places, tensors, strict=True):
            given[i] = own(t if isinstance(t, TensorBase) else _leaf(args[i], t))
        if again:  # read with tensors, for a derivative of the derivative: everything is recorded
            y = _computed(cls, ctx, tuple(given))
        else:
            with dl.no_grad():
                y = _computed(cls, ctx, tuple(given))
        several = isinstance(y, tuple)
        outs = y if several else (y,)

        def pull(gy: Any) -> list[Any]:
            grads = gy if isinstance(gy, tuple) else (gy,)
            lifted = [own(g) if isinstance(g, TensorBase) else own(wrap(g)) for g in grads]
            if again:
                found = cls.backward(ctx, *lifted)
            else:
                with dl.no_grad():
                    found = cls.backward(ctx, *lifted)
            found = found if isinstance(found, tuple) else (found,)
            chosen = [found[i] if i < len(found) else None for i in places]
            return [c if c is None or again else _bare(c) for c in chosen]

        bare = tuple(o if again else _bare(o) for o in outs)
        return (bare if several else bare[0]), pull

    op = copy(_declared(f"_function_{cls.__name__}"))
    op.text = op.original = op.tensor_text = text
    return caller(op)


@cache
def _declared(name: str) -> Op:
    """The declaration of an op of a list of tensors, without its definition, which each call has of its own."""

    def text(xp: Any, tensors: list[Any], /) -> Any:
        """Says which arguments there are."""

    return Op(text, name=name, needs="")


def _leaf(source: Any, array: Any) -> Any:
    """The argument itself in the eyes of forward: its values without history, of its class."""
    t = dl.Tensor.detach(source)
    return t if t.array is array or t.array.shape == array.shape else dl.asarray(array)


def _bare(value: Any) -> Any:
    return value.array if isinstance(value, TensorBase) else value
