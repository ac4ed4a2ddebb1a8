"""One file for each recipe: `char_lstm.py` defines RECIPE, the recipe char-lstm. Files are found by scanning this folder."""
