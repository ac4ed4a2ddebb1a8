"""The libraries that dlengine is timed beside: the module of each, what it needs, and which workloads it has."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from .workloads import Workload

KINDS = ("op", "forward", "step", "captured", "inference", "library", "import")
IN_JAX = (
    "mlp-mnist", "cnn-mnist", "resnet20", "autoencoder", "vae", "gpt", "vit", "unet", "word2vec-sgns",
    "mlp-one", "cnn-one", "resnet20-one", "gpt-one",
)  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """A library.

    module: its file with_<module>.py. packages: what must be installed. extra: of dlengine, which installs them. workloads:
    the names of those it has; None for all of the kinds. reference: the peer whose results are right where this one, which
    compiles the same definition, has others.
    """

    module: str
    packages: tuple[str, ...]
    extra: str
    kinds: tuple[str, ...] = KINDS
    workloads: tuple[str, ...] | None = None
    reference: str | None = None

    def has(self, workload: Workload) -> bool:
        """Whether the workload is defined for this library."""
        return workload.kind in self.kinds and (self.workloads is None or workload.name in self.workloads)


PEERS = {
    "torch": Peer("torch", ("torch",), "bench"),
    "torch.compile": Peer(
        "torch_compile", ("torch",), "bench", ("op", "forward", "step", "inference", "library"), reference="torch"
    ),
    "captured": Peer("captured", (), "bench", ("step", "inference", "library")),
    "jax": Peer("jax", ("jax",), "bench-jax", ("step", "inference", "library"), IN_JAX),
    "onnxruntime": Peer("onnxruntime", ("onnxruntime", "onnx", "torch"), "bench-onnx", ("inference", "library")),
}
"""By the name that --against takes."""


def missing_peer(name: str) -> str | None:
    """The reason why a peer cannot be timed, or None."""
    peer = PEERS[name]
    absent = [package for package in peer.packages if not find_spec(package)]
    if not absent:
        return None
    told = " and ".join(absent)
    are = "are" if len(absent) > 1 else "is"
    return (
        f"{told} {are} not installed (mend: pip install 'dlengine-xp[{peer.extra}]', or pip install {' '.join(absent)}): "
        "timing dlengine alone"
    )


def module_of(name: str) -> str:
    """The module of a framework, dlengine and gensim among them."""
    return f"with_{PEERS[name].module if name in PEERS else name}"
