"""The parts of the recurrent kernels on the CPU: gates, tiles of the recurrent product, whole sequences."""
