"""``fit``: from data to a bundle, in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples, read, samples_of_arrays
from ..data.readers.samples import CLASSIFICATION, FORECASTING, GENERATION
from ..errors import ConfigError, DataError
from ..generator import default_generator
from ..nn import Module
from .baselines import baseline, linear_map, spread
from .bundle import Bundle
from .choice import choose
from .deadline import Deadline
from .encoding import encoder_for
from .figures import measure
from .from_sequence import fit_series, fit_text
from .likeness import Likeness
from .networks import network, start_from_linear
from .report import Report
from .reporting import Say, reported, split_line
from .splits import Division, divide
from .train import BATCH, EncodedDataset, outputs_for, temperature_of, train


def fit(
    data: Any,
    y: Any = None,
    *,
    task: str | None = None,
    time: float | str | None = None,
    seed: int = 0,
    progress: bool | Say = True,
    **options: Any,
) -> Bundle:
    """Make a model from data: read and check, split, choose a network, train it, and measure it once on the test part.

    Parameters
    ----------
    data : str, Path, Samples, or array_like
        A folder of images, sounds or texts by class; a CSV or Parquet table; a CSV series; a text file; an NPZ file; or arrays,
        texts or a data frame.
    y : array_like, optional
        Targets (N,) of arrays: classes or numbers.
    task : {"classification", "regression", "forecasting", "generation"}, optional
        By default what the data tell.
    time : float or str, optional
        The most seconds for everything, from reading to the figures, or "90s", "5m", "1h". To keep it, the training ends early,
        and of large data a part is used, with a note that begins with "cut short".
    seed : int, default 0
        Seed of the split, the initial weights and the order of the samples.
    progress : bool or callable
        Print what is found, chosen and reached; or a function that gets each line.
    **options : Any
        Options of the reader: ``target`` and ``group`` name columns, ``horizon`` the steps of a forecast.

    Returns
    -------
    Bundle
        The model with its report.

    Raises
    ------
    DataError
        If the data cannot be used; the message names file and line.
    ConfigError
        If an option does not exist.

    See Also
    --------
    load : Read a bundle that was saved.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 3))
    >>> model = dl.fit(x, np.where(x[:, 0] > x[:, 1], "left", "right"), progress=False)
    >>> model.predict(np.array([[2.0, -2.0, 0.0]]))[0].value
    'left'
    """
    deadline = Deadline(None if time is None else parse_time(time))
    say: Say = progress if callable(progress) else (lambda line: print(line, flush=True)) if progress else (lambda line: None)
    samples = deadline.shortened(_samples(data, y, task, options, deadline), seed)
    found = samples.findings()
    for line in found:
        say(line)
    state = default_generator.state_dict()
    default_generator.manual_seed(seed)
    try:
        maker = {FORECASTING: fit_series, GENERATION: fit_text}.get(str(samples.task), _fit_samples)
        return maker(samples, divide(samples, seed), tuple(found), say, (deadline, seed, progress is True))
    finally:
        default_generator.load_state_dict(state)


def parse_time(text: float | str) -> float:
    """Seconds of a number, or of "90s", "5m", "1h". Raises ConfigError."""
    try:
        unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:]) if isinstance(text, str) else None
        seconds = float(text[:-1]) * unit if isinstance(text, str) and unit else float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"time must be seconds above 0, or like 90s, 5m or 1h; got {text!r}")
    return seconds


def _samples(data: Any, y: Any, task: str | None, options: dict[str, Any], deadline: Deadline) -> Samples:
    """What there is to learn from."""
    if isinstance(data, Samples):
        if y is not None or options:
            raise ConfigError("fit: Samples have their targets and options: leave out the others")
        samples = data
    elif isinstance(data, str | Path):
        if y is not None:
            raise ConfigError("fit: a path has its own targets: leave out y, or name a column by target=")
        samples = read(data, task=task, seconds=deadline.for_reading(), **options)
    else:
        known = ("target", "group", "horizon")
        wrong = [name for name in options if name not in known]
        if wrong:
            raise ConfigError(f"fit: no option {wrong[0]!r}; there are {', '.join(known)}")
        samples = samples_of_arrays(data, y, task=task, **options)
    if samples.task is None or (samples.targets is None and samples.task not in (FORECASTING, GENERATION)):
        raise DataError("fit: the samples have no targets")
    return samples


def _fit_samples(
    samples: Samples, division: Division, found: tuple[str, ...], say: Say, run: tuple[Deadline, int, bool]
) -> Bundle:
    """A bundle for classification or regression."""
    deadline, seed, bar = run
    parts = [samples.take(rows) for rows in (division.train, division.validation, division.test)]
    classes = samples.classes
    _check_known(parts, classes)
    encoder = encoder_for(parts[0])
    choice = choose(parts[0], encoder, encoder.encode(parts[0].take(np.arange(min(2, len(parts[0]))))))
    chosen = [split_line(division), *choice.reasons]
    for line in chosen:
        say(line)
    settings: dict[str, Any] = {"target": samples.settings.get("target")}
    if samples.task == CLASSIFICATION:
        numbers = {name: k for k, name in enumerate(classes)}
        targets: list[HostArray] = [np.array([numbers[str(t)] for t in _known(p)], dtype=np.int64) for p in parts]
    else:
        shift, scale = float(_known(parts[0]).mean()), float(_known(parts[0]).std()) or 1.0
        settings |= {"shift": shift, "scale": scale}
        targets = [((_known(p) - shift) / scale).astype(np.float32)[:, None] for p in parts]
    sets = [EncodedDataset(parts[k], encoder, targets[k], choice.shift if k == 0 else 0, seed) for k in (0, 1)]
    settings_of_network = choice.settings
    simple = baseline(parts[0], parts[2], encoder, deadline.for_reading())
    model = network(choice.network, settings_of_network)
    if choice.network == "dense" and samples.task != CLASSIFICATION:
        x, y = sets[0].batch(spread(len(parts[0])))
        start_from_linear(model, *linear_map(x.astype(np.float64), y[:, 0].astype(np.float64)))
    few = min(BATCH, len(parts[1]))
    deadline.keep(deadline.timed(lambda: _outputs(model, sets[1], few)) * (2 * len(parts[1]) + len(parts[2])) / few)
    history, ended = train(model, choice, str(samples.task), sets, until=deadline.training, progress=bar)
    say(ended)
    checked = _outputs(model, sets[1], len(parts[1]))
    if samples.task == CLASSIFICATION:
        settings["temperature"] = temperature_of(checked, targets[1])
    else:
        settings["error"] = float(np.quantile(np.abs(checked[:, 0] - targets[1][:, 0]), 0.9)) * settings["scale"]
    likeness = None
    if samples.kind in ("images", "sounds"):
        likeness = Likeness.fitted(*(encoder.features(encoder.encode(_few(p))) for p in parts[:2]))
    report = Report(found, (*chosen, ended), {}, history, {}, str(samples.task), tuple(classes))
    bundle = Bundle(encoder, (choice.network, settings_of_network), model.eval(), report, settings, likeness)
    said, truth = bundle.values(parts[2])[0], _known(parts[2])
    figures = {"this model": measure(str(samples.task), truth, said)}
    for name, answers in simple.items():
        figures[name] = measure(str(samples.task), truth, answers)
    return reported(bundle, figures, {"targets": truth, "predicted": said}, say)


def _outputs(model: Module, samples: EncodedDataset, n: int) -> HostArray:
    """The outputs of a model for the first n samples."""
    return outputs_for(model, lambda rows: samples.batch(rows)[0], n)


def _known(samples: Samples) -> HostArray:
    """The targets. Raises DataError if there are none."""
    if samples.targets is None:
        raise DataError("fit: the samples have no targets")
    return samples.targets


def _check_known(parts: list[Samples], classes: list[str]) -> None:
    """Raise DataError if the test part has a class that the training part lacks."""
    if classes:
        lacking = sorted(set(classes) - set(parts[0].classes))
        if lacking:
            raise DataError(f"the class {lacking[0]!r} is in no training sample")


def _few(samples: Samples, most: int = 2000) -> Samples:
    """At most so many samples, evenly spaced."""
    return samples if len(samples) <= most else samples.take(np.linspace(0, len(samples) - 1, most).astype(np.int64))
