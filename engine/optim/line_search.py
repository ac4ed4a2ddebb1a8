"""A line search that meets the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any, TypeAlias

Array: TypeAlias = Any
DECREASE, CURVATURE = 1e-4, 0.9
"""The Wolfe conditions' c1, the required part of the decrease that the slope predicts, and c2, the part of the slope that
may remain."""


@dataclass
class Point:
    """A step length with the loss, gradient and slope there."""

    t: float
    loss: float
    gradient: Array
    slope: float


def strong_wolfe(
    along: Callable[[float], tuple[float, Array, float]],
    t: float,
    loss: float,
    gradient: Array,
    slope: float,
    largest: float,
    tolerance: float,
    max_evaluations: int = 25,
) -> tuple[float, float, Array, int]:
    """Find a step length t with loss(t) <= loss + c1 t slope and abs(slope(t)) <= c2 abs(slope).

    along(t) computes (loss, gradient, slope) at t. largest is the largest absolute entry of the direction: the search ends
    when the interval times it is below tolerance. Returns t, the loss and gradient there, and the number of evaluations; if
    they run out, the best point found. Source: Nocedal and Wright, 2006, algorithms 3.5 and 3.6.
    """
    start = Point(0.0, loss, gradient, slope)

    def too_high(p: Point) -> bool:
        return not p.loss <= loss + DECREASE * p.t * slope  # true for NaN

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -CURVATURE * slope

    before, now, count = start, Point(t, *along(t)), 1
    bracket = [start, now]
    found = False
    # Bracketing: lengthen the step until an interval must contain a solution.
    for i in range(max_evaluations):
        found = not too_high(now) and not (i > 1 and now.loss >= before.loss) and flat(now)
        if found:
            return now.t, now.loss, now.gradient, count
        if too_high(now) or (i > 1 and now.loss >= before.loss) or now.slope >= 0:
            bracket = [before, now]
            break
        far = cubic(before, now, (now.t + 0.01 * (now.t - before.t), now.t * 10.0))
        before, now = now, Point(far, *along(far))
        bracket = [start, now]
        count += 1
    # Zoom: shrink the interval; low is the index of its better end.
    low, high = _ends(bracket)
    stuck = False
    while count <= max_evaluations and not found:
        ends = sorted((bracket[0].t, bracket[1].t))
        if (ends[1] - ends[0]) * largest < tolerance:
            break
        t, stuck = _inside(cubic(bracket[0], bracket[1], (ends[0], ends[1])), ends[0], ends[1], stuck)
        now = Point(t, *along(t))
        count += 1
        if too_high(now) or now.loss >= bracket[low].loss:
            bracket[high] = now
            low, high = _ends(bracket)
        else:
            found = flat(now)
            if not found and now.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = now
    best = bracket[low]
    return best.t, best.loss, best.gradient, count


def _ends(bracket: list[Point]) -> tuple[int, int]:
    """The index of the end with the lower loss, and the index of the other."""
    return (1, 0) if bracket[0].loss > bracket[1].loss else (0, 1)


def _inside(t: float, least: float, most: float, stuck: bool) -> tuple[float, bool]:
    """Move t to a tenth of the interval from its end, if it is outside or came nearer than that twice in a row."""
    margin = 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if stuck or t >= most or t <= least:
        return (most - margin if abs(t - most) < abs(t - least) else least + margin), False
    return t, True


def cubic(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """The minimum, within bounds, of the cubic through two points and their slopes; the middle if it has none."""
    if a.t > b.t:
        a, b = b, a
    low, high = bounds
    d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2))
    return min(max(t, low), high)
