"""The directives of the API pages, and the role of a name in backticks.

``.. entries:: MODULE`` lists public names, one a line, and makes a table of their first lines and an entry of each.
``.. aliases:: MODULE`` makes a table of links to the entries that a module offers under its own name too.
A name in single backticks, as `dl.nn.Linear` or `nn.Linear`, links to its entry, and is code where there is none.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from pages import entries, parse
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.util.docutils import SphinxDirective, SphinxRole

WITH_BASES = ("dlengine.training.Trainer", "dlengine.Tensor")
"""Classes that are written in several files: their members are shown with those of their bases."""


def value_of(full_name: str) -> Any:
    """The object of a full name such as dlengine.nn.Linear."""
    module, _, name = full_name.rpartition(".")
    return getattr(import_module(module), name)


all_entries = cache(entries)


@cache
def names_by_object() -> dict[int, str]:
    """Identity of every function and class of the reference to the name under which it stands."""
    found = {}
    for _, name, text in all_entries():
        if not text:
            found.setdefault(id(value_of(name)), name)
    return found


def _directive(full_name: str, text: str) -> list[str]:
    """The lines that document one name."""
    if text:
        return [f".. py:data:: {full_name}", "", f"   {text}", ""]
    value = value_of(full_name)
    if not inspect.isclass(value):
        return [f".. autofunction:: {full_name}", ""]
    kind = "autoexception" if issubclass(value, Exception) else "autoclass"
    options = ["   :show-inheritance:"] if kind == "autoexception" else ["   :members:"]
    if full_name in WITH_BASES:
        options.append("   :inherited-members: object")
    return [f".. {kind}:: {full_name}", *options, ""]


class Entry(SphinxRole):
    """A name in single backticks: `dl.tensor`, `nn.Linear`, or of the module that is being documented."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        names = {name for _, name, _ in all_entries()}
        here = str(self.env.ref_context.get("py:module", "dlengine"))
        written = self.text.removeprefix("dl.").removesuffix("()")
        found = next((name for name in (f"{here}.{written}", f"dlengine.{written}", written) if name in names), None)
        if found is None:
            return [nodes.literal(self.rawtext, self.text)], []
        return PyXRefRole()("py:obj", "", f"{self.text} <{found}>", self.lineno, self.inliner, {}, [])


class Entries(SphinxDirective):
    """``.. entries:: MODULE``, with names, or ``name: text`` for a constant, one a line."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        module = self.arguments[0]
        names = parse(list(self.content))
        lines = [f".. py:currentmodule:: {module}", ""]
        documented = [name for name, text in names.items() if not text]
        if len(documented) > 1:
            lines += [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in documented), ""]
        for name, text in names.items():
            lines += _directive(f"{module}.{name}", text)
        return list(_parsed(self, lines))


class Aliases(SphinxDirective):
    """``.. aliases:: MODULE``: what else the module offers, each a link to the entry of the same object."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module = import_module(self.arguments[0])
        known = names_by_object()
        lines = [".. hlist::", "   :columns: 3", ""]
        for name, value in sorted(vars(module).items()):
            entry = known.get(id(value))
            if not name.startswith("_") and entry and entry != f"{module.__name__}.{name}":
                lines.append(f"   * :py:obj:`{name} <{entry}>`")
        return list(_parsed(self, lines))


def _parsed(directive: SphinxDirective, lines: list[str]) -> Iterator[nodes.Node]:
    container = nodes.Element()
    directive.state.nested_parse(StringList(lines, directive.get_source_info()[0]), directive.content_offset, container)
    yield from container.children


def _made_by_others(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the methods that scikit-learn writes into estimators (set_fit_request and so on): its manual has them."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing", name) else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-skip-member", _made_by_others)
    app.add_role("entry", Entry())
    app.add_directive("entries", Entries)
    app.add_directive("aliases", Aliases)
    return {"parallel_read_safe": True}
