"""A small certificate authority for one broker and its users; the import of cryptography here.

ECDSA P-256, PEM, and the extensions that strict checks want (RFC 5280, section 4.2). All times are
in UTC, with a zone.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_runtime.errors import ConfigError

_AUTHORITY_DAYS = 3650
_DAYS = 730
# boards without a clock wake up in the past
_BACKDATED = dt.timedelta(days=30)
_RENEWED = dt.timedelta(days=90)
_PEM = serialization.Encoding.PEM


class Pair(NamedTuple):
    """A certificate and its unencrypted private key, in PEM."""

    certificate: bytes
    key: bytes


def new_authority(name: str, now: dt.datetime) -> Pair:
    """Return a new authority, which may sign brokers and users, but no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), key.public_key(), now, _AUTHORITY_DAYS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return _signed(builder, key, _name(name), key, signs_certificates=True)


def new_broker(authority: Pair, hosts: Iterable[str], now: dt.datetime) -> Pair:
    """Return a certificate for a broker under these host names and addresses.

    Raises:
        ConfigError: the authority, or a host, cannot be used; so do the functions below.
    """
    try:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    except ValueError as exc:
        raise ConfigError(f"not a host name or address: {exc}") from exc
    return _issue(authority, "broker", ExtendedKeyUsageOID.SERVER_AUTH, now, names)


def new_user(authority: Pair, name: str, now: dt.datetime) -> Pair:
    """Return a certificate whose common name is the user name on the broker."""
    return _issue(authority, name, ExtendedKeyUsageOID.CLIENT_AUTH, now)


def revocations(
    authority: Pair, before: bytes | None, revoked: Iterable[bytes], now: dt.datetime
) -> bytes:
    """Return the list of what is not valid any more: that of ``before``, and these certificates."""
    certificate, key = _opened(authority)
    dates: dict[int, dt.datetime] = {}
    if before is not None:
        for each in x509.load_pem_x509_crl(before):
            dates[each.serial_number] = each.revocation_date_utc
    for pem in revoked:
        dates.setdefault(x509.load_pem_x509_certificate(pem).serial_number, now)
    builder = x509.CertificateRevocationListBuilder(
        certificate.subject, now - _BACKDATED, certificate.not_valid_after_utc
    )
    for serial, date in sorted(dates.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(date)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(_PEM)


def is_current(certificate: bytes, authority: Pair, hosts: Iterable[str], now: dt.datetime) -> bool:
    """Whether a certificate is of this authority, for these hosts, and has 90 days left or more."""
    found = x509.load_pem_x509_certificate(certificate)
    try:
        found.verify_directly_issued_by(_opened(authority)[0])
    except Exception:  # noqa: BLE001 - whatever is wrong with it: it is not of this authority
        return False
    names: set[str] = set()
    for extension in found.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names = {str(each.value) for each in extension.value}
    return names == set(hosts) and found.not_valid_after_utc - now >= _RENEWED


def _issue(
    authority: Pair,
    name: str,
    use: x509.ObjectIdentifier,
    now: dt.datetime,
    hosts: x509.SubjectAlternativeName | None = None,
) -> Pair:
    issuer, issuer_key = _opened(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(name), key.public_key(), now, _DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    )
    if hosts is not None:
        builder = builder.add_extension(hosts, critical=False)
    return _signed(builder, key, issuer.subject, issuer_key)


def _builder(
    subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(identifier, critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    signs_certificates: bool = False,
) -> Pair:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    certificate = (
        builder.issuer_name(issuer)
        .add_extension(usage, critical=True)
        .add_extension(above, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    private = key.private_bytes(
        _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(_PEM), private)


def _opened(authority: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate)
        key = serialization.load_pem_private_key(authority.key, password=None)
    except (ValueError, TypeError) as exc:
        raise ConfigError(f"the authority's certificate or key cannot be read: {exc}") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("the authority's key is not an ECDSA key")
    return certificate, key


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
