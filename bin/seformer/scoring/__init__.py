"""Scores of regions, edits and variants."""
