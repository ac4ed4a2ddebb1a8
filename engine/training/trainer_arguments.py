"""Checks of the arguments of Trainer: what is wrong, and how to write it instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..data import ArrayDataset
from ..data.adapt import is_dataset
from ..data.host_arrays import convert, is_number_list
from ..errors import ConfigError, DTypeError
from ..nn import Module
from ..optim import Optimizer

WRAP_ARRAYS = "arrays: fit(x, y, epochs=10), or fit(data.ArrayDataset(x, y))"
FLOATS = ("float16", "float32", "float64")
"""The advice that follows a message about data."""


def describe(value: object) -> str:
    """The type of a value, or the shape of an array, for messages."""
    shape: Any = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"an array of shape {tuple(shape)}"


def require_model(model: object) -> None:
    """Check that the model is a module."""
    if not isinstance(model, Module):
        raise DTypeError(f"Trainer: model must be a Module, got {type(model).__name__}")


def require_loss(loss: object) -> None:
    """Check that the loss is a function or a module."""
    if isinstance(loss, type):
        got = f"the class {loss.__name__}; make one: {loss.__name__}()"
    elif callable(loss):
        return
    else:
        got = type(loss).__name__
    raise DTypeError(f"Trainer: loss must be a function or module of outputs and targets, got {got}")


def named_optimizers(optimizers: Any) -> dict[str, Optimizer]:
    """The optimizers by name; a single one is called "optimizer"."""
    if isinstance(optimizers, Optimizer):
        return {"optimizer": optimizers}
    if not isinstance(optimizers, Mapping) or not all(isinstance(o, Optimizer) for o in optimizers.values()):
        got = describe(optimizers)
        if isinstance(optimizers, Mapping):
            got = f"a dict with {next(describe(o) for o in optimizers.values() if not isinstance(o, Optimizer))}"
        raise DTypeError(
            f"Trainer: optimizer must be an Optimizer or a dict of them, got {got}; make one: optim.Adam(model.parameters())"
        )
    return dict(optimizers)


def require_counts(**counts: object) -> None:
    """Check that arguments are whole numbers of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"Trainer: {name} must be a whole number of at least 1, got {value!r}")


def require_scheduler(scheduler: object) -> None:
    """Check that the scheduler is None or has a step method."""
    if scheduler is not None and (isinstance(scheduler, type) or not hasattr(scheduler, "step")):
        got = f"the class {scheduler.__name__}" if isinstance(scheduler, type) else type(scheduler).__name__
        raise DTypeError(f"Trainer: scheduler must be a schedule, got {got}; make one: optim.StepLR(optimizer, 10)")


def require_all(kind: type, given: Iterable[object]) -> None:
    """Check that all values are instances of a class."""
    wrong = next((value for value in given if not isinstance(value, kind)), None)
    if wrong is not None:
        got = f"the class {wrong.__name__}; make one" if isinstance(wrong, type) else type(wrong).__name__
        raise DTypeError(f"Trainer: expected a {kind.__name__}, got {got}")


def require_epochs(epochs: object) -> None:
    """Check the number of epochs."""
    if isinstance(epochs, bool) or not isinstance(epochs, int):
        raise ConfigError(f"fit: epochs must be a whole number, got {describe(epochs)}; {WRAP_ARRAYS}")
    if epochs < 1:
        raise ConfigError(f"fit: epochs must be at least 1, got {epochs}")


def fit_arguments(train: Any, y: Any, epochs: Any, validate: Any, model: Module) -> tuple[Any, int, Any]:
    """Training data, number of epochs and validation data of ``fit(train, y, epochs, validate)``.

    Arrays are wrapped as a data set; without them, ``y`` may be the number of epochs and ``epochs`` the validation data.
    """
    if isinstance(y, int) and not isinstance(y, bool) or (y is not None and not hasattr(y, "__len__")):
        y, epochs, validate = None, y, validate if isinstance(epochs, int) and epochs == 1 else epochs
    require_epochs(epochs)
    if y is not None:
        train = wrap_arrays(train, y, model)
    if isinstance(validate, tuple) and len(validate) == 2 and all(hasattr(part, "shape") for part in validate):
        validate = wrap_arrays(*validate, model)
    return train, epochs, validate


def wrap_arrays(x: Any, y: Any, model: Module) -> ArrayDataset:
    """Inputs and targets (N,...) as a data set; floating ones get the dtype of the model's parameters."""
    parts = [as_model_takes(convert(part, "fit: an array that", WRAP_ARRAYS), model) for part in (x, y)]
    return ArrayDataset(*parts)


def as_model_takes(array: Any, model: Module) -> Any:
    """A floating array in the dtype of the model's parameters; other arrays as they are."""
    first = next((p for p in model.parameters() if str(p.dtype) in FLOATS), None)
    if array.dtype.kind != "f" or first is None:
        return array
    return array.astype(str(first.dtype), copy=False)


def prediction_batches(x: Any, model: Module, make_loader: Callable[..., Any]) -> Any:
    """The batches of inputs for ``predict``: of an array, a data set, or an iterable of batches."""
    if is_dataset(x) and not hasattr(x, "dtype"):
        return make_loader(x, shuffle=False)
    if isinstance(x, Iterable) and not hasattr(x, "dtype") and not is_number_list(x):
        return x
    array = as_model_takes(convert(x, "predict: x", "expected inputs (N,...)"), model)
    return make_loader(ArrayDataset(array), shuffle=False)


def pair(batch: Any) -> tuple[Any, Any]:
    """Input and target of a batch. Raises ConfigError if the batch is not such a pair."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        what = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
        raise ConfigError(f"Trainer: a batch must be (input, target), got {what}; {WRAP_ARRAYS}; for others write train_step()")
    return batch[0], batch[1]
