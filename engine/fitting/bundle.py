"""Bundles: a trained model with all that is needed to use it, in one file of JSON and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples
from ..data.readers.samples import CLASSIFICATION
from ..errors import DataError
from ..io import save as save_state
from .encoders import Encoder
from .figures import Measured, measure
from .likeness import Likeness
from .report import Report
from .train import outputs_of, probabilities_of

if TYPE_CHECKING:
    from ..nn import Module

FORMAT, VERSION = "dlengine-bundle", 2
FILE = "bundle.safetensors"
"""The name of the file in a folder that ``dlengine fit`` writes."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one input.

    Parameters
    ----------
    place : str
        The file, or the file and line, or the number of the input.
    value : str, float or list of float
        The class, the number, the values of the next steps, or the characters that follow.
    confidence : float or None
        The probability of the class.
    probabilities : dict
        The probability of each class.
    error : float or None
        Of nine numbers in ten, the error is at most so large, by the validation data.
    warnings : tuple of str
        What is unlike the training data.

    Examples
    --------
    >>> dl.fitting.Prediction("new.png", "cat", 0.971, {"cat": 0.971, "dog": 0.029})
    Prediction(new.png: cat, 97.1 %)
    """

    place: str
    value: Any
    confidence: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    error: float | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.confidence is not None:
            told = f"{self.value}, {100 * self.confidence:.1f} %"
        elif isinstance(self.value, str):
            told = self.value
        elif isinstance(self.value, list):
            told = " ".join(f"{v:.6g}" for v in self.value)
        else:
            told = f"{self.value:.6g}"
        if self.error is not None:
            told += f" +- {self.error:.3g}"
        return f"{self.place}: {told}{' [' + '; '.join(self.warnings) + ']' if self.warnings else ''}"

    def __repr__(self) -> str:
        return f"Prediction({self})"

    def as_dict(self) -> dict[str, Any]:
        """The prediction for JSON.

        Returns
        -------
        dict
            Place, value, and what else there is.
        """
        found: dict[str, Any] = {"input": self.place, "prediction": self.value}
        if self.confidence is not None:
            found |= {"confidence": self.confidence, "probabilities": self.probabilities}
        if self.error is not None:
            found["error"] = self.error
        return found | ({"warnings": list(self.warnings)} if self.warnings else {})


def _version() -> str:
    """The version of the library, empty if it is not installed under its own name."""
    try:
        return version("dlengine-xp")
    except PackageNotFoundError:
        return ""


class Bundle:
    """A trained model with its preprocessing, its classes and the figures that it reached; ``fit`` makes one.

    Parameters
    ----------
    encoder : Encoder
        What makes the input of the network.
    choice : tuple of str and dict
        The name of the network and its settings.
    model : Module
        The trained network.
    report : Report
        What was found, chosen and measured.
    settings : dict
        Shift and scale of the target, the temperature of the scores, the usual error, the end of a series.
    likeness : Likeness or None
        What tells inputs that are unlike the training data.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 60)[:, None]
    >>> model = dl.fit(x, x[:, 0] > 0, seed=1, progress=False)
    >>> model.predict([[0.8]])[0].value
    'True'
    """

    def __init__(
        self,
        encoder: Encoder,
        choice: tuple[str, Mapping[str, Any]],
        model: Module,
        report: Report,
        settings: Mapping[str, Any],
        likeness: Likeness | None = None,
    ) -> None:
        self.encoder, self.network, self.model, self.report = encoder, (choice[0], dict(choice[1])), model, report
        self.settings, self.likeness = dict(settings), likeness

    @property
    def task(self) -> str:
        """The task: classification, regression or forecasting."""
        return self.report.task

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the outputs."""
        return self.report.classes

    def __repr__(self) -> str:
        what = f", {len(self.classes)} classes" if self.classes else ""
        return f"Bundle({self.task} of {self.encoder.kind}{what}, network {self.network[0]})"

    def predict(self, source: Any = None) -> list[Prediction]:
        """Predict files or values.

        Parameters
        ----------
        source : str, Path, array_like, or a list of them
            Files as ``fit`` read them, a table with the same columns (a file, a data frame, dicts), texts, or arrays. For a
            series, the values up to now; None continues the training data.

        Returns
        -------
        list of Prediction
            One for each input.

        Raises
        ------
        DataError
            If an input cannot be read; the message names file and line.

        Examples
        --------
        >>> model = dl.fit(np.sin(np.arange(200) / 2), progress=False)
        >>> len(model.predict()[0].value) == model.encoder.settings["horizon"]
        True
        """
        samples = source if isinstance(source, Samples) else self.encoder.read(source)
        if not len(samples):
            return []
        values, probabilities = self.values(samples)
        warnings = self.encoder.unlike(samples)
        if self.likeness is not None:
            features = self.encoder.features(self.encoder.encode(samples))
            warnings = [a + b for a, b in zip(warnings, self.likeness.unlike(features), strict=True)]
        found = []
        for i, place in enumerate(samples.places):
            if probabilities is None:
                found.append(Prediction(place, float(values[i]), error=self.settings.get("error"), warnings=tuple(warnings[i])))
            else:
                by_class = dict(zip(self.classes, probabilities[i].tolist(), strict=True))
                found.append(
                    Prediction(place, str(values[i]), float(probabilities[i].max()), by_class, warnings=tuple(warnings[i]))
                )
        return found

    def values(self, samples: Samples) -> tuple[HostArray, HostArray | None]:
        """Predicted classes or numbers of samples, and the probabilities of the classes.

        Parameters
        ----------
        samples : Samples
            N samples.

        Returns
        -------
        values : numpy.ndarray
            Classes as strings or numbers (N,).
        probabilities : numpy.ndarray or None
            Probabilities (N,V) in the order of ``classes``.
        """
        outputs = outputs_of(self.model, self.encoder, samples)
        if self.task == CLASSIFICATION:
            p = probabilities_of(outputs, self.settings["temperature"])
            return np.array(self.classes)[p.argmax(axis=1)], p
        return outputs[:, 0].astype(np.float64) * self.settings["scale"] + self.settings["shift"], None

    def read_with_targets(self, path: str | Path, target: str | None = None) -> Samples:
        """Read data with targets in the form that the model was trained on, to evaluate it.

        Parameters
        ----------
        path : str or Path
            A file or folder as ``fit`` read it.
        target : str, optional
            The column with the truth, by default the one of the training data.

        Returns
        -------
        Samples
            The samples.

        Raises
        ------
        DataError
            If the data cannot be read, or have other columns.
        """
        return self.encoder.with_targets(Path(path), self.task, target or self.settings.get("target"))

    def evaluate(self, samples: Samples) -> list[Measured]:
        """Measure the model on samples with targets.

        Parameters
        ----------
        samples : Samples
            Samples that were not trained on, from ``dl.data.read``.

        Returns
        -------
        list of Measured
            The figures with confidence intervals.

        Raises
        ------
        DataError
            If the samples are of another kind or task, or have a class that the model does not know.

        Examples
        --------
        >>> x = np.linspace(-1, 1, 60)[:, None]
        >>> model = dl.fit(x, x[:, 0] > 0, progress=False)
        >>> model.evaluate(dl.data.samples_of_arrays(x, x[:, 0] > 0))[0].value > 0.9
        True
        """
        if samples.kind != self.encoder.kind or samples.task != self.task:
            raise DataError(f"the model does {self.task} of {self.encoder.kind}, the data are {samples.kind} for {samples.task}")
        return self._measured(samples)

    def _measured(self, samples: Samples) -> list[Measured]:
        """The figures on samples of the right kind."""
        unknown = sorted(set(samples.classes) - set(self.classes))
        if unknown:
            raise DataError(f"the model does not know the class {unknown[0]!r}; it knows {', '.join(self.classes[:10])}")
        targets: Any = samples.targets
        return measure(self.task, targets, self.values(samples)[0])

    def save(self, path: str | Path) -> Path:
        """Write the bundle as one file: JSON and weights in the safetensors format, no code.

        Parameters
        ----------
        path : str or Path
            The file; in a folder that exists, it gets the name ``bundle.safetensors``.

        Returns
        -------
        Path
            The file.

        Examples
        --------
        >>> x = np.linspace(-1, 1, 60)[:, None]
        >>> path = dl.fit(x, 2 * x[:, 0], progress=False).save("line.safetensors")
        >>> dl.load(path).task
        'regression'
        """
        path = Path(path)
        path = path / FILE if path.is_dir() else path
        state = {
            "bundle": FORMAT, "version": VERSION, "dlengine": _version(),
            "encoder": {"kind": self.encoder.kind, "settings": self.encoder.settings},
            "network": {"name": self.network[0], "settings": self.network[1]}, "weights": dict(self.model.state_dict()),
            "report": self.report.as_dict(), "settings": self.settings,
            "likeness": None if self.likeness is None else self.likeness.state(),
        }  # fmt: skip
        save_state(path, state)
        return path

    def export(self, path: str | Path, opset: int = 18) -> Path:
        """Write the network as an ONNX model, which other programs run, and beside it NAME.json with classes and preprocessing.

        The model takes any number of samples: of images their pixels, otherwise what the encoder makes of them. It gives
        probabilities of classes, or numbers in the unit of the target.

        Parameters
        ----------
        path : str or Path
            The ONNX file.
        opset : int, default 18
            The version of ONNX's operators, 18 to 23.

        Returns
        -------
        Path
            The JSON file.

        Raises
        ------
        BackendUnavailable
            If the package onnx is not installed.

        Examples
        --------
        >>> x = np.linspace(-1, 1, 60)[:, None]
        >>> model = dl.fit(x, x[:, 0] > 0, progress=False)
        >>> about = model.export("sign.onnx")
        >>> dl.io.onnx.load("sign.onnx")(dl.zeros((5, 2))).shape
        (5, 2)
        """
        from .exporting import export

        return export(self, path, opset)
