"""Hugging Face models in, verified int8 bundles for a named device out."""
