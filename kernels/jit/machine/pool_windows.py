"""Maxima and means of windows of one to three dimensions, as geometry.Windows.table lays them out.

The rows of a window are brought together first, across the whole width of the plane, then the columns of windows at an even
stride, at every column, of which the outputs are picked at the end: that is vector code whatever windows and strides are, and at
strides up to FAR faster than to meet only the columns that count. Other windows are looked at one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .strided import add_apart, pick
from .vecmath import maximum
from .vector import add_to, clear, copy_to

HEAD = 14
"""Where the places of windows begin in a table."""

FEW = 4
"""Fewer windows in a row than this are looked at one by one."""

WIDE = 8
"""So are windows more than so many times as wide as there are outputs in a row."""

FAR = 8
"""And those whose stride is larger."""

SHORT = 64
"""Rows of a plane up to this width are met several at a time, since a row by itself takes longer to begin than to do."""


@inner()
def sections(table: Array) -> tuple[int, int, int]:
    """Where the places along depth, rows and columns begin in a table."""
    rows = HEAD + 3 * table[4]
    return HEAD, rows, rows + 3 * table[5]


@inner()
def together(table: Array) -> tuple[int, int]:
    """The outputs of a row whose columns are brought together, as a range."""
    low, high = table[10], table[11]
    alone = high - low < FEW or table[13] > WIDE * (high - low) or table[12] > FAR
    return (0, 0) if alone else (low, high)


@inner()
def rows_of(table: Array, t: int, threads: int) -> tuple[int, int]:
    """The rows of outputs that a thread has, counted over all planes, as a range: those of whole planes."""
    planes, rows = table[0], table[4] * table[5]
    return t * planes // threads * rows, (t + 1) * planes // threads * rows


@inner()
def next_row(image: int, od: int, oh: int, outputs: tuple[int, int], size: int) -> tuple[int, int, int]:
    """The row of outputs after row oh of layer od, and where its plane, of that size, begins.

    outputs: their layers and rows. There is no division, which small rows would feel.
    """
    oh += 1
    if oh == outputs[1]:
        oh, od = 0, od + 1
    if od == outputs[0]:
        od, image = 0, image + size
    return image, od, oh


@inner()
def windows_of(table: Array, d: int, h: int, outputs: tuple[int, int]) -> tuple[int, int, int, int]:
    """Of the windows of a row of outputs, which layer and row of them they begin in, and their layers and rows.

    d, h: the places in the table for that layer and row. Last the positions along depth and height by which a mean divides.
    """
    OD, OH = outputs
    return table[d] * table[2] + table[h], table[d + OD], table[h + OH], table[d + 2 * OD] * table[h + 2 * OH]


@inner()
def number(places: Array, first: int) -> None:
    for i in range(places.size):
        places[i] = first + i


@inner()
def largest(x: Array) -> Any:
    """Largest element of a row, NaN if there is one."""
    m = x[0]
    for i in range(x.size):
        m = maximum(m, x[i])
    return m


@inner()
def keep_row(best: Array, places: Array, x: Array, first: int) -> None:
    """Where x beats best, put it there and its place, first + i, beside it. The first NaN stays."""
    for i in range(best.size):
        value, held, place = x[i], best[i], places.dtype.type(first + i)
        better = (value > held) | ((value != value) & (held == held))
        best[i] = value if better else held
        places[i] = place if better else places[i]


@inner()
def keep_value(best: Array, x: Array) -> None:
    """Where x beats best, put it there. A NaN stays."""
    for i in range(best.size):
        value, held = x[i], best[i]
        best[i] = value if (value > held) | (value != value) else held


@inner()
def larger_values(best: Array, x: Array, z: Array) -> None:
    """The larger of two values at each place, NaN if there is one."""
    for i in range(best.size):
        value, held = z[i], x[i]
        best[i] = value if (value > held) | (value != value) else held


@inner()
def tallest(table: Array, tall: int) -> int:
    """The most rows that a window has."""
    return int(table[tall + table[5] : tall + 2 * table[5]].max())


@inner()
def keep_values(rows: Array, x: Array, layers: int, layer: int, width: int) -> None:
    """The largest values of the first rows of some layers, which begin `layer` apart, as the first of as many `rows`.

    The rows of a layer, which lie behind each other, are met as one, and then those that are left by halves.
    """
    count, size = rows.size // width, rows.size
    if layers == 1:
        half = (count + 1) // 2
        rest = (count - half) * width
        larger_values(rows[:rest], x[:rest], x[half * width : size])
        copy_to(rows[rest:], x[rest : half * width])
        count = half
    else:
        larger_values(rows, x[:size], x[layer : layer + size])
    for i in range(2, layers):
        keep_value(rows, x[i * layer : i * layer + size])
    while count > 1:
        half = (count + 1) // 2
        keep_value(rows[: (count - half) * width], rows[half * width : count * width])
        count = half


@inner()
def keep_column(best: Array, places: Array, x: Array, its: Array) -> None:
    """Where x beats best, or equals it and lies before it, it takes its place."""
    for i in range(best.size):
        value, held, place, first = x[i], best[i], its[i], places[i]
        lost, missing = value != value, held != held
        better = (value > held) | (lost & ~missing) | (((value == held) | (lost & missing)) & (place < first))
        best[i] = value if better else held
        places[i] = place if better else first


@inner()
def keep_layers(rows: Array, places: Array, x: Array, first: int, layout: tuple[int, int, int]) -> None:
    """As keep_values, with places, of which the first is given; layout: layers, from one to the next, and a row's width."""
    layers, layer, width = layout
    copy_to(rows, x[first : first + rows.size])
    number(places, first)
    for at in range(first + layer, first + layers * layer, layer):
        keep_row(rows, places, x[at : at + rows.size], at)
    for j in range(width, rows.size, width):
        keep_column(rows[:width], places[:width], rows[j : j + width], places[j : j + width])


@inner()
def within(x: Array) -> int:
    """Where in a row the first of the largest values is: a vector pass finds the value, and then its place is looked for."""
    top = largest(x)
    column = 0
    while not (x[column] == top or x[column] != x[column]):
        column += 1
    return column


@inner()
def along(best: Array, places: Array, first: int, count: int, step: int) -> tuple[Any, Any]:
    """The first of the largest values of one window whose rows are brought together, and its place."""
    held, place = best[first], places[first]
    for j in range(1, count):
        value, its = best[first + j * step], places[first + j * step]
        lost, missing = value != value, held != held
        better = (value > held) | (lost & ~missing) | (((value == held) | (lost & missing)) & (its < place))
        held, place = value if better else held, its if better else place
    return held, place


@jit(flat=True)
def maxima(x: Array, y: Array, index: Array, table: Array, like: Array, threads: int) -> None:
    """y: the largest value of each window, index: its place in the plane; 0 and -1 for a window without positions.

    like: an array of the dtype in which places are kept on the way.
    """
    W, OW, step, stride, taps, outputs = table[3], table[6], table[9], table[12], table[13], (table[4], table[5])
    size, layer, row = table[1] * table[2] * W, table[7] * table[2] * W, table[8] * W
    deep, tall, wide = sections(table)
    low, high = together(table)
    count, begin = high - low, table[wide + low]
    span = (count - 1) * stride + 1
    for t in prange(threads):
        room = max(1, tallest(table, tall)) * W
        rows, places = np.empty(room, x.dtype), np.empty(room, like.dtype)
        columns, found = np.empty(W, x.dtype), np.empty(W, like.dtype)
        begins, ends = rows_of(table, t, threads)
        image, od, oh = t * table[0] // threads * size, 0, 0
        for line in range(begins, ends):
            at, (start, layers, height, _) = line * OW, windows_of(table, deep + od, tall + oh, outputs)
            single = layers * height == 1
            base = start * W
            dense = layers > 1 and height > 1 and row == W
            if dense:
                keep_layers(rows[: height * W], places[: height * W], x[image:], base, (layers, layer, W))
            for i in range(0 if dense else layers):
                for j in range(height):
                    place = start * W + i * layer + j * row
                    part = x[image + place : image + place + W]
                    if i + j == 0:
                        copy_to(rows, part)
                        if not single or step != 1 or count > 0:
                            number(places[:W], place)
                    else:
                        keep_row(rows[:W], places, part, place)
            if layers * height == 0:
                y[at : at + OW] = 0
                index[at : at + OW] = -1
            elif count > 0:
                copy_to(columns, rows[begin : begin + span])
                copy_to(found, places[begin : begin + span])
                for tap in range(1, taps):
                    first = begin + tap * step
                    keep_column(columns[:span], found[:span], rows[first : first + span], places[first : first + span])
                pick(y[at + low : at + high], columns, stride)
                pick(index[at + low : at + high], found, stride)
            for ow in range(OW - count if layers * height else 0):
                o = ow if ow < low else ow + count
                if table[wide + OW + o] == 0:
                    y[at + o], index[at + o] = 0, -1
                elif single and step == 1:
                    first = table[wide + o]
                    first += within(rows[first : first + table[wide + OW + o]])
                    y[at + o], index[at + o] = rows[first], base + first
                else:
                    y[at + o], index[at + o] = along(rows, places, table[wide + o], table[wide + OW + o], step)
            image, od, oh = next_row(image, od, oh, outputs, size)


@jit(flat=True)
def largest_values(x: Array, y: Array, table: Array, threads: int) -> None:
    """y: the largest value of each window; 0 for a window without positions."""
    W, OW, step, stride, taps, outputs = table[3], table[6], table[9], table[12], table[13], (table[4], table[5])
    size, layer, row = table[1] * table[2] * W, table[7] * table[2] * W, table[8] * W
    deep, tall, wide = sections(table)
    low, high = together(table)
    count, begin = high - low, table[wide + low]
    span = (count - 1) * stride + 1
    for t in prange(threads):
        rows, columns = np.empty(max(1, tallest(table, tall)) * W, x.dtype), np.empty(W, x.dtype)
        begins, ends = rows_of(table, t, threads)
        image, od, oh = t * table[0] // threads * size, 0, 0
        for line in range(begins, ends):
            at, (start, layers, height, _) = line * OW, windows_of(table, deep + od, tall + oh, outputs)
            place = image + start * W
            held = x[place : place + (W if layers * height else 0)]
            if row == W and height > 1 and (layers > 1 or (layers == 1 and height > 2 and W <= SHORT)):
                keep_values(rows[: height * W], x[place:], layers, layer, W)
                held = rows[:W]
            else:
                for i in range(layers):
                    for j in range(height):
                        if i + j:
                            part = x[place + i * layer + j * row : place + i * layer + j * row + W]
                            if i * height + j == 1:
                                larger_values(rows[:W], held, part)
                                held = rows[:W]
                            else:
                                keep_value(held, part)
            if layers * height == 0:
                y[at : at + OW] = 0
            elif count > 0:
                best = held[begin : begin + span]
                for tap in range(1, taps):
                    first = begin + tap * step
                    if tap == 1:
                        larger_values(columns[:span], best, held[first : first + span])
                        best = columns[:span]
                    else:
                        keep_value(best, held[first : first + span])
                pick(y[at + low : at + high], best, stride)
            for ow in range(OW - count if layers * height else 0):
                o = ow if ow < low else ow + count
                first = table[wide + o]
                top = held[first] if table[wide + OW + o] else x.dtype.type(0)
                for j in range(1, table[wide + OW + o]):
                    value = held[first + j * step]
                    top = value if (value > top) | (value != value) else top
                y[at + o] = top
            image, od, oh = next_row(image, od, oh, outputs, size)


@inner()
def divide(y: Array, by: Any) -> None:
    for o in range(y.size):
        y[o] /= by


@inner()
def total_of(x: Array) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total


@jit(flat=True)
def means(x: Array, y: Array, table: Array, threads: int) -> None:
    """y: the sum of each window, divided by its count."""
    W, OW, step, stride, taps, outputs = table[3], table[6], table[9], table[12], table[13], (table[4], table[5])
    size, layer, row = table[1] * table[2] * W, table[7] * table[2] * W, table[8] * W
    deep, tall, wide = sections(table)
    low, high = together(table)
    count, begin = high - low, table[wide + low]
    span = (count - 1) * stride + 1
    for t in prange(threads):
        rows, columns = np.empty(W, x.dtype), np.empty(W, x.dtype)
        begins, ends = rows_of(table, t, threads)
        image, od, oh = t * table[0] // threads * size, 0, 0
        for line in range(begins, ends):
            at, (start, layers, height, area) = line * OW, windows_of(table, deep + od, tall + oh, outputs)
            share = x.dtype.type(area)
            clear(rows)
            for i in range(layers):
                for j in range(height):
                    place = image + start * W + i * layer + j * row
                    add_to(rows, x[place : place + W])
            if count > 0:
                copy_to(columns, rows[begin : begin + span])
                for tap in range(1, taps):
                    add_to(columns[:span], rows[begin + tap * step : begin + tap * step + span])
                pick(y[at + low : at + high], columns, stride)
                divide(y[at + low : at + high], share * x.dtype.type(table[wide + 2 * OW + low]))
            for ow in range(OW - count):
                o = ow if ow < low else ow + count
                first = table[wide + o]
                total = x.dtype.type(0)
                if step == 1:
                    total = total_of(rows[first : first + table[wide + OW + o]])
                else:
                    for j in range(table[wide + OW + o]):
                        total += rows[first + j * step]
                y[at + o] = total / (share * x.dtype.type(table[wide + 2 * OW + o]))
            image, od, oh = next_row(image, od, oh, outputs, size)


@jit(flat=True)
def spread_means(gy: Array, gx: Array, table: Array, threads: int) -> None:
    """gx: each gy divided by the count of its window, and added to all its positions."""
    W, OW, step, stride, taps, outputs = table[3], table[6], table[9], table[12], table[13], (table[4], table[5])
    size, layer, row = table[1] * table[2] * W, table[7] * table[2] * W, table[8] * W
    deep, tall, wide = sections(table)
    low, high = together(table)
    count = high - low
    for t in prange(threads):
        spread, parts = np.empty(W, gy.dtype), np.empty(OW, gy.dtype)
        begins, ends = rows_of(table, t, threads)
        image, od, oh = t * table[0] // threads * size, 0, 0
        clear(gx[image : (t + 1) * table[0] // threads * size])
        for line in range(begins, ends):
            at, (start, layers, height, area) = line * OW, windows_of(table, deep + od, tall + oh, outputs)
            share = gy.dtype.type(area)
            clear(spread)
            for o in range(OW):
                parts[o] = gy[at + o] / (share * gy.dtype.type(table[wide + 2 * OW + o]))
            for tap in range(taps if count > 0 else 0):
                target = spread[table[wide + low] + tap * step :]
                if stride == 1:
                    add_to(target[:count], parts[low:high])
                else:
                    add_apart(target, parts[low:high], stride)
            for ow in range(OW - count):
                o = ow if ow < low else ow + count
                first, part = table[wide + o], parts[o]
                for tap in range(table[wide + OW + o]):
                    spread[first + tap * step] += part
            for i in range(layers):
                for j in range(height):
                    place = image + start * W + i * layer + j * row
                    add_to(gx[place : place + W], spread)
            image, od, oh = next_row(image, od, oh, outputs, size)
