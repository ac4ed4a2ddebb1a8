"""Parts of PyTorch that dlengine has not: every name of theirs raises with the reason when it is used."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from .names.core import refuse

REASONS = {
    "jit": "programs are not compiled to TorchScript here; call the model itself",
    "distributed": "distributed training under PyTorch's names is not supported",
    "onnx": "export is not under PyTorch's names; see dlengine.io",
    "quantization": "quantised tensors are not supported",
    "ao": "quantised tensors are not supported",
    "sparse": "sparse tensors are not supported; use dense ones",
    "fx": "programs are not traced here",
    "hub": "nothing is downloaded; load local weights",
    "multiprocessing": "workers are threads here; use Python's multiprocessing for processes",
    "profiler": "profile with Python's tools, or dlengine bench",
    "nested": "nested tensors are not supported; pad and mask",
    "mps": "there is no backend for MPS",
    "xpu": "there is no backend for XPU",
    "library": "ops are made with dlengine.op",
    "export": "programs are not exported under PyTorch's names; see dlengine.io",
    "futures": "there are no futures; use Python's concurrent.futures",
    "utils.model_zoo": "nothing is downloaded; load local weights",
    "utils.cpp_extension": "there are no extensions in C++; write an op with dlengine.op",
    "utils.data.distributed": "distributed training under PyTorch's names is not supported",
    "utils.benchmark": "time with Python's timeit, or dlengine bench",
    "autograd.profiler": "profile with Python's tools, or dlengine bench",
}


class Absent(ModuleType):
    """A part that is not there: its names can be imported, and raise when they are called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        part = next(p for p in REASONS if f".{p}." in f".{self.__name__}.")

        class Missing:
            """Raises when it is called."""

            def __init__(self, *_: Any, **__: Any) -> None:
                raise refuse(f"{part}.{name}", REASONS[part])

        Missing.__name__ = name
        if name.startswith("is_"):
            return lambda *_, **__: False
        return Missing


def part(fullname: str) -> Absent:
    """A module inside a part that is not there: torch.distributed.rpc."""
    module = Absent(fullname, "Not there.")
    module.__path__ = []
    return module


def modules(package: str) -> dict[str, Absent]:
    """The parts, entered as modules of the package."""
    found = {}
    for part, reason in REASONS.items():
        module = Absent(f"{package}.{part}", f"Not there: {reason}.")
        module.__path__ = []
        home, _, last = part.rpartition(".")
        if home:
            setattr(sys.modules[f"{package}.{home}"], last, module)
        else:
            found[part] = module
        sys.modules[f"{package}.{part}"] = module
    return found
