"""HTML pages in one style: each page is one file that holds its pictures, and all text in it is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from ..io import write_atomically
from .figures import DPI

STYLE = """
:root { color-scheme: light; --ink: #222; --soft: #666; --line: #ddd; --good: #146c2e; --bad: #b3261e; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #fff; max-width: 75rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .2rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
p, ul { max-width: 60rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
td, th { padding: .25rem 1.2rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { border-bottom: 2px solid #888; white-space: nowrap; }
.numbers td, .numbers th { text-align: right; white-space: nowrap; }
.numbers td:first-child, .numbers th:first-child { text-align: left; }
tbody tr:hover { background: #f4f4f4; }
.good, .good a { color: var(--good); } .bad, .bad a { color: var(--bad); } .soft { color: var(--soft); }
tr.failed { background: #fdd; font-weight: 600; }
figure { margin: 1rem 1.5rem 1rem 0; display: inline-block; vertical-align: top; max-width: 100%; }
figure img { max-width: 100%; height: auto; } figcaption { color: var(--soft); max-width: 40rem; }
pre { white-space: pre-wrap; font: inherit; color: var(--soft); max-width: 55rem; }
"""


class Span(NamedTuple):
    """A piece of text in a page with a colour, an explanation or a link.

    Parameters
    ----------
    text : str
        The text that is shown.
    kind : {"", "good", "bad", "soft"}, optional
        The colour: green, red or grey.
    tip : str, optional
        Text that appears when the pointer rests on the piece.
    link : str, optional
        The anchor of a section of the same page that a click leads to.

    Examples
    --------
    >>> from dlengine.show import Page, Span
    >>> page = Page("runs")
    >>> page.paragraph(Span("accuracy 98 %", "good", tip="reached"))
    >>> '<span class="good" title="reached">accuracy 98 %</span>' in page.html()
    True
    """

    text: str
    kind: str = ""
    tip: str = ""
    link: str = ""


Content = str | Span | Sequence[Span]
"""Plain text, one piece of text, or several pieces below one another."""


class Page:
    """An HTML page that is put together from top to bottom and holds everything that it shows.

    Parameters
    ----------
    title : str
        The title of the window and the first heading.

    Examples
    --------
    >>> from dlengine.show import Page
    >>> page = Page("Results")
    >>> page.section("Accuracy")
    >>> page.table(["model", "accuracy"], [["a < b", "98 %"]])
    >>> "<td>a &lt; b</td>" in page.html()
    True
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]

    def section(self, title: str, *, anchor: str = "") -> None:
        """Begin a section.

        Parameters
        ----------
        title : str
            Its heading.
        anchor : str, optional
            The name by which links of the page lead to it.
        """
        name = f' id="{escape(anchor)}"' if anchor else ""
        self._parts.append(f"<h2{name}>{escape(title)}</h2>")

    def paragraph(self, content: Content, kind: str = "") -> None:
        """Add a paragraph.

        Parameters
        ----------
        content : str, Span or sequence of Span
            Its text.
        kind : {"", "good", "bad", "soft"}, optional
            The colour of all of it.
        """
        self._parts.append(f"<p{_class(kind)}>{_html(content)}</p>")

    def bullets(self, lines: Iterable[Content], kind: str = "") -> None:
        """Add a bulleted list; nothing if there are no lines.

        Parameters
        ----------
        lines : iterable of str, Span or sequence of Span
            One entry each.
        kind : {"", "good", "bad", "soft"}, optional
            The colour of all of it.
        """
        entries = "".join(f"<li>{_html(line)}</li>" for line in lines)
        if entries:
            self._parts.append(f"<ul{_class(kind)}>{entries}</ul>")

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[Content]],
        *,
        kinds: Iterable[str] = (),
        numbers: bool = False,
    ) -> None:
        """Add a table.

        Parameters
        ----------
        headings : sequence of str
            One for each column; an empty sequence leaves the line of headings out.
        rows : iterable of sequence of str, Span or sequence of Span
            The cells of each row.
        kinds : iterable of {"", "good", "bad", "soft", "failed"}, optional
            The colour of each row; ``failed`` is a red background.
        numbers : bool, optional
            Whether all columns but the first hold numbers, which are aligned at the right.
        """
        rows = list(rows)
        marks = list(kinds) or [""] * len(rows)
        head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
        body = "\n".join(
            f"<tr{_class(mark)}>{''.join(f'<td>{_html(cell)}</td>' for cell in row)}</tr>"
            for row, mark in zip(rows, marks, strict=True)
        )
        top = f"<thead><tr>{head}</tr></thead>" if head else ""
        self._parts.append(
            f'<div class="table"><table{_class("numbers" if numbers else "")}>{top}<tbody>\n{body}\n</tbody></table></div>'
        )

    def picture(self, content: bytes, caption: str) -> None:
        """Add a picture with its caption, in the size in inches that the figure was made with.

        Parameters
        ----------
        content : bytes
            The content of a PNG file.
        caption : str
            What the picture shows.
        """
        data = base64.b64encode(content).decode()
        text = escape(caption)
        width = 96 * int.from_bytes(content[16:20], "big") // DPI  # the header of a PNG file; a CSS inch has 96 pixels
        self._parts.append(
            f'<figure><img alt="{text}" width="{width}" src="data:image/png;base64,{data}">'
            f"<figcaption>{text}</figcaption></figure>"
        )

    def details(self, summary: str, text: str) -> None:
        """Add a text that is folded away until a click on its summary.

        Parameters
        ----------
        summary : str
            The line that is always seen.
        text : str
            The text below it; its line breaks are kept.
        """
        self._parts.append(f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>")

    def html(self) -> str:
        """Return the page.

        Returns
        -------
        str
            The content of an HTML file that refers to no other file.
        """
        body = "\n".join(self._parts)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
        )

    def write(self, path: str | Path) -> None:
        """Write the page as a file, in one step: a reader never sees half a page.

        Parameters
        ----------
        path : str or Path
            The file to write; an existing one is replaced. Characters that UTF-8 cannot hold become question marks.
        """
        write_atomically(path, self.html().encode(errors="replace"))


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _html(content: Content) -> str:
    """Content as HTML; the pieces of a sequence are lines of their own."""
    if isinstance(content, str):
        return escape(content)
    if isinstance(content, Span):
        return _span(content)
    return "<br>".join(_span(piece) for piece in content)


def _span(piece: Span) -> str:
    text = escape(piece.text)
    if piece.link:
        text = f'<a href="#{escape(piece.link)}">{text}</a>'
    if not piece.kind and not piece.tip:
        return text
    tip = f' title="{escape(piece.tip)}"' if piece.tip else ""
    return f"<span{_class(piece.kind)}{tip}>{text}</span>"
