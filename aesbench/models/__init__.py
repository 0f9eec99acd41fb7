"""Embeddings, backbones, and how they are trained and counted."""
