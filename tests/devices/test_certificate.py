from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_devices.certificate import CertificateError, valid_until


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(length)]) + length + content


def certificate(end: bytes, *, tag: int = 0x17, version: bool = True, issuer: int = 10) -> bytes:
    validity = element(0x30, element(0x17, b"200101000000Z") + element(tag, end))
    fields = [element(0x02, b"\1"), element(0x30, b""), element(0x30, b"x" * issuer), validity]
    if version:
        fields.insert(0, element(0xA0, element(0x02, b"\2")))
    return element(0x30, element(0x30, b"".join(fields)) + element(0x30, b""))


def pem(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"Bag Attributes\n-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("end", "tag", "year"),
    [
        (b"271231235959Z", 0x17, 2027),
        (b"491231235959Z", 0x17, 2049),
        (b"501231235959Z", 0x17, 1950),
        (b"20991231235959Z", 0x18, 2099),
    ],
)
def test_both_forms_of_time_are_read(end: bytes, tag: int, year: int) -> None:
    expected = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert valid_until(pem(certificate(end, tag=tag))) == expected
    assert valid_until(pem(certificate(end, tag=tag, version=False, issuer=70_000))) == expected


def test_the_first_certificate_of_a_chain_counts() -> None:
    chain = pem(certificate(b"271231235959Z")) + pem(certificate(b"301231235959Z"))
    assert valid_until(chain).year == 2027


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error_of_another_kind(der: bytes) -> None:
    with pytest.raises(CertificateError):
        valid_until(pem(der))


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_damaged_certificate_is_read_or_refused(at: int, value: int) -> None:
    der = bytearray(certificate(b"271231235959Z"))
    der[min(at, len(der) - 1)] = value
    try:
        valid_until(pem(bytes(der)))
    except CertificateError:
        return
