"""The state of modules: saving and loading by name, gradients, devices and dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..autograd.base import no_grad, written
from ..errors import CheckpointError, DLEngineError, DTypeError
from ..ops.conversion import asarray
from ..states import real_for
from .module_tree import ModuleTree, is_module
from .uninitialized import UninitializedParameter

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class IncompatibleKeys(NamedTuple):
    """The names that load_state_dict left out: those without a value, and those without a parameter or buffer."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class ModuleState(ModuleTree):
    """The part of Module that treats all its parameters and buffers alike."""

    # ------------------------------------------------------------------ saving and loading
    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Return all parameters and persistent buffers by their dotted names.

        Parameters
        ----------
        prefix : str
            Put before every name.

        Returns
        -------
        dict of str to Tensor
            The values, detached; they share their memory with the module. A shared parameter occurs under each of its
            names.

        Examples
        --------
        >>> list(dl.nn.Sequential(dl.nn.Linear(3, 2), dl.nn.ReLU()).state_dict())
        ['0.weight', '0.bias']
        """
        found: dict[str, Tensor] = {}
        rest: list[tuple[str, ModuleTree]] = [(prefix, self)]
        while rest:
            path, m = rest.pop()
            persistent = m.__dict__.get("_buffer_names", {})
            mine: list[tuple[str, Tensor]] = [*m._own_parameters(), *((n, b) for n, b in m._own_buffers() if persistent[n])]
            found |= {path + name: value.detach() for name, value in mine}
            inside = [(f"{path}{name}.", v) for name, v in m.__dict__.items() if is_module(v)]
            rest += reversed(inside)
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into the parameters and buffers of the same names.

        Nothing is changed unless everything fits. A parameter that the module has under several names, such as a tied weight,
        needs a value for one of them; the number of batches that a normalisation has seen may be missing, as in PyTorch.

        Parameters
        ----------
        state_dict : mapping of str to Tensor
            The values, also NumPy arrays.
        strict : bool
            Whether every name must occur on both sides.

        Returns
        -------
        IncompatibleKeys
            The names left out, ``missing_keys`` and ``unexpected_keys``; both empty if ``strict``.

        Raises
        ------
        CheckpointError
            A name is missing or unexpected, a shape differs (all are listed), or values cannot be converted.

        Examples
        --------
        >>> layer = dl.nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": np.ones((1, 2))}, strict=False).missing_keys
        ['bias']
        """
        if not isinstance(state_dict, Mapping):
            raise CheckpointError(f"load_state_dict: expected a mapping from names to tensors, got {type(state_dict).__name__}")
        own = self.state_dict()
        given = {id(own[k].array) for k in own if k in state_dict}
        missing = [k for k in own if k not in state_dict and id(own[k].array) not in given]  # a shared one may come once
        missing = [k for k in missing if k.rpartition(".")[2] != "num_batches_tracked"]  # PyTorch's first files lack it
        unexpected = [k for k in state_dict if k not in own]
        shared = {k: t for k, t in own.items() if k in state_dict}
        shapes: dict[str, Any] = {k: getattr(state_dict[k], "shape", None) for k in shared}
        wrong = [
            f"{k} is {type(state_dict[k]).__name__ if shapes[k] is None else tuple(shapes[k])}, expected {t.shape}"
            for k, t in shared.items()
            if shapes[k] is None or tuple(shapes[k]) != t.shape
        ]
        parts = [
            f"{what}: {', '.join(names)}"
            for what, names, counts in (
                ("missing", missing, strict),
                ("unexpected", unexpected, strict),
                ("misshapen", wrong, True),
            )
            if names and counts
        ]
        if parts:
            raise CheckpointError(f"load_state_dict: the state does not fit {type(self).__name__}; {'; '.join(parts)}")
        with no_grad():
            try:
                values = {k: asarray(real_for(t, state_dict[k]), dtype=t.dtype, device=t.device) for k, t in shared.items()}
            except (DLEngineError, TypeError, ValueError) as error:
                raise CheckpointError(f"load_state_dict: the values cannot be read: {error}") from None
            for k, t in shared.items():
                t[...] = values[k]
        return IncompatibleKeys(missing, unexpected)

    # ------------------------------------------------------------------ gradients
    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Switch the gradients of all parameters on or off.

        Parameters
        ----------
        requires_grad : bool
            Whether gradients are computed.

        Returns
        -------
        Module
            The module itself.
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def freeze(self) -> Self:
        """Switch the gradients of all parameters off, so that they are not trained.

        Returns
        -------
        Module
            The module itself.

        Examples
        --------
        >>> dl.nn.Linear(3, 2).freeze().weight.requires_grad
        False
        """
        return self.requires_grad_(False)

    def unfreeze(self) -> Self:
        """Switch the gradients of all parameters on, so that they are trained.

        Returns
        -------
        Module
            The module itself.
        """
        return self.requires_grad_(True)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Whether they become None; otherwise they are filled with zeros.
        """
        for p in self.parameters():
            if set_to_none:
                p._grad = None
            elif p.grad is not None:
                with no_grad():
                    p.grad[...] = 0.0

    # ------------------------------------------------------------------ device and dtype
    def to(
        self, *targets: DTypeLike, device: str | None = None, dtype: DTypeLike | None = None, non_blocking: bool = False
    ) -> Self:
        """Move parameters, their gradients and buffers to a device and a dtype, in place.

        Parameters
        ----------
        *targets : str or DTypeLike
            A device ("cpu", "cuda" or "cuda:1"), or a floating dtype, which only floating tensors are cast to.
        device : str or None
            The same by name.
        dtype : DTypeLike or None
            The same by name.
        non_blocking : bool
            As in the method of tensors: without effect.

        Returns
        -------
        Module
            The module itself.

        Raises
        ------
        DTypeError
            A target is neither a device nor a floating dtype.

        Examples
        --------
        >>> dl.nn.Linear(3, 2).to("cpu", dl.float64).weight.dtype
        dtype('float64')
        """
        tensors: dict[int, Tensor] = {id(t): t for t in (*self.parameters(), *self.buffers())}
        for target in (*targets, *[t for t in (device, dtype) if t is not None]):
            place = isinstance(target, str) and target.split(":")[0] in ("cpu", "cuda")
            if not place and not _is_floating(target):
                raise DTypeError(f"{type(self).__name__}.to: expected a device or a floating dtype, got {target!r}")
            for t in tensors.values():
                if place or t.dtype.kind == "f" or t.dtype.name == "bfloat16":
                    _convert_in_place(t, target)
        return self

    def float(self) -> Self:
        """Cast floating parameters and buffers to float32, in place.

        Returns
        -------
        Module
            The module itself.
        """
        return self.to("float32")

    def double(self) -> Self:
        """Cast floating parameters and buffers to float64, in place.

        Returns
        -------
        Module
            The module itself.
        """
        return self.to("float64")


def _is_floating(target: DTypeLike) -> bool:
    """Whether it names a floating dtype; DeviceError for a name that is neither a dtype nor a device."""
    try:
        dtype = asarray(0.0).to(target).dtype
    except DTypeError:
        return False
    return dtype.kind in "fc" or dtype.name == "bfloat16"


def _convert_in_place(t: Tensor, target: DTypeLike) -> None:
    """Change the device or dtype of a tensor and its gradient; it stays the same object, as optimizers need it."""
    with no_grad():
        held = t.grad
        t.array = t.to(target).array
        if isinstance(t, UninitializedParameter):
            return
        written(t)
        if held is not None:
            t.grad = held.to(target)
