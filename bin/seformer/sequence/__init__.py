"""Bases as k-mers, tokens, windows and batches."""
