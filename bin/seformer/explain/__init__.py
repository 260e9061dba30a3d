"""Which bases say so, and whether the explanation holds."""
