"""Passwords that nobody has to remember, and how mosquitto keeps them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping

_BYTES = 32
_SALT_BYTES = 12
# enough for a random password of 256 bits, and the broker's only thread computes it at each connect
_ROUNDS = 101


def new_password() -> str:
    """Return 256 random bits as text that is safe in a file, a variable and a URL."""
    return secrets.token_urlsafe(_BYTES)


def password_file(passwords: Mapping[str, str]) -> str:
    """Return mosquitto's password file for these users: PBKDF2 with SHA-512, as of 2.0."""
    return "".join(f"{name}:{_hashed(passwords[name])}\n" for name in sorted(passwords))


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${_text(salt)}${_text(key)}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
