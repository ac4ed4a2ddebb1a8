"""Named experiments with the figures that each must reach."""

from __future__ import annotations

from . import adding as adding
from . import addition as addition
from . import adversarial as adversarial

# One line for each file of recipes; importing it makes them known.
from . import autoencoder as autoencoder
from . import captions as captions
from . import characters as characters
from . import clips as clips
from . import coding as coding
from . import convnets as convnets
from . import cycles as cycles
from . import depth as depth
from . import digits as digits
from . import domains as domains
from . import edges as edges
from . import few_shot as few_shot
from . import forecasting as forecasting
from . import gans as gans
from . import linear as linear
from . import metric as metric
from . import perceptrons as perceptrons
from . import ravine as ravine
from . import regularised as regularised
from . import residual as residual
from . import sequences as sequences
from . import signals as signals
from . import stacked as stacked
from . import text2image as text2image
from . import transfer as transfer
from . import translation as translation
from . import variational as variational
from . import word_vectors as word_vectors
from . import words as words
from .experiment import Classifier, Experiment, Prediction, Stage
from .gallery import finished, gallery
from .recipe import RECIPES, Figure, Recipe, Scale, Setting, find
from .run import Run, evaluate, first_values, restored, resume, train
from .use import explain, predict, use

__all__ = [
    "RECIPES", "Classifier", "Experiment", "Figure", "Prediction", "Recipe", "Run", "Scale", "Setting", "Stage", "evaluate",
    "explain", "find", "finished", "first_values", "gallery", "predict", "restored", "resume", "train", "use",
]  # fmt: skip
