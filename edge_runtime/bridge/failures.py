"""Failures that should not happen, in a log that must not hold what people wrote."""

from __future__ import annotations

import logging


def log_failure(log: logging.Logger, what: str, exc: Exception) -> None:
    """Log its kind as an error, and its traceback, which may quote a text, for debugging only."""
    log.error("%s: %s", what, type(exc).__name__)
    log.debug("%s", what, exc_info=exc)
