"""Measure the names of dlengine.torch against a list of names that courses use.

``python tests/torch_names/coverage_of_names.py [LIST]`` reads lines of name, number of files, and a form of call (tabs between
them), and prints how many uses exist, how many forms bind, and what is absent. ``uses.tsv`` holds the names that 1,044
course files use and that dlengine's own namespace lacks or spells otherwise; where torch is installed, all its other names
are counted too.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlengine.torch as torch
from dlengine import torchvision

LIST = Path(__file__).parent / "uses.tsv"
OUT_OF_SCOPE = (
    "torch.futures", "torch.classes", "torch.ops.", "torch.torch.", "torch.utils.cpp_extension", "torch.utils._pytree",
    "torch.utils.model_zoo", "torch.serialization.safe_globals", "torch.jagged", "torch.nested", "torch.sparse_coo_tensor",
    "torch.spmm", "torch.autograd.profiler", "x.to_sparse", "x.reinforce", "x.storage", "torch.utils.data.distributed",
    "torch.utils.data.DistributedSampler", "torch.cuda.nccl",
)  # fmt: skip
"""Sparse, nested, compiled and distributed parts, which raise with the reason, and PyTorch's own machinery."""

NOT_NAMES = {
    "torch.nn.Dense",
    "torch.nn.Conv2D",
    "torch.nn.MaxPool2D",
    "torch.nn.AvgPool2D",
    "torch.nn.GlobalAvgPool2D",
    "torch.nn.Activation",
    "torch.nn.BatchNorm",
    "torch.nn.Conv",
    "torch.nn.avg_pool",
    "torch.nn.max_pool",
    "torch.nn.relu",
    "torch.nn.functional.pool",
    "torch.nn.functional.softargmax",
    "torch.sq",
    "torch.utils.data.read",
    "torch.utils.data.to",
    "torch.utils.data.append",
    "torch.utils.data.device",
    "torch.utils.data.get_dataloader",
    "torch.utils.data.mean",
    "torch.utils.data.shape",
    "torch.utils.data.sort",
    "torch.utils.data.std",
    "torch.utils.data.train_dataloader",
    "torch.utils.data.val_dataloader",
    "x.resize()",
    "torch.set_deterministic",
    "torchvision.models.__dict__",
}
"""What the scan read in other libraries' code or in variables, or what PyTorch has no longer."""


@dataclass
class Use:
    """One name: in how many files it is, and a form in which it is called."""

    name: str
    files: int
    form: str = ""

    @property
    def in_scope(self) -> bool:
        """Whether this project means to have the name."""
        return self.name not in NOT_NAMES and not self.name.startswith(OUT_OF_SCOPE)


def read(path: Path = LIST) -> list[Use]:
    """The uses of a list."""
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return [Use(name, int(files), form) for name, files, form in rows]


def find(name: str) -> Any:
    """The object of a name, written as the list writes it: torch.a.b, x.method(), x.attribute, Module.method; None if absent."""
    path = name.removesuffix("()").split(".")
    module = torch.nn.Module
    start: Any = {"torch": torch, "torchvision": torchvision, "x": torch.Tensor, "Module": module, "module": module,
                  "optimizer": torch.optim.Optimizer}[path[0]]  # fmt: skip
    for part in path[1:]:
        try:
            start = inspect.getattr_static(start, part) if path[0] == "x" else getattr(start, part)
        except (AttributeError, NotImplementedError):
            return None
    return start


def binds(found: Any, form: str, method: bool) -> bool:
    """Whether a call of this form, with _ for each positional argument and names before =, fits the signature."""
    arguments = [part.strip() for part in form.strip("()").split(",") if part.strip()]
    positional = [a for a in arguments if not a.endswith("=")]
    named = {a[:-1]: None for a in arguments if a.endswith("=")}
    if isinstance(found, property):
        return True  # Tensor.size, which answers calls
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return True
    renamed = {"dim": ("axis",), "keepdim": ("keepdims",)}
    try:
        signature.bind(*([None] if method else []), *positional, **named)
    except TypeError:
        listed = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL), None)
        return bool(named) and all(
            n in signature.parameters or n == listed or n in ("out", "size") or n in renamed for n in named
        )
    return True


def table(uses: list[Use]) -> str:
    """The measure in words."""
    scope = [u for u in uses if u.in_scope]
    there = [u for u in scope if find(u.name) is not None]
    forms = [u for u in there if u.form]
    fit = [u for u in forms if binds(find(u.name), u.form, u.name.startswith(("x.", "module.")))]
    total, found = sum(u.files for u in scope), sum(u.files for u in there)
    lines = [
        f"names: {len(there)} of {len(scope)} in scope; uses (name x file): {found} of {total} ({100 * found / total:.1f} %)",
        f"forms of call: {sum(u.files for u in fit)} of {sum(u.files for u in forms)} (by files) bind",
        "absent: " + ", ".join(f"{u.name} ({u.files})" for u in scope if u not in there),
        "do not bind: " + ", ".join(f"{u.name}{u.form}" for u in forms if u not in fit),
    ]
    return "\n".join(lines)


def same_names() -> list[str]:
    """Names of PyTorch, where it is installed, that dlengine.torch lacks, by module."""
    import torch as real

    lacking = []
    for module, ours in (("", torch), (".nn", torch.nn), (".nn.functional", torch.nn.functional), (".optim", torch.optim),
                         (".linalg", torch.linalg), (".fft", torch.fft), (".special", torch.special)):  # fmt: skip
        theirs: Any = real
        for part in module.split(".")[1:]:
            theirs = getattr(theirs, part)
        names = [n for n in dir(theirs) if not n.startswith("_") and re.match(r"[A-Za-z]", n)]
        lacking += [f"torch{module}.{n}" for n in names if not hasattr(ours, n) and callable(getattr(theirs, n))]
    lacking += [f"x.{n}()" for n in dir(real.Tensor) if not n.startswith("_") and not hasattr(torch.Tensor, n)]
    return lacking


if __name__ == "__main__":
    print(table(read(Path(sys.argv[1]) if len(sys.argv) > 1 else LIST)))
    try:
        print("of PyTorch's public names absent: " + " ".join(same_names()))
    except ImportError:
        print("PyTorch is not installed: its other names are not counted")
