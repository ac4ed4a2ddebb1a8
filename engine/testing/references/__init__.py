"""Independent texts of the ops, on NumPy arrays in float64: loops and formulas that share no line with what they check.

The op table's rows name them (`case(..., reference=...)`); see ../reference.py for the comparison.
"""
