"""Figures and HTML pages: the one place that knows how results look."""

from __future__ import annotations

from .figures import COLOURS, STYLE, label_axes, new_figure, png, save_figure
from .page import Page, Span

__all__ = ["COLOURS", "STYLE", "Page", "Span", "label_axes", "new_figure", "png", "save_figure"]
