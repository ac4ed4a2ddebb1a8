"""From a series to a bundle that forecasts, and from a text to a bundle that writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..data import ArrayDataset, TextWindows
from ..data.readers import Samples
from ..data.readers.samples import FORECASTING, GENERATION
from ..errors import DataError
from .bundle import Bundle
from .choice import choose
from .deadline import Deadline
from .encode_series import SeriesEncoder
from .encode_text import CharacterEncoder
from .encoding import encoder_for
from .figures import measure, measure_bits
from .forecaster import Forecaster
from .networks import network
from .report import Report
from .reporting import Say, reported, split_line
from .splits import Division
from .train import BATCH, outputs_for, train
from .writer import Writer, context_bits


def fit_series(
    samples: Samples, division: Division, found: tuple[str, ...], say: Say, run: tuple[Deadline, int, bool]
) -> Bundle:
    """A bundle that forecasts."""
    deadline, _, bar = run
    first, last = len(division.train), len(division.train) + len(division.validation)
    encoder = encoder_for(samples.take(np.arange(first)) if not samples.settings.get("times") else _prefix(samples, first))
    if not isinstance(encoder, SeriesEncoder):
        raise DataError("fit: a forecast needs a series")
    if encoder.settings["log"] and samples.inputs.min() <= 0:
        raise DataError(f"{samples.places[int(samples.inputs.argmin())]}: the value is not above 0, as all earlier ones are")
    s = encoder.settings
    scale = s["scale"]
    sets = list[ArrayDataset]()
    for a, b in ((encoder.before, first), (first, last)):
        w = encoder.windows(samples, a, b)
        sets.append(ArrayDataset(w.features.astype(np.float32), ((w.targets - w.base) / scale).astype(np.float32)))
    choice = choose(samples.take(np.arange(first)), encoder, encoder.windows(samples, encoder.before, first).features[:1])
    season = f"a season of {s['season']} steps" if s["season"] > 1 else "no season"
    chosen = [
        split_line(division),
        f"{season}{', changes grow with the level: logarithms' if s['log'] else ''}; forecasts of {s['horizon']} steps from "
        f"the last {encoder.before} values",
        *choice.reasons,
    ]
    for line in chosen:
        say(line)
    model = network(choice.network, choice.settings)
    few = sets[1].batch(np.arange(min(BATCH, len(sets[1]))))[0]
    batches = (3 * len(sets[1]) + len(division.test)) / len(few)
    deadline.keep(batches * deadline.timed(lambda: outputs_for(model, lambda rows: few[rows], len(few))))
    history, ended = train(model, choice, FORECASTING, sets, until=deadline.training, progress=bar)
    say(ended)
    settings: dict[str, Any] = {"place": samples.places[-1], "end": samples.inputs[-encoder.before - 1 :].tolist()}
    if samples.settings.get("times"):
        settings["times"] = list(samples.settings["times"][-encoder.before - 1 :])
    report = Report(found, (*chosen, ended), {}, history, {}, FORECASTING)
    bundle = Forecaster(encoder, (choice.network, choice.settings), model.eval(), report, settings)
    said, true = bundle.forecasts(samples, first, last)
    bundle.settings["error"] = float(np.quantile(np.abs(said - true), 0.9))
    said, true = bundle.forecasts(samples, last, len(samples))
    figures = {"this model": measure(FORECASTING, true, said, block=s["horizon"])}
    windows = encoder.windows(samples, last, len(samples))
    for name, simple in encoder.naive(samples, windows).items():
        figures[name] = measure(FORECASTING, true, simple, block=s["horizon"])
    return reported(bundle, figures, {"targets": true, "predicted": said}, say)


def _prefix(samples: Samples, n: int) -> Samples:
    """The first n values of a series with their times."""
    settings = {**samples.settings, "times": samples.settings["times"][:n]}
    return replace(samples.take(np.arange(n)), settings=settings)


def fit_text(
    samples: Samples, division: Division, found: tuple[str, ...], say: Say, run: tuple[Deadline, int, bool]
) -> Bundle:
    """A bundle that continues texts."""
    deadline, _, bar = run
    parts = [samples.take(rows) for rows in (division.train, division.validation, division.test)]
    encoder = encoder_for(parts[0])
    if not isinstance(encoder, CharacterEncoder):
        raise DataError("fit: writing needs a text")
    length = encoder.settings["length"]
    numbers = [encoder.encode(part) for part in parts]
    if len(numbers[1]) <= length:
        raise DataError(f"{samples.places[0]}: {len(samples):,} characters are too few to learn to write")
    choice = choose(parts[0], encoder, numbers[0][:1])
    chosen = [split_line(division), *choice.reasons]
    for line in chosen:
        say(line)
    model = network(choice.network, choice.settings)
    few = TextWindows(numbers[1], length).batch(np.arange(min(BATCH, (len(numbers[1]) - 1) // length)))[0]
    seconds = 2 * deadline.timed(lambda: outputs_for(model, lambda rows: few[rows], len(few)))
    most = deadline.affordable(seconds, -(-len(numbers[2]) // (length * BATCH))) * length * BATCH
    if most < len(numbers[2]):
        say(cut := f"cut short: validated and measured on {most:,} characters each, for want of time")
        chosen.append(cut)
        numbers[1:] = [n[: most + 1] for n in numbers[1:]]
    deadline.keep(seconds * most / (length * BATCH))
    sets = [TextWindows(n, length) for n in numbers[:2]]
    history, ended = train(model, choice, GENERATION, sets, until=deadline.training, progress=bar)
    say(ended)
    report = Report(found, (*chosen, ended), {}, history, {}, GENERATION)
    bundle = Writer(encoder, (choice.network, choice.settings), model.eval(), report, {})
    figures = {"this model": [measure_bits(bundle.bits(numbers[2]))]}
    for name, context in (("characters by frequency", 0), ("the last three characters", 3)):
        bits = context_bits(numbers[0], numbers[2], context, choice.settings["vocabulary"])
        figures[name] = [measure_bits(bits[: len(bits) // length * length].reshape(-1, length))]
    return reported(bundle, figures, {}, say)
