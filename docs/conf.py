"""Sphinx settings: ``pip install -e '.[docs]'``, then ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "extensions")]

project = "dlengine"
author = "the dlengine developers"
copyright = author
version = release = installed("dlengine-xp")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "entries",
    "formulas",
    "recipe_links",
    "recipe_sections",
    "benchmark_table",
    "source_pages",
]
exclude_patterns = ["_build", "pictures"]
default_role = "entry"  # `lstm` in a docstring links to the entry of that name
smartquotes = False  # x' is a symbol

autodoc_typehints = "none"  # the Parameters sections say the types
autodoc_inherit_docstrings = False  # a layer's forward has no text of its own
autodoc_member_order = "bysource"
autosummary_generate = False  # the pages in api/ name every entry
numpydoc_show_class_members = False
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = f"dlengine {release}"
html_static_path = ["_static"]
html_css_files = ["entries.css"]
html_copy_source = False
toc_object_entries_show_parents = "hide"
