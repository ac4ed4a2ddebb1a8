"""From data of one's own to a model that others can use: fit, bundles, and their predictions.

The shortest programs, which the command line does too (``dlengine fit``, ``predict``, ``eval``, ``serve``):

>>> model = dl.fit("photos")                        # a folder of images by class, a CSV table, a series, sounds, an NPZ file
>>> model = dl.fit(x, y)                            # arrays, texts, or a data frame with target="price"
>>> print(model.report)                             # the figures on the test split, beside a simple baseline
>>> model.save("photos.safetensors")                # one file: JSON and weights, no code
>>> dl.load("photos.safetensors").predict("new.png")
[Prediction(new.png: cat, 97.1 %)]

Each step can be had alone: ``dl.data.read`` reads and checks, ``divide`` splits, ``choose`` says which network and settings and
why, ``encoder_for`` makes the numbers that a network takes, ``network`` builds one by name, ``baseline`` is what a model has to
surpass, and ``measure`` computes figures with confidence intervals.
"""

from __future__ import annotations

from .baselines import baseline
from .bundle import Bundle, Prediction
from .choice import Choice, choose
from .encoders import Encoder
from .encoding import encoder_for
from .figures import Measured, measure
from .from_data import fit
from .loading import load
from .networks import network
from .report import Report
from .splits import Division, divide

__all__ = [
    "Bundle", "Choice", "Division", "Encoder", "Measured", "Prediction", "Report", "baseline", "choose", "divide", "encoder_for",
    "fit", "load", "measure", "network",
]  # fmt: skip
