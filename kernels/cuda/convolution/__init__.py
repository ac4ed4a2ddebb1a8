"""The ways to compute a convolution on a GPU, and the plan that chooses among them."""
