"""How good the model is, beside its baselines."""
