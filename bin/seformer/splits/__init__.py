"""Which regions train, choose and test."""
