"""Module, the base of layers and networks: calls, training mode, hooks and text."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..autograd.base import TensorBase, tensor_of
from ..autograd.hooks import Handle
from ..errors import DTypeError
from .module_state import ModuleState
from .module_tree import is_module
from .parameter import Parameter as Parameter
from .parameter import in_dtype_of as in_dtype_of

if TYPE_CHECKING:
    from ..typing import DTypeLike
    from .summary import Summary


class Module(ModuleState):
    """Base of layers and networks.

    A subclass assigns parameters and modules to attributes in ``__init__`` (without a call of ``super().__init__``) and
    computes its output in ``forward``. Calling the module runs the hooks and ``forward``.

    Attributes
    ----------
    training : bool
        Whether the module is in training mode, which dropout and batch statistics depend on; see ``train`` and ``eval``.

    Notes
    -----
    A layer computes in the dtype of its parameters: float64 input, NumPy's default, is cast to float32 on entry to a
    float32 layer, and after ``model.double()`` everything is computed in float64. Functions promote dtypes instead, as the
    array API says.

    Names, order and layouts in ``state_dict`` are PyTorch's, so that weights can be exchanged.

    Examples
    --------
    >>> class Scale(dl.nn.Module):
    ...     def __init__(self):
    ...         self.factor = dl.nn.Parameter(dl.asarray(3.0))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> model = Scale()
    >>> float(model(dl.asarray(2.0)))
    6.0
    >>> [name for name, _ in model.named_parameters()]
    ['factor']
    """

    training: bool = True
    _summarize: ClassVar[Callable[..., Summary]]
    """nn.summary, set by its module, which imports the layers and therefore this module."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every layer defines its own."""
        raise NotImplementedError(f"{type(self).__name__}: write forward(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        own = self.__dict__
        if "_pre_hooks" in own:
            for hook in tuple(own["_pre_hooks"].values()):
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        try:
            y = self.forward(*args, **kwargs)
        except AttributeError as error:
            raise_if_not_tensor(self, args, error)
            raise
        if "_post_hooks" in own:
            for hook in tuple(own["_post_hooks"].values()):
                changed = hook(self, args, y)
                y = y if changed is None else changed
        return y

    # ------------------------------------------------------------------ mode
    def train(self, mode: bool = True) -> Self:
        """Switch training mode on or off in this module and all modules inside it.

        Dropout, batch statistics and the like behave differently in training.

        Parameters
        ----------
        mode : bool
            Whether training mode is on.

        Returns
        -------
        Module
            The module itself.
        """
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Self:
        """Switch training mode off, for evaluation.

        Returns
        -------
        Module
            The module itself.

        Examples
        --------
        >>> dl.nn.Sequential(dl.nn.Dropout()).eval()[0].training
        False
        """
        return self.train(False)

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call a function on all modules inside this one, inner ones first, then on this one.

        Parameters
        ----------
        fn : callable
            Called with each module; its result is ignored.

        Returns
        -------
        Module
            The module itself.

        Examples
        --------
        >>> kinds = []
        >>> model = dl.nn.Sequential(dl.nn.Linear(3, 2), dl.nn.ReLU())
        >>> _ = model.apply(lambda m: kinds.append(type(m).__name__))
        >>> kinds
        ['Linear', 'ReLU', 'Sequential']
        """
        rest: list[tuple[Module, bool]] = [(self, False)]
        while rest:
            m, reached = rest.pop()
            if reached:
                fn(m)
            else:
                rest += [(m, True), *((inner, False) for inner in reversed(list(m.children())))]
        return self

    # ------------------------------------------------------------------ hooks
    def register_forward_pre_hook(self, hook: Callable[[Module, tuple[Any, ...]], Any]) -> Handle:
        """Call a function before every ``forward`` of this module.

        Parameters
        ----------
        hook : callable
            Called as ``hook(module, args)``. If it returns something other than None, that replaces the arguments.

        Returns
        -------
        Handle
            Its ``remove()`` removes the hook.
        """
        return Handle(self.__dict__.setdefault("_pre_hooks", {}), hook)

    def register_forward_hook(self, hook: Callable[[Module, tuple[Any, ...], Any], Any]) -> Handle:
        """Call a function after every ``forward`` of this module.

        Parameters
        ----------
        hook : callable
            Called as ``hook(module, args, output)``. If it returns something other than None, that replaces the output.

        Returns
        -------
        Handle
            Its ``remove()`` removes the hook.

        Examples
        --------
        >>> layer = dl.nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(output.shape))
        >>> _ = layer(dl.zeros((2, 3)))
        (2, 3)
        >>> handle.remove()
        """
        return Handle(self.__dict__.setdefault("_post_hooks", {}), hook)

    # ------------------------------------------------------------------ text
    def summary(self, input_shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Summary:
        """Make a table of the layers with shapes and counts of parameters and operations; see ``nn.summary``.

        Parameters
        ----------
        input_shape : tuple of int
            The shape of a whole input (N, ...).
        dtype : DTypeLike or None
            The dtype of the input; None is that of the first parameter.

        Returns
        -------
        Summary
            The table; ``print`` shows it.
        """
        return self._summarize(self, input_shape, dtype)

    def extra_repr(self) -> str:
        """Return the settings of the module, for its text; every layer defines its own."""
        return ""

    def _repr_html_(self) -> str:
        """The text, and the number of parameter values, for a notebook."""
        count = sum(p.size for p in self.parameters())
        return f"<pre>{escape(repr(self))}</pre><small>{count:,} parameters</small>"

    def __repr__(self) -> str:
        inside = [(n, m) for n, m in self.__dict__.items() if is_module(m)]
        if not inside:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"({n}): {m!r}".replace("\n", "\n  ") for n, m in inside]
        return "\n  ".join((f"{type(self).__name__}(", *([self.extra_repr()] if self.extra_repr() else []), *lines)) + "\n)"


def raise_if_not_tensor(module: Module, args: tuple[Any, ...], error: AttributeError) -> None:
    """Raise a clear error if an AttributeError came from an argument that is no tensor."""
    for i, given in enumerate(args):
        if given is not error.obj or isinstance(given, TensorBase):
            continue
        raise DTypeError(
            f"{type(module).__name__}: argument {i} must be a tensor, got a {type(given).__name__}; {tensor_of(given)}"
        ) from error
