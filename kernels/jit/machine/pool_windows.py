"""Maxima and means of windows of one to three dimensions, as geometry.Windows.table lays them out.

The rows of a window are brought together first, across the whole width of the plane, which is vector code whatever the windows'
width. Then come the columns: of windows at an even stride one tap after the other, for a whole row of outputs; of the others one
window after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .vecmath import maximum
from .vector import clear

HEAD = 14
"""Where the places of windows begin in a table."""

FEW = 8
"""Windows more than so many times as wide as there are outputs in a row are searched one by one."""

WIDE = 8
"""Positions from which a vector pass that finds the largest value pays before it is looked for."""


@inner()
def sections(table: Array) -> tuple[int, int, int]:
    """Where the places along depth, rows and columns begin in a table."""
    rows = HEAD + 3 * table[4]
    return HEAD, rows, rows + 3 * table[5]


@inner()
def copy_to(target: Array, x: Array) -> None:
    for i in range(x.size):
        target[i] = x[i]


@inner()
def add_row(total: Array, x: Array) -> None:
    for i in range(x.size):
        total[i] += x[i]


@inner()
def largest(x: Array) -> Any:
    """Largest element of a row, NaN if there is one."""
    m = x[0]
    for i in range(x.size):
        m = maximum(m, x[i])
    return m


@inner()
def keep_row(best: Array, found: Array, x: Array, row: int) -> None:
    """Where x beats best, put it there and the row's number beside it. The first NaN stays."""
    number = np.int32(row)
    for i in range(best.size):
        value, held = x[i], best[i]
        better = (value > held) | ((value != value) & (held == held))
        best[i] = value if better else held
        found[i] = number if better else found[i]


@inner()
def keep_value(best: Array, x: Array, stride: int) -> None:
    """Where x[stride o] beats best[o], put it there. A NaN stays."""
    for o in range(best.size):
        value, held = x[stride * o], best[o]
        best[o] = value if (value > held) | (value != value) else held


@inner()
def keep_tap(y: Array, rows: Array, taps: Array, best: Array, found: Array, tap: int, stride: int) -> None:
    """Where best[stride o] beats y[o], or equals it and comes from a row further up, it takes its place."""
    number = np.int32(tap)
    for o in range(y.size):
        value, held, row = best[stride * o], y[o], found[stride * o]
        lost, missing = value != value, held != held
        better = (value > held) | (lost & ~missing) | (((value == held) | (lost & missing)) & (row < rows[o]))
        y[o] = value if better else held
        rows[o] = row if better else rows[o]
        taps[o] = number if better else taps[o]


@inner()
def across(
    y: Array, index: Array, best: Array, found: Array, rows: Array, taps: Array, place: tuple[int, int, int, int, int]
) -> None:
    """Outputs at an even stride, tap after tap. place: the first column, stride, number of taps, step, width of the plane."""
    first, stride, count, step, width = place
    for o in range(y.size):
        y[o] = best[first + o * stride]
        rows[o] = found[first + o * stride]
        taps[o] = 0
    for tap in range(1, count):
        values, where = best[first + tap * step :], found[first + tap * step :]
        if stride == 1:  # constant strides become vector code
            keep_tap(y, rows, taps, values, where, tap, 1)
        elif stride == 2:
            keep_tap(y, rows, taps, values, where, tap, 2)
        else:
            keep_tap(y, rows, taps, values, where, tap, stride)
    for o in range(y.size):
        index[o] = np.int64(rows[o]) * width + first + o * stride + np.int64(taps[o]) * step


@inner()
def along(best: Array, found: Array, first: int, count: int, step: int, single: bool) -> tuple[Any, int, int]:
    """The first of the largest values of one window, its row and its column. single: whether the window is one row."""
    if single and step == 1 and count >= WIDE:
        part = best[first : first + count]
        top = largest(part)
        column = 0
        while not (part[column] == top or part[column] != part[column]):
            column += 1
        return part[column], np.int64(found[first]), first + column
    column, held, row = first, best[first], found[first]
    for j in range(1, count):
        at = first + j * step
        value, its = best[at], found[at]
        lost, missing = value != value, held != held
        if value > held or (lost and not missing) or ((value == held or (lost and missing)) and its < row):
            column, held, row = at, value, its
    return held, np.int64(row), column


@jit()
def maxima(x: Array, y: Array, index: Array, table: Array, threads: int) -> None:
    """y: the largest value of each window, index: its place in the plane; 0 and -1 for a window without positions."""
    planes, D, H, W, OD, OH, OW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    low, high, stride, taps = table[10], table[11], table[12], table[13]
    deep, tall, wide = sections(table)
    if taps > FEW * (high - low):
        low = high = 0
    for t in prange(threads):
        scratch, found = np.empty(W, x.dtype), np.zeros(W, np.int32)
        rows, tap = np.empty(OW, np.int32), np.empty(OW, np.int32)
        for line in range(t * planes // threads * OD * OH, (t + 1) * planes // threads * OD * OH):
            od, oh = line // OH % OD, line % OH
            image, at = line // (OH * OD) * D * H * W, line * OW
            layers, height = table[deep + OD + od], table[tall + OH + oh]
            single = layers * height == 1
            best = scratch
            for i in range(layers):
                for j in range(height):
                    row = (table[deep + od] + i * table[7]) * H + table[tall + oh] + j * table[8]
                    part = x[image + row * W : image + (row + 1) * W]
                    if single:
                        best = part
                    if i + j == 0:
                        found[:] = row
                        if not single:
                            copy_to(scratch, part)
                    else:
                        keep_row(scratch, found, part, row)
            if layers * height == 0:
                y[at : at + OW] = 0
                index[at : at + OW] = -1
                continue
            if high > low:
                place = (table[wide + low], stride, taps, table[9], W)
                count = high - low
                across(y[at + low : at + high], index[at + low : at + high], best, found, rows[:count], tap[:count], place)
            for ow in range(OW - (high - low)):
                o = ow if ow < low else ow + high - low
                if table[wide + OW + o] == 0:
                    y[at + o], index[at + o] = 0, -1
                    continue
                value, row, column = along(best, found, table[wide + o], table[wide + OW + o], table[9], single)
                y[at + o], index[at + o] = value, row * W + column


@jit()
def largest_values(x: Array, y: Array, table: Array, threads: int) -> None:
    """y: the largest value of each window; 0 for a window without positions."""
    planes, D, H, W, OD, OH, OW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    low, high, stride, taps = table[10], table[11], table[12], table[13]
    deep, tall, wide = sections(table)
    if taps > FEW * (high - low):
        low = high = 0
    for t in prange(threads):
        scratch = np.empty(W, x.dtype)
        for line in range(t * planes // threads * OD * OH, (t + 1) * planes // threads * OD * OH):
            od, oh = line // OH % OD, line % OH
            image, at = line // (OH * OD) * D * H * W, line * OW
            layers, height = table[deep + OD + od], table[tall + OH + oh]
            best = scratch
            for i in range(layers):
                for j in range(height):
                    row = (table[deep + od] + i * table[7]) * H + table[tall + oh] + j * table[8]
                    part = x[image + row * W : image + (row + 1) * W]
                    if layers * height == 1:
                        best = part
                    elif i + j == 0:
                        copy_to(scratch, part)
                    else:
                        keep_value(scratch, part, 1)
            if layers * height == 0:
                y[at : at + OW] = 0
                continue
            for tap in range(taps if high > low else 0):
                values = best[table[wide + low] + tap * table[9] :]
                if tap == 0:
                    for o in range(high - low):
                        y[at + low + o] = values[o * stride]
                elif stride == 1:
                    keep_value(y[at + low : at + high], values, 1)
                elif stride == 2:
                    keep_value(y[at + low : at + high], values, 2)
                else:
                    keep_value(y[at + low : at + high], values, stride)
            for ow in range(OW - (high - low)):
                o = ow if ow < low else ow + high - low
                first, count = table[wide + o], table[wide + OW + o]
                held = best[first] if count else x.dtype.type(0)
                for j in range(1, count):
                    value = best[first + j * table[9]]
                    held = value if (value > held) | (value != value) else held
                y[at + o] = held


@inner()
def add_tap(total: Array, x: Array, stride: int) -> None:
    for o in range(total.size):
        total[o] += x[stride * o]


@inner()
def spread_tap(total: Array, x: Array, stride: int) -> None:
    for o in range(x.size):
        total[stride * o] += x[o]


@inner()
def divide(y: Array, by: Any) -> None:
    for o in range(y.size):
        y[o] /= by


@inner()
def total_of(x: Array, first: int, count: int, step: int) -> Any:
    total = x.dtype.type(0)
    if step == 1:  # a constant step becomes vector code
        for i in range(first, first + count):
            total += x[i]
    else:
        for i in range(count):
            total += x[first + i * step]
    return total


@jit()
def means(x: Array, y: Array, table: Array, threads: int) -> None:
    """y: the sum of each window, divided by its count."""
    planes, D, H, W, OD, OH, OW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    low, high, stride, taps = table[10], table[11], table[12], table[13]
    deep, tall, wide = sections(table)
    if taps > FEW * (high - low):
        low = high = 0
    for t in prange(threads):
        scratch = np.empty(W, x.dtype)
        for line in range(t * planes // threads * OD * OH, (t + 1) * planes // threads * OD * OH):
            od, oh = line // OH % OD, line % OH
            image, at = line // (OH * OD) * D * H * W, line * OW
            layers, height = table[deep + OD + od], table[tall + OH + oh]
            share = x.dtype.type(table[deep + 2 * OD + od] * table[tall + 2 * OH + oh])
            sums = scratch
            if layers * height != 1:
                clear(scratch)
            for i in range(layers):
                for j in range(height):
                    row = (table[deep + od] + i * table[7]) * H + table[tall + oh] + j * table[8]
                    part = x[image + row * W : image + (row + 1) * W]
                    if layers * height == 1:
                        sums = part
                    else:
                        add_row(scratch, part)
            if high > low:
                result = y[at + low : at + high]
                clear(result)
                for tap in range(taps):
                    values = sums[table[wide + low] + tap * table[9] :]
                    if stride == 1:
                        add_tap(result, values, 1)
                    elif stride == 2:
                        add_tap(result, values, 2)
                    else:
                        add_tap(result, values, stride)
                divide(result, share * x.dtype.type(table[wide + 2 * OW + low]))
            for ow in range(OW - (high - low)):
                o = ow if ow < low else ow + high - low
                total = total_of(sums, table[wide + o], table[wide + OW + o], table[9])
                y[at + o] = total / (share * x.dtype.type(table[wide + 2 * OW + o]))


@jit()
def spread_means(gy: Array, gx: Array, table: Array, threads: int) -> None:
    """gx: each gy divided by the count of its window, and added to all its positions."""
    planes, D, H, W, OD, OH, OW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    low, high, stride, taps = table[10], table[11], table[12], table[13]
    deep, tall, wide = sections(table)
    if taps > FEW * (high - low):
        low = high = 0
    for t in prange(threads):
        scratch, shares = np.empty(W, gy.dtype), np.empty(OW, gy.dtype)
        first_line, last_line = t * planes // threads * OD * OH, (t + 1) * planes // threads * OD * OH
        clear(gx[t * planes // threads * D * H * W : (t + 1) * planes // threads * D * H * W])
        for line in range(first_line, last_line):
            od, oh = line // OH % OD, line % OH
            image, at = line // (OH * OD) * D * H * W, line * OW
            layers, height = table[deep + OD + od], table[tall + OH + oh]
            share = gy.dtype.type(table[deep + 2 * OD + od] * table[tall + 2 * OH + oh])
            spread = scratch
            if layers * height == 1:
                begin = image + (table[deep + od] * H + table[tall + oh]) * W
                spread = gx[begin : begin + W]
            else:
                clear(scratch)
            for o in range(OW):
                shares[o] = gy[at + o] / (share * gy.dtype.type(table[wide + 2 * OW + o]))
            for tap in range(taps if high > low else 0):
                target = spread[table[wide + low] + tap * table[9] :]
                if stride == 1:
                    spread_tap(target, shares[low:high], 1)
                else:
                    spread_tap(target, shares[low:high], stride)
            for ow in range(OW - (high - low)):
                o = ow if ow < low else ow + high - low
                first, part = table[wide + o], shares[o]
                for tap in range(table[wide + OW + o]):
                    spread[first + tap * table[9]] += part
            if layers * height == 1:
                continue
            for i in range(layers):
                for j in range(height):
                    row = (table[deep + od] + i * table[7]) * H + table[tall + oh] + j * table[8]
                    begin = image + row * W
                    add_row(gx[begin : begin + W], scratch)
