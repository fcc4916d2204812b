"""Scores of bundles on labelled files: metrics with intervals, and how each task is scored."""
