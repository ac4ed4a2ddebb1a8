"""How a recurrent layer is laid out over the multiprocessors of a GPU."""
