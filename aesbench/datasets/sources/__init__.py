"""Data sets that are built in, a file each."""
