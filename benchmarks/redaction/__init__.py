"""What would leave a device: leaks by type, and texts that lose a word for nothing.

Patterns alone, heads alone, and both as shipped, on sentences with annotated personal data and on
commands without any. A span leaks if one letter or digit of it is left in the redacted text.
"""
