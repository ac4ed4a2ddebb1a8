"""The ways to compute a convolution on the CPU, and the plan that chooses among them."""
