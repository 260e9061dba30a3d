"""What the strongest bases spell."""
