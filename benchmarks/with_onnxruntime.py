"""Inference in ONNX Runtime: models are built in PyTorch, exported to ONNX, and run from there."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import torch

from . import with_torch

globals().update({name: getattr(with_torch, name) for name in with_torch.__all__})
# What follows differs from PyTorch.
NAME = "onnxruntime"


def inference(model: Any, x: Any) -> Callable[[], Any]:
    """A call of the exported model on an input."""
    content: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age
        torch.onnx.export(model.eval(), (x,), content, input_names=["x"], output_names=["y"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content.getvalue(), options, providers=["CPUExecutionProvider"])
    array = np.asarray(x.detach().numpy())
    return lambda: session.run(["y"], {"x": array})[0]


def value(array: Any) -> Any:
    """The values as a NumPy array."""
    return np.array(array)


def describe() -> dict[str, Any]:
    """Versions and precision."""
    return {
        "version": onnxruntime.__version__, "torch": torch.__version__, "device": "cpu", "precision": with_torch.precision(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")),
    }  # fmt: skip
