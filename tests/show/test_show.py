"""Figures and pages: escaped text, pages that need no other file, and one place that makes them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlengine.show import Page, Span, label_axes, new_figure, png

ROOT = Path(__file__).parents[2]
SCRIPT = "<script>alert('\"')</script>"


def test_all_text_is_escaped() -> None:
    page = Page(SCRIPT)
    page.section(SCRIPT, anchor=SCRIPT)
    page.paragraph(SCRIPT)
    page.paragraph([Span(SCRIPT, "good", tip=SCRIPT, link=SCRIPT), Span(SCRIPT)])
    page.bullets([SCRIPT, Span(SCRIPT)])
    page.table([SCRIPT], [[SCRIPT], [[Span(SCRIPT)]]])
    page.picture(b"", SCRIPT)
    page.details(SCRIPT, SCRIPT)
    html = page.html()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 18
    assert not re.search(r'(title|alt|id|href)="[^"]*<', html)


def test_rows_and_colours() -> None:
    page = Page("t")
    page.table(["a", "b"], [["1", "2"], ["3", "4"]], kinds=["", "failed"], numbers=True)
    page.table([], [["key", "value"]])
    page.bullets([])
    html = page.html()
    assert '<tr class="failed"><td>3</td><td>4</td></tr>' in html
    assert '<table class="numbers"><thead>' in html
    assert "<tr><td>key</td><td>value</td></tr>" in html
    assert "<ul" not in html
    with pytest.raises(ValueError, match="zip"):
        page.table(["a"], [["1"]], kinds=["", ""])


def test_a_picture_has_the_size_of_its_figure_in_inches() -> None:
    page = Page("t")
    with new_figure(5.0, 1.0) as figure:
        figure.add_subplot()
    page.picture(png(figure), "five inches")
    assert f'width="{5 * 96}" src="data:image/png;base64,' in page.html()


def test_a_file_name_that_utf8_cannot_hold_is_written(tmp_path: Path) -> None:
    Page("run-\udcfe").write(tmp_path / "page.html")
    assert "run-?" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_style_is_the_same_outside_the_block_and_leaves_no_trace() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)

    def made(inside: bool) -> bytes:
        with new_figure(2.0, 2.0) as figure:
            label_axes(figure.add_subplot(), "x", "y", "title")
            if inside:
                return png(figure)
        return png(figure)

    assert made(True) == made(False)
    assert dict(matplotlib.rcParams) == before


def test_figures_do_without_pyplot() -> None:
    code = """
import sys
from dlengine.show import new_figure, png
with new_figure(2.0, 2.0) as figure:
    figure.add_subplot()
png(figure)
print("matplotlib.pyplot" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize("text", ["<style", "<!doctype", "FigureCanvasAgg", "savefig(", "rc_context("])
def test_pages_and_figures_are_made_in_one_place(text: str) -> None:
    users = {
        path.relative_to(ROOT).parent.as_posix()
        for folder in ("engine", "cli", "benchmarks", "kernels")
        for path in (ROOT / folder).rglob("*.py")
        if text in path.read_text(encoding="utf-8")
    }
    assert users == {"engine/show"}
