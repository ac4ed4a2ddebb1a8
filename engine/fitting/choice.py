"""Which network and which settings suit data of a size, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..data.host_arrays import HostArray
from ..data.readers import Samples
from ..data.readers.samples import CLASSIFICATION
from .encoders import Encoder


@dataclass(frozen=True)
class Choice:
    """A network by name and settings, how it is trained, and why.

    Parameters
    ----------
    network : str
        The name of the network.
    settings : dict
        Its settings.
    batch_size, epochs, patience : int
        Samples of a batch, the most epochs, and epochs without improvement after which the training ends.
    lr, weight_decay : float
        Settings of AdamW.
    shift : int
        Pixels by which images are shifted at random.
    reasons : tuple of str
        One line for each decision.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays(np.arange(80.0).reshape(40, 2), [0, 1] * 20)
    >>> encoder = dl.fitting.encoder_for(samples)
    >>> dl.fitting.choose(samples, encoder, encoder.encode(samples)).network
    'dense'
    """

    network: str
    settings: dict[str, Any]
    batch_size: int
    epochs: int
    patience: int
    lr: float
    weight_decay: float
    shift: int = 0
    reasons: tuple[str, ...] = field(default=())


def choose(samples: Samples, encoder: Encoder, encoded: HostArray) -> Choice:
    """Choose the network and its settings for training samples.

    Parameters
    ----------
    samples : Samples
        The training part.
    encoder : Encoder
        The encoder that was fitted on it.
    encoded : numpy.ndarray
        The input of the network (N, ...), or its first rows.

    Returns
    -------
    Choice
        Network, settings and reasons.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays(np.arange(80.0).reshape(40, 2), [0, 1] * 20)
    >>> encoder = dl.fitting.encoder_for(samples)
    >>> print(dl.fitting.choose(samples, encoder, encoder.encode(samples)).reasons[0])
    8 networks of a linear map and 2 hidden layers of 64 units, averaged: for 40 rows of 4 numbers
    """
    outputs = len(samples.classes) if samples.task == CLASSIFICATION else 1
    n = len(samples)
    batch = 16 if n < 500 else 32 if n < 5_000 else 64 if n < 50_000 else 256
    least = 600 if n < 1_000 else 1_200  # steps of the optimizer without improvement
    patience = max(4, min(40, -(-least * batch // max(n, 1) // 4)))
    if samples.kind in ("images", "sounds"):
        return _pictures(samples, encoded, outputs, batch, patience)
    if samples.kind == "texts":
        vocabulary = len(encoder.settings["tokens"])
        size = 16 if n < 1_000 else 32
        reason = f"mean of {size} numbers for each of {vocabulary:,} words and runs of letters: for {n:,} short texts"
        settings = {"vocabulary": vocabulary, "embedding": size, "outputs": outputs, "dropout": 0.3}
        return Choice("tokens", settings, batch, 200, max(6, min(patience, 15)), 5e-3, 1e-3, reasons=(reason, _steps(batch, n)))
    if samples.kind == "text":
        width = 128 if n < 100_000 else 256
        settings = {
            "vocabulary": len(encoder.settings["characters"]) + 1, "embedding": 32, "width": width, "layers": 1, "dropout": 0.2,
        }  # fmt: skip
        windows = n // encoder.settings["length"]
        batch = 8 if windows < 500 else 16 if windows < 2_000 else 32
        reason = f"an LSTM of {width} units reads characters one by one: for a text of {n:,} characters"
        return Choice("characters", settings, batch, 100, 5, 5e-3, 1e-3, reasons=(reason, _steps(batch, windows)))
    if samples.kind == "series":
        inputs = encoded.shape[1]
        horizon = encoder.settings["horizon"]
        width = 16 if n < 1_000 else 32
        settings = {"inputs": inputs, "width": width, "outputs": horizon, "members": 5, "dropout": 0.2}
        reason = (
            f"5 networks correct the forecast '{encoder.settings['base']}' from {inputs} numbers before it, for {horizon} steps"
        )
        return Choice("forecast", settings, batch, 200, 20, 1e-3, 3e-2, reasons=(reason, _steps(batch, n)))
    inputs = encoded.shape[1]
    width = 64 if n < 2_000 else 128 if n < 20_000 else 256
    members = 8 if n < 5_000 else 4 if n < 50_000 else 2
    settings = {
        "inputs": inputs, "layers": 2, "width": width, "outputs": outputs, "members": members,
        "scores": int(samples.task == CLASSIFICATION), "dropout": 0.2,
    }  # fmt: skip
    parts = f"a linear map and 2 hidden layers of {width} units"
    reason = f"{members} networks of {parts}, averaged: for {n:,} rows of {inputs} numbers"
    return Choice("dense", settings, batch, 300, max(10, min(patience, 25)), 1e-3, 1e-2, reasons=(reason, _steps(batch, n)))


def _pictures(samples: Samples, encoded: HostArray, outputs: int, batch: int, patience: int) -> Choice:
    """Convolutions for images and spectra."""
    n, (channels, height, width) = len(samples), encoded.shape[1:]
    blocks = 2 if min(height, width) < 16 else 3 if min(height, width) < 48 else 4
    filters = 32 if min(height, width) < 16 else 24 if min(height, width) < 48 else 16
    rows, columns = (2, 2) if samples.kind == "images" else (max(1, height >> (blocks - 1)), 1)
    settings = {
        "channels": channels, "blocks": blocks, "width": filters, "rows": rows, "columns": columns, "outputs": outputs,
        "dropout": 0.3,
    }  # fmt: skip
    shift = max(1, min(height, width) // 16) if samples.kind == "images" else 0
    what = f"{height} x {width} pixels" if samples.kind == "images" else f"spectra of {height} bands and {width} frames"
    reasons = [
        f"{2 * blocks} convolutions with {filters} to {filters << (blocks - 1)} filters: for {n:,} {samples.kind} of {what}",
        _steps(batch, n),
    ]
    if shift:
        reasons.append(
            f"images are shifted by up to {shift} pixel{'s' * (shift > 1)} at random, but not mirrored: they may be letters"
        )
    return Choice("convolutional", settings, batch, 100, max(5, min(patience, 12)), 2e-3, 1e-2, shift, tuple(reasons))


def _steps(batch: int, n: int) -> str:
    return f"batches of {batch}: {-(-n // batch):,} steps of AdamW an epoch"
