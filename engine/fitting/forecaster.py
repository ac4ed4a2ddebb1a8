"""Bundles that forecast series."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples
from ..data.readers.samples import FORECASTING
from ..errors import CheckpointError, DataError
from .bundle import Bundle, Prediction
from .encode_series import SeriesEncoder
from .figures import Measured, measure
from .train import outputs_for


class Forecaster(Bundle):
    """A bundle whose network corrects simple forecasts of a series."""

    @property
    def series(self) -> SeriesEncoder:
        """The encoder. Raises CheckpointError if it is of another kind."""
        if not isinstance(self.encoder, SeriesEncoder):
            raise CheckpointError("the bundle forecasts, but has no series")
        return self.encoder

    def predict(self, source: Any = None) -> list[Prediction]:
        if source is None:
            return self._forecast(self._end(), True)
        return self._forecast(source if isinstance(source, Samples) else self.encoder.read(source), False)

    def _measured(self, samples: Samples) -> list[Measured]:
        said, true = self.forecasts(samples, 0, len(samples))
        return measure(FORECASTING, true, said, block=said.shape[1])

    def _end(self) -> Samples:
        """The end of the series that was trained on."""
        values, times = np.array(self.settings["end"]), self.settings.get("times")
        places = [str(self.settings["place"])] * len(values)
        return Samples("series", values, FORECASTING, None, places, ordered=True, settings={"times": times})

    def _forecast(self, samples: Samples, own: bool) -> list[Prediction]:
        """The next values of a series."""
        encoder = self.series
        if encoder.settings["calendar"] and not samples.settings.get("times"):
            raise DataError("predict: the model looks at the calendar: give a file with a column of times")
        features, base = encoder.at_end(samples)
        change = outputs_for(self.model, lambda rows: features[rows], 1)
        values = encoder.unscaled(base + change * encoder.settings["scale"])[0]
        place = f"after {samples.places[-1]}"
        warnings = () if own else tuple(encoder.unlike(samples)[0])
        return [Prediction(place, values.tolist(), error=self.settings.get("error"), warnings=warnings)]

    def forecasts(self, samples: Samples, first: int, last: int) -> tuple[HostArray, HostArray]:
        """The forecasts whose steps lie in a part of a series, and what came.

        Parameters
        ----------
        samples : Samples
            A series.
        first, last : int
            The first step of the part, and the step after the last.

        Returns
        -------
        said, true : numpy.ndarray
            Forecasts and values (M,h).
        """
        encoder = self.series
        found = encoder.windows(samples, first, last)
        features = found.features.astype(np.float32)
        change = outputs_for(self.model, lambda rows: features[rows], len(features))
        said = encoder.unscaled(found.base + change * encoder.settings["scale"])
        return said, encoder.unscaled(found.targets)
