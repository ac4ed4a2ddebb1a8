"""Figures of text: predicted next tokens, generated passages, and attention weights."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...show import new_figure, save_figure
from ...show.figures import INK, SECOND

VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥"}


def visible(token: str) -> str:
    """A token with visible characters for white space."""
    return VISIBLE.get(token, token)


def plot_next(path: Path, tokens: Sequence[str], following: Sequence[str], shares: Any, names: Sequence[str], title: str) -> None:
    """After each token (columns) the probabilities of the next (rows); a frame marks the true next token.

    shares: probabilities (T,V) over the vocabulary `names`. Rows: the true next tokens and the most probable others.
    """
    from matplotlib.patches import Rectangle

    shares = np.asarray(shares)
    number = {name: i for i, name in enumerate(names)}
    needed = [number[t] for t in dict.fromkeys(following)]
    others = [int(i) for i in np.argsort(-shares.max(axis=0), kind="stable") if int(i) not in needed]
    rows = sorted(needed + others[: max(0, min(len(names), 18) - len(needed))], key=lambda i: -shares[:, i].sum())
    with new_figure(1.9 + 0.34 * max(len(tokens), 10), 1.5 + 0.25 * len(rows)) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(shares[:, rows].T, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        for t, token in enumerate(following):
            place = (t - 0.5, rows.index(number[token]) - 0.5)
            axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=SECOND, lw=1.6, clip_on=False))
        labels: Any = {"family": "monospace", "fontsize": 11}
        axes.set_xticks(range(len(tokens)), [visible(t) for t in tokens], **labels)
        axes.set_yticks(range(len(rows)), [visible(names[i]) for i in rows], **labels)
        axes.tick_params(length=0)
        axes.set_xlabel("text so far, up to this character")
        axes.set_ylabel("next character")
        axes.set_title(title)
        figure.colorbar(image, ax=axes, label="probability", fraction=0.04, pad=0.02)
        save_figure(figure, path)


def plot_texts(path: Path, texts: Sequence[tuple[str, str]], width: int = 88, lines: int = 9) -> None:
    """Passages of text, each under its heading."""
    blocks = [(head, _wrapped(text, width)[:lines]) for head, text in texts]
    height = sum(2.3 + len(block) for _, block in blocks)
    with new_figure(0.078 * width + 0.4, 0.172 * height) as figure:
        axes = figure.add_subplot()
        axes.axis("off")
        axes.set_xlim(0, 1)
        axes.set_ylim(height, 0)
        row = 0.8
        for head, block in blocks:
            axes.text(0, row, head, fontweight="bold", va="center", fontsize=11)
            for i, line in enumerate(block):
                axes.text(0, row + 1.15 + i, line.replace("$", r"\$"), family="monospace", fontsize=9, color=INK, va="center")
            row += 2.3 + len(block)
        save_figure(figure, path)


def _wrapped(text: str, width: int) -> list[str]:
    return [piece for line in text.splitlines() for piece in (textwrap.wrap(line, width) or [""])]


def plot_attention(
    path: Path, sources: Sequence[Sequence[str]], written: Sequence[Sequence[str]], weights: Sequence[Any]
) -> None:
    """Attention weights (T,S) for each pair of sentences: target words in rows, source words in columns."""
    with new_figure(1.2 + sum(0.42 * len(s) + 1.3 for s in sources), 1.5 + 0.36 * max(8, *map(len, written))) as figure:
        ratios = [len(s) + 2.5 for s in sources]
        for place, source, rows, share in zip(
            figure.subplots(1, len(sources), squeeze=False, width_ratios=ratios)[0], sources, written, weights, strict=True
        ):
            image = place.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
            place.set_xticks(range(len(source)), source, rotation=60, ha="left", rotation_mode="anchor")
            place.set_yticks(range(len(rows)), rows)
            place.xaxis.tick_top()
            place.tick_params(length=0)
        figure.colorbar(image, ax=figure.axes, label="weight", fraction=0.02, pad=0.02)
        save_figure(figure, path)
