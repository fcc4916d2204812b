"""What goes wrong while an image is made or written."""

from __future__ import annotations


class FlashError(OSError):
    """An image cannot be made, written or read; the message says what to do."""


class ImageError(FlashError, ValueError):
    """The file is not an image of the kind that is needed, or has no room."""


class DiskError(FlashError):
    """The device is not one that may be erased."""
