"""Bundles as ONNX models, with a JSON file that says what goes in and what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn
from ..data.host_random import integers, uniform
from ..data.readers.samples import CLASSIFICATION, FORECASTING, REGRESSION
from ..generator import Generator
from ..io import write_atomically
from ..ops.conversion import asarray
from ..ops.softmax import softmax

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .bundle import Bundle

EXAMPLES = 3
"""Samples that the network is recorded with; the written model takes any number of them."""


class Whole(nn.Module):
    """The network of a bundle, from the pixels of images to probabilities, or to values in the unit of the target.

    Shape: the input of the network, of images the pixels (N,C,H,W) -> probabilities (N,V), values (N,), or as the network has it.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.network = bundle.model
        self.task, self.settings = bundle.task, dict(bundle.settings)
        self.scale = None
        if bundle.encoder.kind == "images":
            s = bundle.encoder.settings
            std = np.array(s["std"], dtype=np.float32)[:, None, None]
            self.scale = asarray(1 / (np.float32(s["scale"]) * std))
            self.shift = asarray(-np.array(s["mean"], dtype=np.float32)[:, None, None] / std)
        elif bundle.task == FORECASTING:
            self.settings["scale"] = bundle.encoder.settings["scale"]

    def forward(self, inputs: Tensor) -> Tensor:
        x = inputs if self.scale is None else inputs * self.scale + self.shift
        y: Tensor = self.network(x)
        if self.task == CLASSIFICATION:
            y = softmax(y / self.settings["temperature"], axis=1)
        elif self.task == REGRESSION:
            y = y[:, 0] * self.settings["scale"] + self.settings["shift"]
        elif self.task == FORECASTING:
            y = y * self.settings["scale"]
        return y


INPUTS = {
    "images": "pixels as in the files, in the size and channels of the shape; images with the other background inverted",
    "table": "the columns as the encoder below makes them numbers: dlengine's dl.load(bundle).encoder.encode",
    "texts": "numbers of the tokens of each text, from 1 in the order of the encoder's list, then 0",
    "sounds": "log-mel spectra, less the mean of each band, divided by the deviation",
    "series": "the features at the end of the series: dl.load(bundle).encoder.at_end",
    "text": "numbers of the characters, from 1 in the order of the encoder's list, 0 for others",
}
OUTPUTS = {
    "classification": "probabilities of the classes",
    "regression": "the numbers",
    "forecasting": "what is added to the simple forecast that the encoder's base names, before its logarithm is undone",
    "generation": "scores of the character that follows each character, the unknown one first",
}


def export(bundle: Bundle, path: str | Path, opset: int = 18) -> Path:
    """Write the network of a bundle as an ONNX model, and beside it NAME.json. Returns the path of that."""
    from ..io import onnx

    s, kind = bundle.network[1], bundle.encoder.kind
    generator, names, shape = Generator(0), {0: "batch"}, tuple[int, ...]()
    if kind in ("texts", "text"):
        shape = (EXAMPLES, int(bundle.encoder.settings["length"]))
        x = integers(generator, 0, s["vocabulary"], shape)
        names |= {1: "characters"} if kind == "text" else {}
    else:
        if kind in ("images", "sounds"):
            size = bundle.encoder.settings["size"] if kind == "images" else (40, bundle.encoder.settings["frames"])
            shape = (EXAMPLES, int(s["channels"]), *map(int, size))
        else:
            shape = (EXAMPLES, int(s["inputs"]))
        x = uniform(generator, shape, np.float32) * np.float32(bundle.encoder.settings["scale"] if kind == "images" else 1)
    onnx.save(Whole(bundle).eval(), asarray(x), path, dynamic={"inputs": names}, opset=opset, output_names=["outputs"])
    about: dict[str, Any] = {
        "task": bundle.task,
        "inputs": {"shape": [names.get(k, n) for k, n in enumerate(shape)], "dtype": str(x.dtype), "meaning": INPUTS[kind]},
        "outputs": {"meaning": OUTPUTS[bundle.task], "classes": list(bundle.classes)},
        "encoder": {"kind": kind, "settings": bundle.encoder.settings},
    }
    beside = Path(path).with_suffix(".json")
    write_atomically(beside, json.dumps(about, indent=1).encode())
    return beside
