"""Frames of runs in, frames of numbers out; nothing is drawn or written."""
