"""Hits and false hits of the answer cache."""
