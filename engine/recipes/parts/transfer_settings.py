"""Settings of recipes that share features."""

from __future__ import annotations

from ..recipe import Setting

DATA = Setting("mnist", "the images", choices=("digits", "mnist"))


BATCH = Setting(32, "samples in a step", low=1)
