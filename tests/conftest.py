"""Settings and fixtures for every test."""

from __future__ import annotations

import os

# Figures are files here: no test may open a window or look for a display.
os.environ.setdefault("MPLBACKEND", "Agg")
