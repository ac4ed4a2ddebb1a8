"""CUDA kernels made from formulas (kernels/generated): one text for a card and for the emulator.

code.py: the text. layout.py: how a kernel walks through arrays of any shape. kernel.py: what is called with arrays.
update.py: optimizers' steps, which renew the arrays of many tensors in one launch.
"""
