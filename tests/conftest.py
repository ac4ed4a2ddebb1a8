"""Settings and fixtures for every test."""

from __future__ import annotations

import os

# Figures are files here: no test may open a window or look for a display.
os.environ.setdefault("MPLBACKEND", "Agg")
# Enough to find what goes wrong between threads, few enough for two test processes on a small machine.
os.environ.setdefault("NUMBA_NUM_THREADS", "2")
