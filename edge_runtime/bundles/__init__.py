"""Bundles: the directories that a device runs."""
