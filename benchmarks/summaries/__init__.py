"""Extractive summaries against the first sentences, random ones, and the best one."""
