"""Kernels made from formulas: an elementwise formula, or its sum over axes, becomes vector machine code, without Numba's front
end.

vectors.py, loops.py, reductions.py and entry.py: the code. machine.py: compiling it and keeping it on disk. kernel.py and
reduction.py: what is called with arrays. plain.py: sum, mean, var and so on of a namespace. The formulas themselves are those of
kernels/generated.
"""
