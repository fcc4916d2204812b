"""How long a certificate is valid, read from its PEM file (RFC 5280, section 4.1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime

_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.ASCII
)
_VERSION, _SEQUENCE, _UTC_TIME, _TIME = 0xA0, 0x30, 0x17, 0x18
_LONG = 0x80


class CertificateError(ValueError):
    """The text is no certificate in PEM form."""


def valid_until(pem: str) -> datetime:
    """Return when the first certificate of a file ends, the one that is shown to others.

    Raises:
        CertificateError: there is none, or it is broken.
    """
    found = _PEM.search(pem)
    if found is None:
        raise CertificateError("no certificate in PEM form")
    try:
        return _not_after(base64.b64decode(found.group(1)))
    except (IndexError, StopIteration, binascii.Error, ValueError) as exc:
        raise CertificateError("the certificate is broken") from exc


def _not_after(der: bytes) -> datetime:
    [(_, certificate)] = _elements(der)
    _, to_be_signed = next(_elements(certificate))
    fields = [each for each in _elements(to_be_signed) if each[0] != _VERSION]
    # serial number, signature algorithm, issuer, validity
    tag, validity = fields[3]
    if tag != _SEQUENCE:
        raise ValueError("no validity")
    _, (tag, content) = _elements(validity)
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        # two digits of the year; from 50 on the twentieth century
        century = "19" if text >= "50" else "20"
        text = century + text
    elif tag != _TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the elements that follow each other."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length >= _LONG:
            size = length - _LONG
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > len(der):
            raise ValueError("an element is cut off")
        yield tag, der[at : at + length]
        at += length
