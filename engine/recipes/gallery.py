"""The gallery: one HTML page with the figures, curves and pictures of several runs, everything inside the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from inspect import cleandoc
from pathlib import Path

from ..errors import CheckpointError
from ..io import reading, write_atomically
from .recipe import Scale
from .run import Run, read_config, read_results

STYLE = """
:root { color-scheme: light; --ink: #222; --soft: #666; --line: #ddd; --good: #146c2e; --bad: #b3261e; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .2rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
table { border-collapse: collapse; }
td, th { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); }
.good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
figure { margin: 1rem 1.5rem 1rem 0; display: inline-block; vertical-align: top; max-width: 100%; }
figure img { max-width: 100%; height: auto; max-height: 32rem; } figcaption { color: var(--soft); max-width: 40rem; }
pre { white-space: pre-wrap; font: inherit; color: var(--soft); max-width: 55rem; }
"""


def finished(folder: str | Path) -> Run:
    """A finished run as it lies in its folder; nothing is computed. Raises CheckpointError, ConfigError."""
    folder = Path(folder)
    config = read_config(folder)
    run = Run(folder, config.recipe, config.recipe.scales[config.scale], read_results(folder))
    with reading(folder / "results.json", CheckpointError, f"measure the run again: dlengine train --resume {folder}"):
        run.verdicts()
    return run


def gallery(folders: Sequence[str | Path], path: str | Path) -> Path:
    """Write the page of some finished runs. All of them are read first. Raises CheckpointError, ConfigError."""
    runs = [finished(folder) for folder in folders]
    index = "".join(_index_row(run) for run in runs)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>dlengine: runs</title><style>{STYLE}</style><h1>dlengine: {len(runs)} run{'s' if len(runs) > 1 else ''}</h1>"
        f"<table><tr><th>recipe</th><th>figures</th><th>scale</th><th>seed</th><th>time</th></tr>{index}</table>"
        f"{''.join(_section(run) for run in runs)}</html>\n"
    )
    write_atomically(path, page.encode(errors="replace"))  # a folder's name need not be text
    return Path(path)


def _anchor(run: Run) -> str:
    return escape(run.folder.resolve().name, quote=True)


def _figures(run: Run) -> str:
    shown = []
    for figure, value, reached in run.verdicts():
        style, mark = ("good", "reached") if reached else ("bad", "missed")
        text = escape(f"{figure.name} {figure.show(value)} ({figure.bound})")
        shown.append(f'<span class="{style}" title="{mark}">{"&#10003;" if reached else "&#10007;"} {text}</span>')
    return "<br>".join(shown)


def _index_row(run: Run) -> str:
    config = read_config(run.folder)
    cells = [_figures(run), escape(config.scale), str(config.seed), duration(run.results["seconds"])]
    name = f'<a href="#{_anchor(run)}">{escape(run.recipe.name)}</a>'
    return f"<tr><td>{name}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _section(run: Run) -> str:
    config, experiment = read_config(run.folder), run.recipe.experiment
    captions = getattr(experiment, "captions", {})
    pictures = [(p, captions[p]) for p in captions if (run.folder / p).is_file()]
    curves = sorted(p.name for p in run.folder.glob("curves*.png"))
    pictures += [(p, "Learning curves" + (f": {p[7:-4]}" if p != "curves.png" else "")) for p in curves]
    idea = escape(cleandoc(experiment.__doc__ or ""))
    scale: Scale = run.scale
    changed = {k: v for k, v in config.settings.items() if v != run.recipe.configure({}, config.scale)[k]}
    names = {figure.name for figure in scale.figures} | {"seconds"}
    others = ", ".join(f"{k} {v:.5g}" for k, v in run.results.items() if k not in names)
    facts = f"{config.scale} scale, seed {config.seed}, {config.dtype}, {config.backend}, {duration(run.results['seconds'])}"
    if changed:
        facts += "; with " + ", ".join(f"{k}={v}" for k, v in changed.items())
    return (
        f'<h2 id="{_anchor(run)}">{escape(run.recipe.name)}</h2><p>{escape(run.recipe.title)}</p><p>{_figures(run)}</p>'
        f'<p class="soft">{escape(facts)}</p>'
        + (f'<p class="soft">also: {escape(others)}</p>' if others else "")
        + "".join(_picture(run.folder / name, caption) for name, caption in pictures)
        + f"<details><summary>the idea</summary><pre>{idea}</pre></details>"
    )


def _picture(path: Path, caption: str) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    text = escape(caption, quote=True)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{content}"><figcaption>{text}</figcaption></figure>'


def duration(seconds: float) -> str:
    """Seconds, or minutes from 100 s on."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
