"""A first description of one's own data, guessed from the data."""
