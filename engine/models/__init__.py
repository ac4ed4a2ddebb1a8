"""Networks that more than one recipe uses."""
