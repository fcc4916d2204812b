"""Fine-tuning of multi-task encoders from a recipe."""
