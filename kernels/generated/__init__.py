"""Formulas: elementwise functions of arrays as graphs, of which each kernel set makes kernels in its own way.

expression.py: the formula. simplify.py: constants folded. expansions.py: exp, erf, sin and so on in steps that a vector unit has.
evaluate.py: a formula computed by NumPy. The code is in jit/generated (machine code) and cuda/generated (CUDA C).
"""
