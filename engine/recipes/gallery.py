"""The gallery: one HTML page with the figures, curves and pictures of several runs, everything inside the page."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path

from ..errors import CheckpointError
from ..io import reading
from ..show import Page, Span
from .run import Run
from .run_folder import read_config, read_results


def finished(folder: str | Path) -> Run:
    """Read a finished run from its folder; nothing is computed.

    Parameters
    ----------
    folder : str or Path
        The run folder.

    Returns
    -------
    Run
        The run with its stored results.

    Raises
    ------
    CheckpointError
        If the run is not finished or its files are damaged.
    ConfigError
        If its configuration is not valid.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> dl.recipes.finished("run").results == run.results
    True
    """
    folder = Path(folder)
    config = read_config(folder)
    run = Run(folder, config.recipe, config.recipe.scales[config.scale], read_results(folder))
    with reading(folder / "results.json", CheckpointError, f"measure the run again: dlengine train --resume {folder}"):
        run.verdicts()
    return run


def gallery(folders: Sequence[str | Path], path: str | Path) -> Path:
    """Write an HTML page with the results and the pictures of finished runs.

    Parameters
    ----------
    folders : sequence of str or Path
        The run folders; all are read before the page is written.
    path : str or Path
        The HTML file to write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CheckpointError
        If a run is not finished or its files are damaged.
    ConfigError
        If its configuration is not valid.

    Examples
    --------
    >>> run = dl.recipes.train("linear-svm", {"epochs": 1}, scale="quick", out="run", progress=False)
    >>> page = dl.recipes.gallery(["run"], "runs.html")
    >>> "linear-svm" in page.read_text()
    True
    """
    runs = [finished(folder) for folder in folders]
    page = Page(f"dlengine: {len(runs)} run{'s' if len(runs) > 1 else ''}")
    page.table(["recipe", "figures", "scale", "seed", "time"], [_index_row(run) for run in runs])
    for run in runs:
        _add_section(page, run)
    page.write(path)
    return Path(path)


def _anchor(run: Run) -> str:
    return run.folder.resolve().name


def _figures(run: Run) -> list[Span]:
    """Each figure of a run with its bound, green if it was reached and red if not."""
    spans = []
    for figure, value, reached in run.verdicts():
        kind, mark, tip = ("good", "\u2713", "reached") if reached else ("bad", "\u2717", "missed")
        spans.append(Span(f"{mark} {figure.name} {figure.show(value)} ({figure.bound})", kind, tip))
    return spans


def _index_row(run: Run) -> list[str | list[Span]]:
    config = read_config(run.folder)
    name = [Span(run.recipe.name, link=_anchor(run))]
    return [name, _figures(run), config.scale, str(config.seed), duration(run.results["seconds"])]


def _add_section(page: Page, run: Run) -> None:
    config, experiment = read_config(run.folder), run.recipe.experiment
    page.section(run.recipe.name, anchor=_anchor(run))
    page.paragraph(run.recipe.title)
    page.paragraph(_figures(run))
    facts = f"{config.scale} scale, seed {config.seed}, {config.dtype}, {config.backend}, {duration(run.results['seconds'])}"
    changed = {k: v for k, v in config.settings.items() if v != run.recipe.configure({}, config.scale)[k]}
    if changed:
        facts += "; with " + ", ".join(f"{k}={v}" for k, v in changed.items())
    page.paragraph(facts, "soft")
    names = {figure.name for figure in run.scale.figures} | {"seconds"}
    others = ", ".join(f"{k} {v:.5g}" for k, v in run.results.items() if k not in names)
    if others:
        page.paragraph(f"other results: {others}", "soft")
    captions = getattr(experiment, "captions", {})
    pictures = [(name, caption) for name, caption in captions.items() if (run.folder / name).is_file()]
    curves = sorted(path.name for path in run.folder.glob("curves*.png"))
    pictures += [(p, "Learning curves" + (f": {p[7:-4]}" if p != "curves.png" else "")) for p in curves]
    for name, caption in pictures:
        page.picture((run.folder / name).read_bytes(), caption)
    page.details("what the experiment is about", cleandoc(experiment.__doc__ or ""))


def duration(seconds: float) -> str:
    """Seconds, or minutes from 100 s on."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
