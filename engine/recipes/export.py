"""Exporting the trained networks of a run as ONNX models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..autograd.base import TensorBase, no_grad
from ..errors import ConfigError
from ..generator import Generator
from ..io.files import write_atomically
from ..nn import Module
from .experiment import Experiment
from .run import restored

if TYPE_CHECKING:
    from .._tensor import Tensor

EXAMPLES = 3
"""So many samples of the data are what a network is recorded with."""


class _Seen(Exception):
    """All networks have been called."""


def export(folder: str | Path, path: str | Path, part: str | None = None, opset: int = 18) -> str:
    """Write a trained network of a run as an ONNX model, and beside it what a program needs to call it.

    The network is recorded with samples of the recipe's own data, and may be called with any number of samples. The file
    ``NAME.json`` has the recipe, its settings, the inputs and outputs, and the names of the classes.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    path : str or Path
        The ONNX file.
    part : str, optional
        Which network, where the recipe has several.
    opset : int
        The version of ONNX's operators, 18 to 23.

    Returns
    -------
    str
        The name of the network that was written.

    Raises
    ------
    ConfigError
        If the recipe has several networks and none is named.
    OnnxError
        If the network cannot be written.
    CheckpointError
        If the run is not finished or its files are damaged.

    Examples
    --------
    >>> run = dl.recipes.train("digits-cnn", {"epochs": 1, "width": 2}, scale="quick", out="run", progress=False)
    >>> dl.recipes.export("run", "digits.onnx")  # doctest: +SKIP
    'model'
    """
    from ..io import onnx

    with restored(folder) as (config, experiment):
        examples = networks(experiment)
        name = _chosen(examples, part)
        module, inputs = examples[name]
        onnx.save(module, inputs, path, opset=opset)
        written = onnx.load(path)
        about = {
            "recipe": config.recipe.name,
            "network": name,
            "settings": {key: str(value) for key, value in config.settings.items()},
            "inputs": [
                {"name": n, "dtype": str(x.dtype), "shape": list(x.shape), "least": _plain(x.min()), "most": _plain(x.max())}
                for n, x in zip(written.input_names, _tensors(inputs), strict=True)
            ],
            "outputs": list(written.output_names),
            "classes": [str(c) for c in getattr(experiment, "classes", [])],
        }
    write_atomically(Path(path).with_suffix(".json"), json.dumps(about, indent=2).encode())
    return name


def _tensors(part: Any) -> list[Any]:
    """The tensors of a nest."""
    if isinstance(part, tuple | list):
        return [x for p in part for x in _tensors(p)]
    return [] if part is None else [part]


def _plain(value: Any) -> float:
    return float(value.item())


def _chosen(examples: dict[str, Any], part: str | None) -> str:
    """The network to write."""
    if part is not None and part not in examples:
        raise ConfigError(f"export: there is no network {part!r}; there are {', '.join(examples)}")
    if part is None and len(examples) > 1 and "model" not in examples:
        raise ConfigError(f"export: the recipe has the networks {', '.join(examples)}; name one with --part")
    if not examples:
        raise ConfigError("export: the recipe calls no network with tensors alone")
    return part or ("model" if "model" in examples else next(iter(examples)))


def networks(experiment: Experiment) -> dict[str, tuple[Module, tuple[Tensor, ...]]]:
    """The networks that an experiment calls when it is measured, with samples of what it gives them.

    A network that is not called itself, such as a GAN, is represented by the networks in it that are.
    """
    found: dict[str, tuple[Module, tuple[Any, ...]]] = {}
    whole = dict(_modules(experiment))
    handles = []
    for name, module in whole.items():
        inner = [(f"{name}.{n}", m) for n, m in module.named_children()]
        for key, m in ((name, module), *inner):

            def note(m: Module, args: tuple[Any, ...], key: str = key) -> None:
                if key not in found:
                    found[key] = (m, args[:-1] if args and isinstance(args[-1], Generator) else args)
                if all(name in found for name in whole):
                    raise _Seen

            handles.append(m.register_forward_pre_hook(note))
    try:
        with no_grad():
            experiment.measure()
    except _Seen:
        pass
    finally:
        for handle in handles:
            handle.remove()
    usable = {k: (m, args) for k, (m, args) in found.items() if _is_nest(args) and not type(m).__name__.endswith("Loss")}
    outer = {k: v for k, v in usable.items() if k in whole or k.rpartition(".")[0] not in usable}
    return {k: (m, _few(args, _leading(args))) for k, (m, args) in outer.items() if any(map(_has_weights, m.modules()))}


def _modules(experiment: Experiment) -> Iterator[tuple[str, Module]]:
    """The networks among the attributes of an experiment, and in its dicts and lists."""
    for name, value in vars(experiment).items():
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
        if isinstance(value, Module):
            yield name, value
        for key, held in items:
            inner = next((m for m in held if isinstance(m, Module)), None) if isinstance(held, tuple) else held
            if isinstance(inner, Module):
                yield f"{name}.{key}", inner


def _has_weights(m: Module) -> bool:
    return next(m.parameters(), None) is not None


def _is_nest(part: Any) -> bool:
    """Whether arguments are tensors, None, and tuples of them."""
    return part is None or isinstance(part, TensorBase) or (isinstance(part, tuple | list) and all(map(_is_nest, part)))


def _leading(part: Any) -> set[int]:
    """The sizes of the first axes of all tensors."""
    if isinstance(part, tuple | list):
        return {n for p in part for n in _leading(p)}
    return {x.shape[0] if x.ndim else 0 for x in [part] if x is not None}


def _few(part: Any, leading: set[int]) -> Any:
    """Some samples, where all tensors have as many."""
    if isinstance(part, tuple | list):
        return tuple(_few(p, leading) for p in part)
    if part is None:
        return None
    return part.detach()[:EXAMPLES] if len(leading) == 1 and min(leading) > EXAMPLES else part.detach()
