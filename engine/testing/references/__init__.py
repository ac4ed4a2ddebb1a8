"""Independent implementations of the ops on NumPy arrays in float64: loops and formulas that share no code with the ops.

The op table's rows name them (`case(..., reference=...)`); see ../reference.py for the comparison.
"""
