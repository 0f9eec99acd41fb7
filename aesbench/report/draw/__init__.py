"""Numbers in, figures out."""
