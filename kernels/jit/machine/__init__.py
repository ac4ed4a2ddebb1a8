"""What all jitted kernels are built from: the compiler's options, vectors, tiles, matrix products, the cache on disk."""
