"""Run a program that says ``import torch`` with dlengine in its place, in this process only."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from . import absent
from .missing import explain

PLACES = {"torch": "dlengine.torch", "torchvision": "dlengine.torchvision"}


SECOND = {
    "torch.utils.data": ("dataset", "dataloader", "sampler"), "torch.autograd": ("variable",),
    "torch.optim": ("optimizer", "sgd", "adam", "adamw", "lbfgs", "rmsprop"),
    "torch.distributions": ("categorical", "normal", "bernoulli", "uniform", "binomial", "multinomial", "poisson", "independent",
                            "kl", "distribution", "multivariate_normal"),
    "torch.nn": ("modules.module", "modules.container", "modules.linear", "modules.conv", "modules.loss", "modules.utils",
                 "modules.activation", "modules.batchnorm", "modules.normalization", "modules.rnn", "modules.transformer"),
    "torchvision.datasets": ("mnist", "cifar", "vision"), "torchvision.transforms": ("transforms",),
    "torchvision.models": ("vgg", "alexnet"),
}  # fmt: skip
"""Modules of PyTorch's own inside, under which programs import the public names."""


class Refused(RuntimeError):
    """The program cannot run here, for the reason in the message."""


class Names(MetaPathFinder):
    """Answers imports of parts that are not there with a sentence, instead of a search for PyTorch's own files."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Raise for a part of torch or torchvision; leave all else to the others."""
        top, _, rest = fullname.partition(".")
        if top not in PLACES or not rest:
            return None
        if top == "torch" and any(f"{rest}.".startswith(f"{part}.") for part in absent.REASONS):
            module = absent.part(fullname)
            return importlib.util.spec_from_loader(fullname, _Given(module))
        raise ModuleNotFoundError(f"No module named {fullname!r}: {explain(fullname)}", name=fullname)


class _Given(Loader):
    """A loader of a module that exists."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: Any) -> ModuleType:
        """The module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run."""


def install() -> None:
    """Put the modules under the names torch and torchvision.

    Raises
    ------
    Refused
        If PyTorch itself is already imported.
    """
    for name in PLACES:
        there = sys.modules.get(name)
        if there is not None and not str(getattr(there, "__name__", "")).startswith("dlengine"):
            raise Refused(f"the real {name} is imported already in this process; start a new one for dlengine run-torch")
    for name, place in PLACES.items():
        if importlib.util.find_spec(place) is None:
            continue
        package = importlib.import_module(place)
        sys.modules[name] = package
        for found in pkgutil.walk_packages(package.__path__, place + "."):
            part = found.name.removeprefix(place)
            if not part.startswith((".names", ".runner", ".missing", ".absent", ".nn.functions")):
                sys.modules[name + part] = importlib.import_module(found.name)
    for home, seconds in SECOND.items():
        for second in seconds:
            sys.modules.setdefault(f"{home}.{second}", sys.modules[home])
            if "." not in second and not hasattr(sys.modules[home], second):
                setattr(sys.modules[home], second, sys.modules[home])
    for switch in ("cudnn", "cuda", "mps", "mkldnn", "mkl", "openmp"):
        sys.modules[f"torch.backends.{switch}"] = getattr(sys.modules["torch.backends"], switch)
    for part in absent.REASONS:
        sys.modules[f"torch.{part}"] = sys.modules[f"dlengine.torch.{part}"]
    if not any(isinstance(finder, Names) for finder in sys.meta_path):
        sys.meta_path.insert(0, Names())


def run(script: str | Path, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Run a script as the main program; return its global names.

    Parameters
    ----------
    script : str or Path
        The program.
    arguments : sequence of str
        What it finds in ``sys.argv`` after its own name.
    """
    path = Path(script)
    if not path.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    install()
    kept = sys.argv, sys.path[0]
    sys.argv, sys.path[0] = [str(path), *arguments], str(path.resolve().parent)
    try:
        return runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv, sys.path[0] = kept



