"""PyTorch's functions and tensor methods by family; `core` says how they come under PyTorch's names."""
