"""Code that several recipes share: data, figures, settings, and the experiments of families of recipes."""
