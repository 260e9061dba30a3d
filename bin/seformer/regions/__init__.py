"""Regions: read from any form, checked, and written once with their bases."""
