"""Computes the navigation of the source pages once for all of one depth, not for each of two hundred: a third of the build."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

FOLDER = "_modules/"


def setup(app: Sphinx) -> dict[str, bool]:
    made: dict[tuple[int, str], Any] = {}

    def share(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
        if page.startswith(FOLDER):
            toctree = context["toctree"]

            def once(**options: Any) -> Any:
                key = (page.count("/"), repr(options))  # the links are relative, and none of these pages is in the tree
                if key not in made:
                    made[key] = toctree(**options)
                return made[key]

            context["toctree"] = once

    app.connect("html-page-context", share, priority=100)  # before the theme
    return {"parallel_read_safe": True}
