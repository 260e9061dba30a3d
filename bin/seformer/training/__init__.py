"""The two stages of fine-tuning."""
