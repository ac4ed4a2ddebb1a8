"""What all CUDA kernels are built from: sources, launches, compile checks, matrix products, timing caches."""
